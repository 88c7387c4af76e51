"""Record demonstrations as a LeRobotDataset, durable episode by episode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from ..errors import SpecError
from ..files import check_writable
from ._arm import open_with_cameras, tell_without_cameras
from ._print import echo
from ._record_view import telling_what_is_kept, unknown, watch
from ._task import check_task
from ._verb import Number, Verb, count, json_option, print_json, say

if TYPE_CHECKING:
    from ..data.record.record_plan import Leader
    from ..operator.marks import Mark
    from ..robots.robot import Robot
    from ..teleop.leader import LeaderArm


@click.command(cls=Verb, name="record")
@click.argument("robot")
@click.option("--leader", required=True, help="Leader: script, so101_leader, or sim:so101_leader.")
@click.option("--port", help="Serial port of a real arm; see `motorium ports`.")
@click.option("--leader-port", help="Serial port of the leader.")
@click.option("--calibration", help="Calibration of the arm: name or file.")
@click.option("--leader-calibration", help="Calibration of the leader: name or file.")
@click.option(
    "--dataset",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the dataset, new or to continue.",
)
@click.option(
    "--episodes", type=click.IntRange(1), default=10, show_default=True, help="How many episodes to add."
)
@click.option("--task", help="The instruction; without it, or with a task's name, every scene draws its own.")
@click.option(
    "--fps", type=click.IntRange(0, 1000), default=0, help="Rows per second.  [default: the cameras' rate]"
)
@click.option(
    "--limit",
    "limit_s",
    type=Number(0.1),
    default=30.0,
    show_default=True,
    help="Seconds per episode.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first scene.")
@click.option("--codec", type=click.Choice(["h264", "av1"]), default="h264", show_default=True)
@click.option("--strict", is_flag=True, help="Repeat episodes that missed their rates.")
@click.option(
    "--accept",
    type=click.Choice(["robot", "calibration"]),
    multiple=True,
    help="Continue a dataset even if this differs for the arm; noted per episode.",
)
@click.option(
    "--subtasks",
    help="Names of sub-tasks in order, such as reach,grasp,place: adds columns subtask_index and contact.",
)
@click.option(
    "--pedal", help="Foot switch for marks, /dev/input/by-id/...; without --subtasks they are numbered."
)
@click.option(
    "--pedal-keys",
    help="What its keys mean: contact, subtask, outcome (a tap is success, 0.8 s is failure), success, failure, mark, "
    "none.  [default: contact,subtask,outcome]",
)
@json_option
def command(
    robot: str,
    leader: str,
    port: str | None,
    leader_port: str | None,
    calibration: str | None,
    leader_calibration: str | None,
    dataset: Path,
    episodes: int,
    task: str | None,
    fps: int,
    limit_s: float,
    seed: int,
    codec: str,
    strict: bool,
    accept: tuple[str, ...],
    subtasks: str | None,
    pedal: str | None,
    pedal_keys: str | None,
    as_json: bool,
) -> None:
    """Record ROBOT, such as sim:so101, into a dataset that LeRobot opens.

    On a terminal: space and Escape stop the arm at once. s ends the episode as a success, f as a failure; Enter ends
    and keeps it without an outcome (a simulated scene is judged; a real arm's outcome stays unknown until somebody
    notes it, also later with `motorium data mark`), r records it again, d discards it, q ends the session. n marks
    the next sub-task, c the start and the end of a contact, m anything.

    A killed session loses at most the episode in progress, and the next one, or `motorium data repair`, recovers most
    of it.
    """
    from contextlib import ExitStack

    from ..data.format.identity import Accepted
    from ..data.record.record_plan import RecordPlan
    from ..data.record.recorder import record
    from ..operator.marks import RECORD_KEYS
    from ..operator.operator import Operator

    check_task(robot, task, judged=True)
    _check_dataset(dataset)
    plan = RecordPlan(
        dataset, episodes, task, fps, limit_s, seed=seed, codec=codec, strict=strict, subtasks=_names(subtasks, pedal),
        accepted=Accepted("robot" in accept, "calibration" in accept),
    )  # fmt: skip
    with ExitStack() as stack:
        operator = stack.enter_context(
            Operator(say=say, keys=RECORD_KEYS, pedal=pedal, pedal_marks=_pedal_marks(pedal, pedal_keys))
        )
        hand = _hand(leader, leader_port, leader_calibration)
        if hand is not None:
            stack.enter_context(hand)
        stack.enter_context(telling_what_is_kept(dataset))  # also where the arm does not get to rest
        arm = open_with_cameras(robot, port, calibration, {"seed": seed} if ":" in robot else {})
        stack.enter_context(operator.attending(arm))
        tell_without_cameras(arm)
        watcher = watch(operator, silent=as_json)
        recorded, writer = record(arm, _shows(arm, hand), plan, watcher, operator.log)
        control = arm.control.stats()
    result: dict[str, Any] = {
        "dataset": str(dataset),
        "episodes": [r.as_dict() for r in recorded],
        "repaired": writer.repaired.as_dict(),
        "control": {"ticks": control.ticks, "missed": control.missed},
    }
    look = f"; look at them: motorium data view {quote(str(dataset))}" if recorded else ""
    said = f"{count(len(recorded), 'episode')} added to {dataset}{look}"
    print_json(result) if as_json else echo(said)
    if left := unknown(recorded, dataset):
        say(left)


def _check_dataset(dataset: Path) -> None:
    """Raise StorageError when it cannot be written, SpecError for a ~ that the shell left."""
    if str(dataset).startswith("~"):
        raise SpecError(
            f"--dataset {dataset}: the shell did not expand ~: leave a space before it, and no quotes; a "
            f"folder that is really called so is named by its whole path"
        )
    check_writable(dataset, "the dataset")


def _pedal_marks(pedal: str | None, keys: str | None) -> Mapping[int, Mark]:
    """Return what the keys of the foot switch mean. Raises MotoriumError, and UsageError without a foot switch."""
    from ..operator.marks import RECORDING
    from ..operator.pedal import marks_for

    if pedal is None and keys is not None:
        raise click.UsageError("--pedal-keys says what the keys of a --pedal mean: give that too")
    return marks_for(RECORDING if keys is None else [word.strip() for word in keys.split(",")])


def _hand(leader: str, port: str | None, calibration: str | None) -> LeaderArm | None:
    """Return the arm that is moved by hand; None for the script."""
    from ..teleop.leader import open_leader

    if leader == "script":
        return None
    try:
        return open_leader(leader, port=port, calibration=calibration)
    except SpecError as error:
        raise SpecError(f"--leader: {error}; for a simulated arm also: script") from error


def _shows(arm: Robot, hand: LeaderArm | None) -> Leader:
    """Return the script of a simulated scene, or the arm that is moved by hand."""
    if hand is None:
        from ..sim.script import ScriptLeader

        return ScriptLeader(arm)
    from ..teleop.recording import ArmLeader

    return ArmLeader(arm, hand)


def _names(subtasks: str | None, pedal: str | None) -> tuple[str, ...] | None:
    """Names of sub-tasks; () numbers them; None keeps no column."""
    if subtasks is None:
        return None if pedal is None else ()
    names = tuple(name.strip() for name in subtasks.split(","))
    if not all(names) or len(set(names)) != len(names) or max(map(len, names)) > 200:
        raise click.BadParameter("names, each once, with commas between", param_hint="--subtasks")
    return names
