"""Train a network on recorded datasets; or run a recipe, which records its own demonstrations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..files import check_writable
from ._print import echo
from ._training import declared_of, tell, training_options
from ._verb import Verb, json_option, print_json


@click.command(cls=Verb, name="train")
@click.option("--recipe", help="A recipe's name (so101-pick) or TOML file; records its own demonstrations.")
@click.option("--data", multiple=True,
              help="Dataset to learn from, PATH or PATH=WEIGHT, or a folder of shards; may be repeated.")  # fmt: skip
@click.option("--init", type=click.Path(path_type=Path), help="Checkpoint folder to start from.")
@click.option(
    "--pictures",
    help="What the picture side of a new network begins with: drawn-pictures (comes with motorium and is the "
    "default), a folder, or none.",
)
@training_options
@json_option
def command(
    recipe: str | None, data: tuple[str, ...], init: Path | None, out: Path, as_json: bool, **options: Any
) -> None:
    """Train a motorium nano network; ends with a checkpoint folder that `motorium eval` and `motorium run` take.

    The best weights by recordings that are held out are in OUT/checkpoint; loss and validation lie beside it. A run
    that was cut off goes on with --resume, exactly where it was.
    """
    check_writable(out, "the run", "--out")
    from ..learn.given import datasets

    def report(line: str) -> None:
        echo(line, err=as_json)

    if bool(recipe) == bool(data):
        raise click.UsageError("give either --recipe or --data")
    given = {name: value for name, value in options.items() if value not in (None, False, ())}
    if recipe:
        if given or init:
            raise click.UsageError("a recipe sets all of this and resumes on its own; change its TOML file")
        from ..learn.recipe import Recipe, run_recipe

        folder = run_recipe(Recipe.load(recipe), out, report)
    elif sources := datasets(data, declared_of(given)):
        tell(sources, out, init, given, as_json=as_json)
        return
    else:
        folder = _train_on_shards(data, out, init, given, report)
    if as_json:
        print_json({"checkpoint": str(folder)})
    else:
        echo(f"checkpoint: {folder}")


def _train_on_shards(
    data: tuple[str, ...], out: Path, init: Path | None, given: dict[str, Any], report: Callable[[str], None]
) -> Path:
    from ..learn.train import TrainJob, TrainParams, train

    resume = bool(given.pop("resume", False))
    strange = sorted(set(given) - {"steps", "minutes", "seed"})
    if strange:
        raise click.UsageError(f"--{strange[0]} is for recorded datasets, not for folders of shards")
    params = replace(TrainParams(), **given)
    job = TrainJob(tuple(map(Path, data)), out, name=out.name, init=init, params=params)
    return train(job, report, resume=resume)
