"""What every policy is: one method that plans a chunk, and the facts about it that the runtime reads."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import PromptError
from ..specs.robot import RobotSpec
from ..types import ActionChunk, Float32, Observation
from .binding import bind
from .channels import ActionChannel, CameraInput, StateChannel


@dataclass(frozen=True)
class PolicyInfo:
    """Everything that the runtime knows of a policy; it reads nothing else.

    Attributes:
        rows: T, rows of a chunk.
        dt_s: seconds between two rows.
        execution_horizon: rows to follow before the next plan is due, 1..rows.
        max_delay: most committed rows that the policy keeps; 0 for one that ignores them.
        guidance: "none", or what the policy does with `previous`: only then it is handed over.
        name: for messages.
        embodiments: robots that the policy was trained for; empty: any whose slots it commands.
        state: inputs by joint, slot and unit.
        action: outputs by joint, slot and unit.
        cameras: views by role, and their size.
        words: what the policy was taught to understand; None: it reads any text, or none.
    """

    rows: int
    dt_s: float
    execution_horizon: int
    max_delay: int
    guidance: str = "none"
    name: str = "policy"
    embodiments: tuple[str, ...] = ()
    state: tuple[StateChannel, ...] = ()
    action: tuple[ActionChannel, ...] = ()
    cameras: tuple[CameraInput, ...] = ()
    words: frozenset[str] | None = None

    @property
    def guided(self) -> bool:
        """Whether the policy wants the whole plan in force (`previous`), not only its committed rows."""
        return self.guidance != "none"


class Policy(Protocol):
    """Anything that plans a chunk from an observation.

    `info` and `infer` make a policy. A class that names this one as its base inherits the other methods; `Runner` fills
    them in for one that does not.

    Attributes:
        info: the facts; the same for the whole life of the policy.
    """

    info: PolicyInfo

    def infer(
        self, obs: Observation, *, committed: Float32 | None, previous: Float32 | None = None
    ) -> ActionChunk:
        """Plan from `obs`; the first rows equal `committed` exactly.

        Args:
            obs: state in raw slots, one image per camera, the task in words.
            committed: (d, 200) raw slots, d <= `info.max_delay`: rows that the arm follows meanwhile.
            previous: (p, 200) raw slots, p <= rows: what the plan in force says of rows 0 .. p-1. Only handed over
                where `info.guided`.
        """
        ...

    def bind(self, robot: RobotSpec) -> None:
        """Check every input and output against `robot`, and act as its embodiment. Raises BindingError."""
        if self.info.embodiments:
            bind(self.info, robot)

    def check_task(self, task: str) -> Sequence[str]:
        """Return the words of `task` that the policy was never taught. Raises PromptError when it knows none."""
        known = self.info.words
        if known is None:
            return ()
        words = list(dict.fromkeys(task.split()))
        unknown = [word for word in words if word not in known]
        if len(unknown) == len(words):
            raise PromptError(f"this policy knows no word of the instruction {task!r}")
        return unknown

    def picture_distances(self) -> dict[str, float]:
        """Return how unlike all pictures of training those of the last plan are, by view; 1 is the usual most.

        Empty where the policy cannot tell.
        """
        return {}

    def seed(self, seed: int | None) -> None:
        """Restart the noise, so that a run can be repeated; None draws it anew. Nothing to do without noise."""
        del seed

    def warm_up(self) -> None:
        """Touch all memory once, so that the first real call is as fast as the others."""
        return


def __getattr__(name: str) -> Any:
    if name == "ChunkPolicy":  # here in 0.1.0
        warnings.warn("ChunkPolicy is motorium.Policy now", DeprecationWarning, stacklevel=2)
        return Policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
