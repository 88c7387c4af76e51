"""`motorium record --lockstep`: a scripted operator in virtual time, faster than the clock."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import SimulationError
from ._print import echo
from ._record_view import OUTCOMES
from ._verb import count, print_json, say

if TYPE_CHECKING:
    from ..data.record.record_plan import Recorded

LIVE = (
    "port",
    "leader_port",
    "calibration",
    "leader_calibration",
    "strict",
    "subtasks",
    "pedal",
    "pedal_keys",
)
VIRTUAL = ("operator", "processes", "scene")


def check_options(robot: str, leader: str, *, lockstep: bool) -> None:
    """Refuse options of the other way to record, and in virtual time whatever only real time has.

    Raises UsageError for an option, SimulationError for a real arm or a leader that is moved by hand.
    """
    context = click.get_current_context()
    given = [
        "--" + name.replace("_", "-")
        for name in (LIVE if lockstep else VIRTUAL)
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{given[0]} means nothing {'with' if lockstep else 'without'} --lockstep")
    if lockstep and not robot.startswith("sim:"):
        raise SimulationError(
            f"{robot} is a real arm, which moves in real time: --lockstep is for simulated ones, such as sim:so101"
        )
    if lockstep and leader != "script":
        raise SimulationError(f"{leader} is moved by hand, in real time: --lockstep needs --leader script")


def record_virtual(robot: str, *, as_json: bool, seed: int | None, **options: Any) -> None:
    """Record and tell what was recorded: a line per episode and a summary, or one JSON object.

    Args:
        robot: as it was given.
        as_json: print one JSON object and nothing else.
        seed: of the first scene; None: the first of training's.
        **options: other fields of `LockStepPlan`.
    """
    from ..sim.lockstep_recording import LockStepPlan, record_lockstep
    from ..sim.scene import TRAINING_SEEDS_FROM

    first = TRAINING_SEEDS_FROM if seed is None else seed
    plan = LockStepPlan(robot=robot.removeprefix("sim:"), seed=first, **options)

    def tell(number: int, recorded: Recorded) -> None:
        rows = recorded.finished.episode.length
        echo(f"{number:>4} of {plan.episodes}  {recorded.task}: {OUTCOMES[recorded.success]}, {rows} rows")

    try:
        totals, writer = record_lockstep(plan, (lambda _number, _recorded: None) if as_json else tell)
    except KeyboardInterrupt:
        say(f"what was finished is kept in {plan.root}; the same command records the rest")
        raise
    if as_json:
        result: dict[str, Any] = {
            "dataset": str(plan.root),
            "episodes": [one.as_dict() for one in totals.recorded],
            "repaired": writer.repaired.as_dict(),
            "there": totals.there,
            "successes": totals.successes,
            "seconds": round(totals.seconds, 2),
            "times_real_time": round(totals.times_real_time, 2),
        }
        print_json(result)
        return
    added, last = len(totals.recorded), plan.seed + plan.episodes - 1
    there = f"; {totals.there} were there" if totals.there else ""
    pace = f", in {totals.seconds:.0f} s, {totals.times_real_time:.1f} times real time" if added else ""
    echo(f"{count(added, 'episode')} added to {plan.root}, {totals.successes} with success{pace}{there}")
    echo(
        f"scenes {plan.seed}..{last}, of training, which evaluation never uses; failures are noted as such. Look at "
        f"them: motorium data view {quote(str(plan.root))}"
    )
