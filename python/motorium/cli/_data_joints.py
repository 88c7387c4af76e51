"""The verbs of `motorium data` that know joints: mirroring, merging, and the units joints are in."""

from __future__ import annotations

from pathlib import Path

import click

from ._data_edit import dataset_argument, make_dataset, out_option
from ._verb import Verb, json_option


@click.command(cls=Verb, name="mirror")
@dataset_argument
@click.option(
    "--negate", multiple=True, help="A joint that turns the other way in a mirror; may be repeated."
)
@click.option(
    "--swap", "pairs", multiple=True, metavar="A=B", help="Joints or cameras of two sides; may be repeated."
)
@click.option(
    "--also", multiple=True, metavar="COLUMN", help="Another column that changes sign with its joints."
)
@click.option("--keep", multiple=True, metavar="COLUMN", help="A column that stays as it is.")
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
    """Left and right exchanged: pictures, joints, and the words left and right in tasks."""
    from ..data.mirror import Mirror, mirror_dataset

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
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The new dataset."
)
@json_option
def merge(datasets: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """One dataset of several with the same schema."""
    from ..data import edit
    from ..data.dataset import Dataset

    more = [Dataset.open(path) for path in datasets[1:]]
    make_dataset(datasets[0], out, as_json, lambda found, target: edit.merge([found, *more], target))


VERBS = (mirror, merge)
