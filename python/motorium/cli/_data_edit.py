"""The verbs of `motorium data` that make a new dataset. Without --out it replaces the old one, which is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from ._print import echo
from ._verb import Number, Verb, count, json_option, print_json, say

if TYPE_CHECKING:
    from ..data.format.dataset import Dataset

dataset_argument = click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the new dataset.  [default: in place, keeping the old one]",
)


def make_dataset(
    dataset: Path,
    out: Path | None,
    as_json: bool,
    make: Callable[[Dataset, Path], object],
    notes: list[str] | None = None,
) -> None:
    """Let `make` write a dataset: at `out`, or in the place of the old one. Says what came of it, and `notes`."""
    from ..data.edit.build import swap
    from ..data.format.dataset import Dataset

    kept, real = None, dataset.resolve()  # after an exchange `.` would be the old one
    if out is None:
        kept = swap(real, lambda target: make(Dataset.open(real), target), say)
    else:
        say_what_waits(dataset)
        make(Dataset.open(dataset), out)
    there = Dataset.open(out or real)
    value = {
        "dataset": str(out or (dataset if dataset.name not in {"", ".."} else real)),
        "episodes": len(there.episodes),
        "frames": there.frames,
        "old": None if kept is None else str(kept),
    }
    if as_json:
        print_json(value if notes is None else {**value, "notes": notes})
        return
    echo(f"{value['dataset']}: {count(int(str(value['episodes'])), 'episode')}, {value['frames']} rows")
    for note in notes or ():
        echo(note)
    if kept is not None:
        echo(f"the old one is {kept} now")
        if Path.cwd() == kept or kept in Path.cwd().parents:
            echo(f"and this shell is in it: cd {quote(str(real))}")


def say_what_waits(*datasets: Path) -> None:
    """Name the datasets with episodes that no verb sees before they are repaired."""
    from ..data.format.snapshot import unattended

    for dataset in datasets:
        waiting = sum(map(len, unattended(dataset)))
        if waiting:
            wait = f"{count(waiting, 'episode')} of {dataset} {'waits' if waiting == 1 else 'wait'}"
            say(f"{wait} to be repaired and will be left out: motorium data repair {quote(str(dataset))}")


@click.command(cls=Verb, name="delete")
@dataset_argument
@click.option("--episodes", required=True, help="Which episodes, such as 0,3-5.")
@out_option
@json_option
def delete(dataset: Path, episodes: str, out: Path | None, as_json: bool) -> None:
    """Delete episodes; later ones move up."""
    from ..data.edit import edits as edit

    make_dataset(
        dataset, out, as_json, lambda found, target: edit.delete(found, edit.numbers(episodes), target)
    )


@click.command(cls=Verb, name="relabel")
@dataset_argument
@click.option("--from", "old", required=True, help="The present text of the task.")
@click.option("--to", "new", required=True, help="The new text.")
@out_option
@json_option
def relabel(dataset: Path, old: str, new: str, out: Path | None, as_json: bool) -> None:
    """Change the text of a task."""
    from ..data.edit import edits as edit

    make_dataset(dataset, out, as_json, lambda found, target: edit.relabel(found, {old: new}, target))


@click.command(cls=Verb, name="downsample")
@dataset_argument
@click.option("--fps", type=click.IntRange(1), required=True, help="New rate, below the present one.")
@out_option
@json_option
def downsample(dataset: Path, fps: int, out: Path | None, as_json: bool) -> None:
    """Reduce rows and frames per second, keeping for every tick the row nearest in actual time."""
    from ..data.edit import edits as edit

    make_dataset(dataset, out, as_json, lambda found, target: edit.downsample(found, fps, target))


@click.command(cls=Verb, name="split")
@dataset_argument
@click.option(
    "--test",
    "share",
    type=Number(0, 1),
    default=0.1,
    show_default=True,
    help="Share of the scenes that goes into the test set.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draw.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for both datasets.  [default: beside DATASET]",
)
@click.option("--with-cut-off", is_flag=True, help="Include demonstrations whose end is missing.")
@json_option
def split(
    dataset: Path, share: float, seed: int, out: Path | None, with_cut_off: bool, as_json: bool
) -> None:
    """Split into DATASET_train and DATASET_test; episodes of one scene stay together.

    Demonstrations whose end is missing (`cut_off` of `data check`) are in neither.
    """
    from ..data.edit import edits as edit
    from ..data.edit.marking import for_training
    from ..data.format.dataset import Dataset

    folder = out or dataset.resolve().parent
    train, test = (folder / f"{dataset.resolve().name}_{side}" for side in ("train", "test"))
    chosen, left_out = for_training(Dataset.open(dataset), with_cut_off=with_cut_off)
    if left_out:
        names = ",".join(map(str, left_out))
        say(
            f"left out, their end is missing: {count(len(left_out), 'episode')} ({names}); --with-cut-off takes them"
        )
    say_what_waits(dataset)
    infos = edit.split(chosen, share, seed, train, test)
    sides = zip(("train", "test"), (train, test), infos, strict=True)
    value: dict[str, Any] = {
        side: {"dataset": str(path), "episodes": info.episodes, "frames": info.frames}
        for side, path, info in sides
    }
    if as_json:
        print_json(value | {"left_out": list(left_out)})
    else:
        for entry in value.values():
            echo(
                f"{entry['dataset']}: {count(int(str(entry['episodes'])), 'episode')}, {entry['frames']} rows"
            )


VERBS = (delete, relabel, downsample, split)
