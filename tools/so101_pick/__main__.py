"""Make models/so101-pick, or a checkpoint like it: `PYTHONPATH=tools python -m so101_pick --help`, in the sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from motorium.cli._verb import Verb
from motorium.files import check_writable

OUT = click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")


@click.group()
def main() -> None:
    """Make models/so101-pick: demonstrations of a scripted expert, and training on what only the simulator knows."""


@main.command(cls=Verb)
@click.argument("name", default="so101-pick")
@OUT
def recipe(name: str, out: Path) -> None:
    """Run a recipe, NAME or a TOML file: record, train, correct; the same command goes on where it stopped."""
    from .recipe import Recipe, run_recipe

    steps = Recipe.load(name)
    check_writable(out, "the run", "--out")
    click.echo(f"checkpoint: {run_recipe(steps, out, click.echo)}")


@main.command(cls=Verb)
@click.argument("counts", nargs=-1, required=True, metavar="KIND=EPISODES...")
@OUT
@click.option("--robot", default="so101", show_default=True, help="Robot, by name or TOML file.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Policy to correct.")
@click.option("--first-seed", type=click.IntRange(0), default=0, help="First training scene to use.")
@click.option(
    "--processes", type=click.IntRange(1), default=2, show_default=True, help="That share the episodes."
)
def record(
    counts: tuple[str, ...], out: Path, robot: str, checkpoint: Path | None, first_seed: int, processes: int
) -> None:
    """Record shards; those that are there are kept. Kinds: full, miss, approach, glance, hover, correct."""
    from .record import RecordJob
    from .record import record as record_shards

    asked = {
        kind: int(number)
        for kind, _, number in (text.partition("=") for text in counts)
        if number.isdecimal()
    }
    if len(asked) < len(counts):
        raise click.UsageError(f"{' '.join(counts)}: give KIND=EPISODES, such as full=50 glance=500")
    check_writable(out, "the demonstrations", "--out")
    record_shards(RecordJob(out, asked, robot, first_seed, processes, checkpoint), click.echo)


@main.command(cls=Verb)
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@OUT
@click.option("--init", type=click.Path(path_type=Path), help="Checkpoint folder to start from.")
@click.option("--steps", type=click.IntRange(1), help="Of the whole schedule.")
@click.option(
    "--minutes", type=click.FloatRange(0.01), help="The schedule ends after them, if steps are left."
)
@click.option("--seed", type=click.IntRange(0), help="Of weights and batches.")
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
def train(
    shards: tuple[Path, ...], out: Path, init: Path | None, *, resume: bool, **given: float | None
) -> None:
    """Train on folders of shards."""
    from .train import TrainJob, TrainParams
    from .train import train as train_on

    check_writable(out, "the run", "--out")
    said = {name: value for name, value in given.items() if value is not None}
    params = replace(TrainParams(), **said)  # type: ignore[arg-type]  # click gives each field its kind
    job = TrainJob(shards, out, name=out.name, init=init, params=params)
    click.echo(f"checkpoint: {train_on(job, click.echo, resume=resume)}")


if __name__ == "__main__":
    main(prog_name="python -m so101_pick")
