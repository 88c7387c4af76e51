"""Distil a trained network into a student that plans in one or two steps, from recordings alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..files import check_writable
from ._training import common_options, declared_of, given_of, tell
from ._verb import Verb, json_option


@click.command(cls=Verb, name="distill")
@click.argument("teacher")
@click.option("--data", multiple=True, required=True,
              help="Dataset to learn on, PATH or PATH=WEIGHT; may be repeated.")  # fmt: skip
@click.option("--steps", "flow_steps", type=click.IntRange(1, 2), default=1, show_default=True,
              help="Steps of the flow from noise to plan that the student takes.")  # fmt: skip
@click.option("--layers", type=click.IntRange(1, 64), help="Layers of the student.  [default: the teacher's]")
@click.option("--channels", metavar="A,B",
              help="Channels of the student's first two convolutions.  [default: it looks as the teacher]")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "int8"]), default="float32", show_default=True,
              help="What the student is computed in where nobody names another.")  # fmt: skip
@click.option(
    "--train-steps", "steps", type=click.IntRange(1), help="Steps of training, instead of --minutes."
)
@common_options
@json_option
def command(
    teacher: str,
    data: tuple[str, ...],
    flow_steps: int,
    layers: int | None,
    channels: str | None,
    precision: str,
    out: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a student to make in one or two steps the chunks that TEACHER (a name or a directory) makes in all of its.

    TEACHER is a checkpoint of the nano family, and DATA recordings of its robot and cameras; no simulator is needed.
    The student that is nearest to it on recordings that are held out is in OUT/checkpoint. A run that was cut off goes
    on with --resume.
    """
    check_writable(out, "the run", "--out")
    from ..learn.given import datasets
    from ..learn.student import StudentSpec
    from ..policies.nano.checkpoint import load_checkpoint

    student = StudentSpec(flow_steps, layers, _channels(channels), precision)
    found = load_checkpoint(teacher)
    student.checked(found.descriptor)
    given = given_of(options)
    tell(datasets(data, declared_of(given)), out, found.path, {**given, "student": student}, as_json=as_json)


def _channels(text: str | None) -> tuple[int, int] | None:
    """Return two numbers of channels. Raises UsageError."""
    if text is None:
        return None
    first, comma, second = text.partition(",")
    if not (comma and first.strip().isdecimal() and second.strip().isdecimal() and len(text) < 20):
        raise click.UsageError(f"--channels {text}: give two whole numbers, such as 16,32")
    return int(first), int(second)
