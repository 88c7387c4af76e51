"""Record demonstrations as a LeRobotDataset, durable episode by episode."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import SpecError
from ..files import check_writable
from ._record_live import Asked, record_live
from ._record_lockstep import check_options, record_virtual
from ._record_marks import names, pedal_marks
from ._task import check_task
from ._verb import Number, Verb, json_option


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
    "--episodes",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many episodes to add; with --lockstep, how many scenes from the first on to have.",
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
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="Seed of the first scene. Scenes to train on have seeds from 1000000000 on: those below are what policies "
    "are evaluated on.  [default: 0; with --lockstep 1000000000]",
)
@click.option(
    "--codec",
    type=click.Choice(["h264", "av1"]),
    default="h264",
    show_default=True,
    help="Format of the videos; av1 is smaller and slower to encode.",
)
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
@click.option(
    "--lockstep",
    is_flag=True,
    help="Virtual time, faster than the clock: simulated scenes of training, seeds from 1000000000 on. Those that the "
    "dataset has already are not recorded again.",
)
@click.option(
    "--operator",
    type=click.Choice(["person", "exact"]),
    default="person",
    show_default=True,
    help="Who demonstrates with --lockstep: a slower, sometimes mistaken person, or the exact expert.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Worker processes of --lockstep.",
)
@click.option(
    "--scene",
    default="usual",
    show_default=True,
    help="Scenes of --lockstep as usual, or a declared variation: camera-moved, new-colour.",
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
    seed: int | None,
    codec: str,
    strict: bool,
    accept: tuple[str, ...],
    subtasks: str | None,
    pedal: str | None,
    pedal_keys: str | None,
    lockstep: bool,
    operator: str,
    processes: int,
    scene: str,
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
    from ..data.format.identity import Accepted
    from ..data.record.record_plan import RecordPlan

    check_options(robot, leader, lockstep=lockstep)
    check_task(robot, task, judged=True, scene=scene)
    _check_dataset(dataset)
    accepted = Accepted("robot" in accept, "calibration" in accept)
    if lockstep:
        record_virtual(
            robot, as_json=as_json, root=dataset, episodes=episodes, task=task, seed=seed, operator=operator, fps=fps,
            limit_s=limit_s, codec=codec, processes=processes, accepted=accepted,
            scene=scene,
        )  # fmt: skip
        return
    plan = RecordPlan(
        dataset, episodes, task, fps, limit_s, seed=seed or 0, codec=codec, strict=strict,
        subtasks=names(subtasks, pedal), accepted=accepted,
    )  # fmt: skip
    asked = Asked(robot, port, calibration), Asked(leader, leader_port, leader_calibration)
    record_live(asked, plan, (pedal, pedal_marks(pedal, pedal_keys)), as_json=as_json)


def _check_dataset(dataset: Path) -> None:
    """Raise StorageError when it cannot be written, SpecError for a ~ that the shell left."""
    if str(dataset).startswith("~"):
        raise SpecError(
            f"--dataset {dataset}: the shell did not expand ~: leave a space before it, and no quotes; a "
            f"folder that is really called so is named by its whole path"
        )
    check_writable(dataset, "the dataset")
