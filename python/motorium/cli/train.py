"""Train a network on recorded datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import MotoriumError
from ..files import check_writable
from ..moved import PICK
from ._training import declared_of, given_of, tell, training_options
from ._verb import Verb, json_option


@click.command(cls=Verb, name="train")
@click.option("--data", multiple=True, help="Dataset to learn from, PATH or PATH=WEIGHT; may be repeated.")
@click.option("--recipe", hidden=True, help="Gone; says what runs recipes now.")
@click.option("--init", type=click.Path(path_type=Path), help="Checkpoint folder to start from.")
@click.option(
    "--pictures",
    help="What the picture side of a new network begins with: drawn-pictures (comes with motorium and is the "
    "default), a folder, or none.",
)
@click.option(
    "--objective",
    type=click.Choice(["regression", "flow"]),
    help="How a new network makes chunks: at once, without noise, learned by their absolute error (the default), or "
    "by a flow from noise in four steps.",
)
@training_options
@json_option
def command(
    data: tuple[str, ...], recipe: str | None, init: Path | None, out: Path, as_json: bool, **options: Any
) -> None:
    """Train a motorium nano network; ends with a checkpoint folder that `motorium eval` and `motorium run` take.

    The best weights by recordings that are held out are in OUT/checkpoint; loss and validation lie beside it. A run
    that was cut off goes on with --resume, exactly where it was.
    """
    if recipe is not None:
        raise MotoriumError(
            f"--recipe is gone: training reads recorded datasets (--data), and recipes are run by {PICK}: "
            "PYTHONPATH=tools python -m so101_pick recipe"
        )
    if not data:
        raise click.UsageError("Missing option '--data'.")
    check_writable(out, "the run", "--out")
    from ..learn.given import datasets

    given = given_of(options)
    tell(datasets(data, declared_of(given)), out, init, given, as_json=as_json)
