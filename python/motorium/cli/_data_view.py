"""The verbs of `motorium data` that show: a page, and the unified slots."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import check_file
from ._data_edit import say_what_waits
from ._print import echo
from ._verb import Verb, count, json_option, print_json, print_table

dataset_argument = click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))


@click.command(cls=Verb, name="view")
@dataset_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the page.  [default: DATASET.html]",
)
@click.option(
    "--episodes",
    type=click.IntRange(0),
    default=12,
    show_default=True,
    help="Number of episodes shown with pictures.",
)
@click.option("--rerun", is_flag=True, help="Use the Rerun viewer instead (extra `view`), also with --save.")
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --rerun: write this .rrd instead of starting the viewer.",
)
@json_option
def view(
    dataset: Path, out: Path | None, episodes: int, rerun: bool, save: Path | None, as_json: bool
) -> None:
    """Write one self-contained HTML file with plots, pictures and findings."""
    if rerun or save is not None:
        if out is not None:
            raise click.UsageError("--out is the page's; Rerun takes --save")
        _rerun(dataset, episodes, save, as_json)
        return
    from ..data.view.report import write_report

    page = out or _beside(dataset)
    check_file(page, "the page")
    page = write_report(dataset, page, episodes=episodes)
    if as_json:
        print_json({"report": str(page), "bytes": page.stat().st_size})
    else:
        echo(f"wrote {page}")


def _beside(dataset: Path) -> Path:
    """Where the page of a dataset goes: beside it, also when it was given as `.`."""
    name = dataset.resolve().name + ".html"
    return dataset.with_name(name) if dataset.name not in {"", ".."} else dataset.resolve().with_name(name)


def _rerun(dataset: Path, episodes: int, save: Path | None, as_json: bool) -> None:
    from ..data.check.judge import check
    from ..data.format.dataset import Dataset
    from ..data.view.rerun_view import show

    shown = show(Dataset.open(dataset), check(dataset, pictures=False), episodes=episodes, save=save)
    if as_json:
        print_json({"episodes": shown, "recording": None if save is None else str(save)})
    else:
        echo(f"{count(shown, 'episode')} in {'the viewer' if save is None else save}")


@click.command(cls=Verb, name="slots")
@dataset_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write the dataset with both as columns.",
)
@click.option(
    "--units",
    type=click.Choice(["rad", "deg", "lerobot"]),
    help="Unit of the joints, where the dataset does not give it; lerobot is -100 to 100.",
)
@click.option("--robot", help="Robot, if the dataset uses another name for it.")
@json_option
def slots(dataset: Path, out: Path | None, units: str | None, robot: str | None, as_json: bool) -> None:
    """Show DATASET in the 200 unified slots: which joint is in which slot, and its range there."""
    from ..data.edit import unified
    from ..data.format.dataset import Dataset

    opened = Dataset.open(dataset)
    how = unified.mapping(opened, units, robot)
    lines = unified.table(opened, how)
    if out is not None:
        say_what_waits(dataset)
        unified.unified(opened, out, how)
    if as_json:
        print_json(
            {
                "dataset": str(dataset),
                "out": None if out is None else str(out),
                "joints": [x.as_dict() for x in lines],
            }
        )
        return
    shown = [[x.joint, x.slot, x.unit, list(x.state), list(x.action)] for x in lines]
    print_table(["joint", "slot", "unit", "state", "action"], shown)


VERBS = (view, slots)
