"""Look at, check, repair and change datasets."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from . import _data_check, _data_convert, _data_edit, _data_joints, _data_mark, _data_stats, _data_view
from ._print import echo
from ._verb import Group, Verb, count, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..data.record.repair import Repair

dataset_argument = click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))


@click.group(cls=Group, name="data")
def command() -> None:
    """Look at, check, repair and change datasets: LeRobot v3.0 from here or elsewhere; v2.1 and v2.0 read-only.

    Every command takes --json.
    """


@command.command(cls=Verb, name="info")
@dataset_argument
@json_option
def info(dataset: Path, as_json: bool) -> None:
    """Show what is in DATASET."""
    from ..data.edit.marking import summary
    from ..data.format.dataset import Dataset
    from ..data.format.said_units import units_of
    from ..data.format.snapshot import unattended, written
    from ..data.record import aside

    found = Dataset.open(dataset)
    schema, told = found.schema, summary(found)
    value: dict[str, Any] = {
        "dataset": str(dataset),
        "version": found.info.version,
        "robot": schema.robot,
        "fps": schema.fps,
        "episodes": len(found.episodes),
        "frames": found.frames,
        "duration_s": round(found.frames / schema.fps, 3),
        "outcomes": told.outcomes,
        "cut_off": list(told.cut_off),
        "being_written": written(dataset),
        "waiting": [path.name for paths in unattended(dataset) for path in paths],
        "aside": [one.told(dataset) for one in aside.lying(dataset)],
        "splits": dict(found.info.splits or {}),
        "units": units_of(schema),
        "tasks": list(found.tasks),
        "features": {f.key: {"dtype": f.dtype, "shape": list(f.shape)} for f in schema.features},
        "schema": schema.digest(),
    }
    if as_json:
        print_json(value)
        return
    print_table(
        ["dataset", str(dataset)],
        [
            *([k, value[k]] for k in ("version", "robot", "fps", "episodes", "frames", "duration_s")),
            ["outcomes", ", ".join(f"{n} {word}" for word, n in told.outcomes.items())],
            ["splits", "; ".join(f"{name} {text}" for name, text in (found.info.splits or {}).items())],
            *([["cut off", f"episodes {','.join(map(str, told.cut_off))}"]] if told.cut_off else []),
            *([["being written", "yes"]] if value["being_written"] else []),
            *([["waiting", _waiting(len(value["waiting"]), dataset)]] if value["waiting"] else []),
            *(["aside", told] for told in value["aside"]),
        ],
    )
    echo()
    print_table(
        ["feature", "type", "shape"], [[f.key, f.dtype, "x".join(map(str, f.shape))] for f in schema.features]
    )
    echo()
    print_table(["task", ""], [[i, repr(task)] for i, task in enumerate(found.tasks)])


def _waiting(number: int, dataset: Path) -> str:
    return (
        f"{count(number, 'episode')} not counted here; to recover: motorium data repair {quote(str(dataset))}"
    )


@command.command(cls=Verb, name="repair")
@dataset_argument
@click.option("--again", is_flag=True, help="Also retry what was set aside in .recording/lost.")
@json_option
def repair(dataset: Path, again: bool, as_json: bool) -> None:
    """Put finished episodes in place, and recover the interrupted one up to its last full second.

    What cannot be recovered is set aside in .recording/lost with the reason. Exits with 2 when something can only be
    repaired later, such as once the disk has room.
    """
    from ..data.record.repair import RepairPendingError
    from ..data.record.repair import repair as mend

    try:
        done = mend(dataset, again=again)
    except RepairPendingError as pending:
        if not as_json:
            _tell(pending.done, dataset)
        raise
    if as_json:
        print_json(done.as_dict())
        return
    _tell(done, dataset)
    if done.nothing:
        echo("nothing to repair")


def _tell(done: Repair, dataset: Path) -> None:
    for line in [*done.told(), *done.aside]:
        echo(line)
    if done.aside:
        echo(f"try what lies aside once more: motorium data repair {quote(str(dataset))} --again")


for group in (_data_stats, _data_check, _data_mark, _data_edit, _data_joints, _data_convert, _data_view):
    for verb in group.VERBS:
        command.add_command(verb)
