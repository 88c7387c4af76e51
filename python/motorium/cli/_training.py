"""What `motorium train`, `finetune` and `distill` have in common: options, the run, and what is told of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._print import echo
from ._verb import Number, print_json

if TYPE_CHECKING:
    from ..learn.data import SourceSpec

OPTIONS = (
    click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run."),
    click.option("--minutes", type=Number(0.01),
                 help="Training time; measured once, at the start, and turned into a number of steps."),
    click.option("--seed", type=click.IntRange(0), help="Seed of weights, batches and what is held out."),
    click.option("--batch", type=click.IntRange(2), help="Frames in a batch; default: 64."),
    click.option("--accumulate", type=click.IntRange(1),
                 help="Parts into which a batch is split to save memory; default: 1."),
    click.option("--processes", type=click.IntRange(1), help="Processes that share a batch; default: 2, on a GPU 1."),
    click.option("--episodes", type=click.IntRange(1),
                 help="Simulated episodes to play now and then; they are told, and choose nothing."),
    click.option("--units", type=click.Choice(["rad", "deg", "lerobot"]),
                 help="Units of the joints, where the data does not say them."),
    click.option("--calibration", type=click.Path(path_type=Path),
                 help="Calibration of the arm that recorded, for joints in -100..100."),
    click.option("--camera", "cameras", multiple=True, metavar="ROLE=KEY",
                 help="Which camera of the data has a role; may be repeated."),
    click.option("--robot", help="Robot of the data, where the data does not say it."),
    click.option("--fps", type=click.IntRange(1), help="Rate of the data, where setpoints are to be interpolated."),
    click.option("--task", help="Instruction of episodes that have none."),
    click.option("--tensorboard", is_flag=True, help="Write the curves into OUT/tensorboard too; needs tensorboard."),
    click.option("--resume", is_flag=True, help="Continue the run in --out."),
)  # fmt: skip
STEPS = click.option(
    "--steps", type=click.IntRange(1), help="Steps of the whole schedule, instead of --minutes."
)
DECLARED = ("units", "calibration", "robot", "fps", "task")


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of training to a verb."""
    return common_options(STEPS(command))


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add those that mean the same whatever is trained: all but --steps."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def declared_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return what was declared of the datasets, as fields of `SourceSpec`. Raises UsageError."""
    out = {name: given[name] for name in DECLARED if name in given}
    cameras = {}
    for text in given.get("cameras", ()):
        role, equals, key = text.partition("=")
        if not (role and equals and key):
            raise click.UsageError(f"--camera {text}: give ROLE=KEY, such as front=observation.images.top")
        cameras[role] = key
    return out | ({"cameras": cameras} if cameras else {})


def given_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value not in (None, False, ())}


def tell(
    sources: tuple[SourceSpec, ...], out: Path, init: Path | None, given: dict[str, Any], *, as_json: bool
) -> None:
    """Train on datasets, and print how it goes and how it ended.

    Args:
        sources: datasets.
        out: folder of the run.
        init: checkpoint to start from.
        given: options by name.
        as_json: print one JSON object, and how it goes on standard error.
    """
    from ..learn.starting import start

    ended = start(sources, out, init, given, lambda line: echo(line, err=as_json))
    if ended.rank:  # of those that torchrun started one tells
        return
    taught = not math.isnan(ended.teacher_rad)
    if as_json:
        print_json({
            "checkpoint": str(ended.checkpoint), "steps": ended.steps, "best_step": ended.best_step,
            "l1_rad": ended.l1_rad, **({"teacher_rad": ended.teacher_rad} if taught else {}),
        })  # fmt: skip
        return
    echo(
        f"best after {ended.best_step} of {ended.steps} steps: chunks of held-out recordings are off by "
        f"{ended.l1_rad:.4f} rad{f', and {ended.teacher_rad:.4f} rad from the teacher' if taught else ''}",
        f"checkpoint: {ended.checkpoint}",
    )
