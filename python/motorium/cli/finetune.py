"""Adapt a trained checkpoint to recordings of your own: another place, other things, other words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..files import check_writable
from ._training import declared_of, given_of, tell, training_options
from ._verb import Verb, json_option


@click.command(cls=Verb, name="finetune")
@click.argument("checkpoint")
@click.option("--data", multiple=True, required=True,
              help="Dataset to learn from, PATH or PATH=WEIGHT; may be repeated.")  # fmt: skip
@click.option("--method", type=click.Choice(["full", "lora", "soft-prompt", "slot-adapter"]), default="full",
              show_default=True,
              help="Which weights change: all; low-rank terms beside them; the robot's soft prompt, then all, slowly; "
                   "the matrices of the robot's slots.")  # fmt: skip
@click.option("--freeze", multiple=True, metavar="PART[,PART]",
              help="Parts that stay as they are: soft-prompt, text, vision, readout, prefix, expert, scene, state, "
                   "action, out, slot.")  # fmt: skip
@click.option("--rank", type=click.IntRange(1, 256), help="Rank of the terms of --method lora; default: 2.")
@training_options
@json_option
def command(checkpoint: str, data: tuple[str, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Train CHECKPOINT (a name or a directory, of the nano family) further on recorded datasets.

    It keeps its statistics and learns new words as they come. The best weights by recordings that are held out are in
    OUT/checkpoint. A run that was cut off goes on with --resume.
    """
    check_writable(out, "the run", "--out")
    from ..learn.given import datasets
    from ..policies.nano.checkpoint import find_checkpoint

    given = given_of(options)
    tell(datasets(data, declared_of(given)), out, find_checkpoint(checkpoint), given, as_json=as_json)
