"""`motorium record` of an arm that moves in real time, led by hand or by the script."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any

from ..errors import SpecError
from ._arm import open_with_cameras, tell_without_cameras
from ._print import echo
from ._record_view import telling_what_is_kept, unknown, watch
from ._verb import count, print_json, say

if TYPE_CHECKING:
    from ..data.record.record_plan import Leader, RecordPlan
    from ..operator.marks import Mark
    from ..robots.robot import Robot
    from ..teleop.leader import LeaderArm


@dataclass(frozen=True)
class Asked:
    """An arm as it was asked for."""

    name: str
    port: str | None
    calibration: str | None


def record_live(
    asked: tuple[Asked, Asked],
    plan: RecordPlan,
    marks: tuple[str | None, Mapping[int, Mark]],
    *,
    as_json: bool,
) -> None:
    """Record and tell what was kept.

    Args:
        asked: the arm, and who leads it.
        plan: what to record.
        marks: a foot switch, and what its keys mean.
        as_json: print one JSON object and nothing else.
    """
    from ..data.record.recorder import record
    from ..operator.marks import RECORD_KEYS
    from ..operator.operator import Operator

    with ExitStack() as stack:
        (follower, leader), (pedal, pedal_marks) = asked, marks
        operator = stack.enter_context(
            Operator(say=say, keys=RECORD_KEYS, pedal=pedal, pedal_marks=pedal_marks)
        )
        hand = _hand(leader)
        if hand is not None:
            stack.enter_context(hand)
        stack.enter_context(telling_what_is_kept(plan.root))  # also where the arm does not get to rest
        options = {"seed": plan.seed} if ":" in follower.name else {}
        arm = open_with_cameras(follower.name, follower.port, follower.calibration, options)
        stack.enter_context(operator.attending(arm))
        tell_without_cameras(arm)
        watcher = watch(operator, silent=as_json)
        recorded, writer = record(arm, _shows(arm, hand), plan, watcher, operator.log)
        control = arm.control.stats()
    result: dict[str, Any] = {
        "dataset": str(plan.root),
        "episodes": [r.as_dict() for r in recorded],
        "repaired": writer.repaired.as_dict(),
        "control": {"ticks": control.ticks, "missed": control.missed},
    }
    look = f"; look at them: motorium data view {quote(str(plan.root))}" if recorded else ""
    said = f"{count(len(recorded), 'episode')} added to {plan.root}{look}"
    print_json(result) if as_json else echo(said)
    if left := unknown(recorded, plan.root):
        say(left)


def _hand(leader: Asked) -> LeaderArm | None:
    """Return the arm that is moved by hand; None for the script."""
    from ..teleop.leader import open_leader

    if leader.name == "script":
        return None
    try:
        return open_leader(leader.name, port=leader.port, calibration=leader.calibration)
    except SpecError as error:
        raise SpecError(f"--leader: {error}; for a simulated arm also: script") from error


def _shows(arm: Robot, hand: LeaderArm | None) -> Leader:
    """Return the script of a simulated scene, or the arm that is moved by hand."""
    if hand is None:
        from ..sim.script import ScriptLeader

        return ScriptLeader(arm)
    from ..teleop.recording import ArmLeader

    return ArmLeader(arm, hand)
