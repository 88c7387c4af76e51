"""Train a network on demonstrations, or run a whole recipe: record, train, correct, train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..files import check_writable
from ._print import echo
from ._verb import Number, Verb, json_option, print_json


@click.command(cls=Verb, name="train")
@click.option("--recipe", help="A recipe's name (so101-pick) or TOML file; records its own demonstrations.")
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of demonstrations; may be repeated.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder of the run; can be resumed."
)
@click.option("--init", type=click.Path(path_type=Path), help="Checkpoint folder to start from.")
@click.option("--steps", type=click.IntRange(1), help="Steps of the whole schedule.")
@click.option("--minutes", type=Number(0.01), help="End the schedule after this time if that comes first.")
@click.option("--seed", type=click.IntRange(0), help="Seed of weights and batches.")
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
@json_option
def command(
    recipe: str | None,
    data: tuple[Path, ...],
    out: Path,
    init: Path | None,
    steps: int | None,
    minutes: float | None,
    seed: int | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a motorium nano network; ends with a checkpoint folder that `motorium eval` and `motorium run` take."""
    check_writable(out, "the run", "--out")
    from ..learn.recipe import Recipe, run_recipe
    from ..learn.train import TrainJob, TrainParams, train

    def report(line: str) -> None:
        echo(line, err=as_json)

    if bool(recipe) == bool(data):
        raise click.UsageError("give either --recipe or --data")
    given = {"steps": steps, "minutes": minutes, "seed": seed}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if recipe:
        if changes or init or resume:
            raise click.UsageError("a recipe sets all of this and resumes on its own; change its TOML file")
        folder = run_recipe(Recipe.load(recipe), out, report)
    else:
        params = replace(TrainParams(), **changes)
        folder = train(TrainJob(data, out, name=out.name, init=init, params=params), report, resume=resume)
    if as_json:
        print_json({"checkpoint": str(folder)})
    else:
        echo(f"checkpoint: {folder}")
