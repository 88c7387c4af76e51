"""The verbs of `motorium data` that know joints: mirroring, merging, and the units joints are in."""

from __future__ import annotations

from pathlib import Path

import click

from ._data_edit import dataset_argument, make_dataset, out_option, say_what_waits
from ._print import echo
from ._verb import Verb, json_option, print_json

UNITS = click.Choice(["rad", "deg", "lerobot"])


@click.command(cls=Verb, name="mirror")
@dataset_argument
@click.option("--negate", multiple=True, help="Joint that turns the other way in a mirror; may be repeated.")
@click.option(
    "--swap",
    "pairs",
    multiple=True,
    metavar="A=B",
    help="Joints or cameras of two sides to exchange; may be repeated.",
)
@click.option(
    "--also", multiple=True, metavar="COLUMN", help="Another column that changes sign with its joints."
)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Column that stays unchanged.")
@out_option
@json_option
def mirror(
    dataset: Path,
    negate: tuple[str, ...],
    pairs: tuple[str, ...],
    also: tuple[str, ...],
    keep: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Exchange left and right: pictures, joints, and the words left and right in tasks."""
    from ..data.edit.mirror import Mirror, mirror_dataset

    if not all("=" in pair for pair in pairs):
        raise click.UsageError("--swap takes two names: --swap left_arm=right_arm")
    swap = {a: b for a, _, b in (pair.partition("=") for pair in pairs)}
    how = Mirror(dict.fromkeys(negate, -1), swap, also, keep)
    notes: list[str] = []
    make_dataset(
        dataset,
        out,
        as_json,
        lambda found, target: notes.extend(mirror_dataset(found, how, target)[1]),
        notes,
    )


@click.command(cls=Verb, name="merge")
@click.argument("datasets", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--units", type=UNITS, help="Convert the joints of all datasets to this unit.")
@click.option("--assume", type=UNITS, help="Joint unit of datasets that do not give it.")
@click.option("--robot", help="Robot whose travel the units refer to, if its name here differs.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the new dataset.",
)
@json_option
def merge(
    datasets: tuple[Path, ...],
    units: str | None,
    assume: str | None,
    robot: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """Merge several datasets with the same schema and units into one."""
    from ..data.edit import units_edit
    from ..data.format.dataset import Dataset

    say_what_waits(*datasets[1:])
    more = [Dataset.open(path) for path in datasets[1:]]
    how = units_edit.Units(units, assume, robot)
    notes: list[str] = []
    make_dataset(
        datasets[0],
        out,
        as_json,
        lambda found, target: notes.extend(units_edit.merge([found, *more], how, target)[1]),
        notes,
    )


@click.command(cls=Verb, name="units")
@dataset_argument
@click.option("--set", "said", type=UNITS, help="Set the unit of its joints; no number changes.")
@click.option("--to", type=UNITS, help="Convert its joints to this unit.")
@click.option("--robot", help="Robot whose travel the units refer to, if its name here differs.")
@out_option
@json_option
def units(
    dataset: Path, said: str | None, to: str | None, robot: str | None, out: Path | None, as_json: bool
) -> None:
    """Show, set or convert the units of the joints of DATASET."""
    from ..data.edit import units_edit
    from ..data.format.dataset import Dataset
    from ..data.format.said_units import units_of

    if said is not None and to is not None:
        raise click.UsageError("--set says the unit, --to converts: first the one, then the other")
    if to is None and (out is not None or robot is not None):
        raise click.UsageError("--out and --robot go with --to")
    if to is not None:
        how = units_edit.Units(to, robot=robot)
        make_dataset(
            dataset, out, as_json, lambda found, target: units_edit.convert_units(found, how, target)
        )
        return
    before = units_edit.declare(dataset, said) if said is not None else None
    there = units_of(Dataset.open(dataset).schema)
    if as_json:
        print_json({"dataset": str(dataset), "units": there})
        return
    for key, unit in there.items():
        old = f"; it was {before[key] or 'not said'}" if before is not None and key in before else ""
        echo(f"{key}: {unit or 'not said'}{old}")


VERBS = (mirror, merge, units)
