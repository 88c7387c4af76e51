"""The verb of `motorium data` that shows statistics, and computes them anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._print import echo
from ._progress import progress
from ._verb import Verb, count, json_option, print_json

if TYPE_CHECKING:
    from ..data.whole_stats import WholeStats


@click.command(cls=Verb, name="stats")
@click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))
@click.option("--episode", type=click.IntRange(0), help="Of one episode; without it of the dataset.")
@click.option(
    "--write",
    is_flag=True,
    help="Compute them anew from the rows and store them; of pictures where there are none.",
)
@json_option
def stats(dataset: Path, episode: int | None, write: bool, as_json: bool) -> None:
    """Minimum, maximum, mean, deviation and quantiles of every feature of DATASET; what is not stored is computed."""
    if write and episode is not None:
        raise click.UsageError("--write is for the whole dataset; leave --episode out")
    if write:
        _write(dataset, as_json=as_json)
        return
    from ..data.dataset import Dataset
    from ..data.whole_stats import stats_of

    found = stats_of(Dataset.open(dataset), episode)
    if as_json:
        bounds = {key: {"bounds": between} for key, between in found.bounds.items()}
        print_json({key: {**values, **bounds.get(key, {})} for key, values in found.stats.items()})
    else:
        _show(found)


def _write(dataset: Path, *, as_json: bool) -> None:
    from ..data.restat import restat

    with progress("computing statistics") as tell:
        done = restat(dataset, tell)
    if as_json:
        print_json({"episodes": done.episodes, "files": list(done.files)})
        return
    echo(
        f"statistics of {count(done.episodes, 'episode')} computed anew: {count(len(done.files), 'file')} written"
    )


def _show(found: WholeStats) -> None:
    for key, values in found.stats.items():
        echo(key)
        between = found.bounds.get(key, {})
        for name in ("min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99"):
            if name in values:
                least, greatest = between.get(name, (None, None))
                known = "" if least == greatest else f"  (estimated; between {least} and {greatest})"
                echo(f"  {name:<5} {values[name]}{known}")


VERBS = (stats,)
