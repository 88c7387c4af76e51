"""Play a policy that is being trained in closed loop, where something can: training itself knows no simulator.

An evaluator is an entry point of the group `motorium.evaluators`, named as the scheme of the robots that it plays:
`sim` plays "sim:so101". Another package can bring its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

from ..errors import MotoriumError
from ..policies.base import Policy

GROUP = "motorium.evaluators"
APART = 900_000_000
"""First scene of checks while training: evaluation's, which training never sees, but none that a report counts."""


@dataclass(frozen=True)
class Check:
    """What to play.

    Attributes:
        robot: with its scheme, such as "sim:so101".
        task: a task's name or one instruction for all episodes; what names there are is the evaluator's matter.
        episodes: scenes `seed`, `seed` + 1, ...
        seed: of the first scene.
        limit_s: after that an episode has failed.
    """

    robot: str
    task: str = "pick-to-tray"
    episodes: int = 20
    seed: int = APART
    limit_s: float = 15.0


class Evaluator(Protocol):
    """Plays policies."""

    def __call__(self, policy: Policy, check: Check) -> list[bool]:
        """Play the episodes of a check, in this process; return which of them succeeded. Raises MotoriumError."""
        ...


def has_evaluator(robot: str) -> bool:
    """Return whether an evaluator of this robot is installed; there is none of a real arm."""
    return robot.partition(":")[0] in {entry.name for entry in entry_points(group=GROUP)}


def play_closed_loop(policy: Policy, check: Check) -> list[bool]:
    """Play a check by the evaluator of its robot; return which episodes succeeded.

    Raises MotoriumError: nothing that is installed plays this robot, or what the evaluator raises.
    """
    scheme = check.robot.partition(":")[0]
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if scheme not in found:
        known = ", ".join(f"{name}:" for name in sorted(found)) or "none"
        raise MotoriumError(f"nothing plays {check.robot} in closed loop; evaluators: {known}")
    play: Evaluator = found[scheme].load()
    return play(policy, check)
