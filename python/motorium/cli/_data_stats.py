"""The verb of `motorium data` that shows statistics, and recomputes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._print import echo
from ._progress import progress
from ._verb import Verb, count, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..data.format.schema import Schema
    from ..data.format.whole_stats import WholeStats

NUMBERS = ("min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99")
COLOURS = ("red", "green", "blue")


@click.command(cls=Verb, name="stats")
@click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))
@click.option("--episode", type=click.IntRange(0), help="One episode; without it, the whole dataset.")
@click.option(
    "--write",
    is_flag=True,
    help="Recompute them from the rows and store them; for pictures only where they are missing.",
)
@json_option
def stats(dataset: Path, episode: int | None, write: bool, as_json: bool) -> None:
    """Show minimum, maximum, mean, deviation and quantiles of every feature of DATASET."""
    if write and episode is not None:
        raise click.UsageError("--write is for the whole dataset; leave --episode out")
    if write:
        _write(dataset, as_json=as_json)
        return
    from ..data.format.dataset import Dataset
    from ..data.format.whole_stats import stats_of

    there = Dataset.open(dataset)
    found = stats_of(there, episode)
    if as_json:
        bounds = {key: {"bounds": between} for key, between in found.bounds.items()}
        print_json({key: {**values, **bounds.get(key, {})} for key, values in found.stats.items()})
    else:
        _show(found, _names(there.schema))


def _write(dataset: Path, *, as_json: bool) -> None:
    from ..data.edit.restat import restat

    with progress("computing statistics") as tell:
        done = restat(dataset, tell)
    if as_json:
        print_json({"episodes": done.episodes, "files": list(done.files)})
        return
    echo(
        f"statistics of {count(done.episodes, 'episode')} computed anew: {count(len(done.files), 'file')} written"
    )


def _names(schema: Schema) -> dict[str, Sequence[str]]:
    colours = {feature.key: COLOURS for feature in (*schema.videos, *schema.carried)}
    return {**colours, **{feature.key: feature.names for feature in schema.columns if feature.names}}


def _show(found: WholeStats, names: Mapping[str, Sequence[str]]) -> None:
    """Print a table per feature: a line for each of its values (joint, colour), a column for each number."""
    for at, (key, values) in enumerate(found.stats.items()):
        if at:
            echo()
        columns = {name: _flat(values[name]) for name in NUMBERS if name in values}
        length = max(map(len, columns.values()), default=0)
        called = _called(names.get(key) or (), length)
        rows = [
            [
                f"  {called[i]}",
                *(_number(column[i]) if i < len(column) else "" for column in columns.values()),
            ]
            for i in range(length)
        ]
        print_table([key, *columns], rows)
        for name, (least, greatest) in found.bounds.get(key, {}).items():
            for label, low, high in zip(called, _flat(least), _flat(greatest), strict=False):
                if low != high:
                    echo(f"  {name} {label} estimated; between {_number(low)} and {_number(high)}")


def _flat(values: Any) -> list[Any]:
    """Statistics of pictures are nested, one level per side."""
    if not isinstance(values, list):
        return [values]
    return [number for value in values for number in _flat(value)]


def _called(names: Sequence[str], length: int) -> Sequence[str]:
    if len(names) == length:
        return names
    return [""] if length == 1 else [str(i) for i in range(length)]


def _number(value: Any) -> str:
    """Five digits, enough to compare; `--json` has all of them."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.5g}" if abs(value) < 1e5 else f"{value:.1f}"


VERBS = (stats,)
