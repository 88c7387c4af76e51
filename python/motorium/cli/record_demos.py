"""Record demonstrations of the scripted expert in the simulator, for `motorium train`."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import check_writable
from ._print import echo
from ._verb import Verb, json_option, print_json


@click.command(cls=Verb, name="record-demos")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the shards.")
@click.option(
    "--full", type=click.IntRange(0), default=0, help="Episodes of the whole task, with disturbances."
)
@click.option("--miss", type=click.IntRange(0), default=0, help="Episodes that recover from a missed grasp.")
@click.option("--approach", type=click.IntRange(0), default=0, help="Approaches from arbitrary arm poses.")
@click.option("--glance", type=click.IntRange(0), default=0, help="Scenes that are only looked at, twice.")
@click.option(
    "--hover", type=click.IntRange(0), default=0, help="Scenes that are only looked at, from above the cube."
)
@click.option("--correct", type=click.IntRange(0), default=0, help="Episodes of --checkpoint, corrected.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Policy to correct.")
@click.option("--first-seed", type=click.IntRange(0), default=0, help="First training scene to use.")
@click.option("--robot", default="so101", show_default=True, help="Robot, by name or TOML file.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True,
              help="Processes that share the episodes.")  # fmt: skip
@json_option
def command(
    out: Path,
    full: int,
    miss: int,
    approach: int,
    glance: int,
    hover: int,
    correct: int,
    checkpoint: Path | None,
    first_seed: int,
    robot: str,
    processes: int,
    as_json: bool,
) -> None:
    """Record demonstrations; existing shards are kept."""
    from ..learn.record import RecordJob, record

    counts = {
        "full": full,
        "miss": miss,
        "approach": approach,
        "glance": glance,
        "hover": hover,
        "correct": correct,
    }
    counts = {kind: count for kind, count in counts.items() if count}
    if not counts:
        raise click.UsageError(
            "nothing to record: give --full, --miss, --approach, --glance, --hover or --correct"
        )
    check_writable(out, "the demonstrations")
    job = RecordJob(out, counts, robot, first_seed, processes, checkpoint)
    totals = record(job, lambda line: echo(line, err=as_json))
    if as_json:
        print_json({"out": str(out), **totals.as_dict()})
