"""The verbs of `motorium data` that show: a page, and the unified slots."""

from __future__ import annotations

from pathlib import Path

import click

from ._verb import Verb, json_option, print_json, print_table

dataset_argument = click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))


@click.command(cls=Verb, name="view")
@dataset_argument
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The page.  [default: DATASET.html]"
)
@click.option(
    "--episodes", type=click.IntRange(0), default=12, show_default=True, help="How many to show in pictures."
)
@json_option
def view(dataset: Path, out: Path | None, episodes: int, as_json: bool) -> None:
    """Write one HTML file with plots, pictures and findings; it needs nothing else and no network."""
    from ..data.report import write_report

    page = write_report(
        dataset, out or dataset.with_name(dataset.resolve().name + ".html"), episodes=episodes
    )
    if as_json:
        print_json({"report": str(page), "bytes": page.stat().st_size})
    else:
        click.echo(f"wrote {page}")


@click.command(cls=Verb, name="slots")
@dataset_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write the dataset with both as columns.",
)
@json_option
def slots(dataset: Path, out: Path | None, as_json: bool) -> None:
    """DATASET in the 200 unified slots: which joint is where, and what values it takes there."""
    from ..data import unified
    from ..data.dataset import Dataset

    opened = Dataset.open(dataset)
    lines = unified.table(opened)
    if out is not None:
        unified.unified(opened, out)
    if as_json:
        print_json({"dataset": str(dataset), "out": None if out is None else str(out), "joints": lines})
        return
    shown = [[x["joint"], x["slot"], x["unit"], x["observation.state"], x["action"]] for x in lines]
    print_table(["joint", "slot", "unit", "state", "action"], shown)


VERBS = (view, slots)
