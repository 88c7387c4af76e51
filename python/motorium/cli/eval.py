"""Measure a checkpoint's success in the simulator, in lock-step: repeatable, no clock, no bus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import MotoriumError
from ._print import echo
from ._verb import Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..evaluation.evaluate import EpisodeResult


@click.command(cls=Verb, name="eval")
@click.argument("checkpoint")
@click.option("--robot", default="sim:so101", show_default=True, help="Simulated robot.")
@click.option(
    "--task",
    default="pick-to-tray",
    show_default=True,
    help="Task by name, or one instruction for every scene.",
)
@click.option("--episodes", type=click.IntRange(1), default=100, show_default=True,
              help="Number of scenes.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first scene.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True,
              help="Processes that share the scenes.")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "int8"]), default="float32",
              show_default=True, help="Precision of the engine's weights.")  # fmt: skip
@click.option("--drawn-latency", "drawn", is_flag=True,
              help="Draw the time of each inference from the robot's declared distribution.")  # fmt: skip
@json_option
def command(
    checkpoint: str,
    robot: str,
    task: str,
    episodes: int,
    seed: int,
    processes: int,
    precision: str,
    drawn: bool,
    as_json: bool,
) -> None:
    """Run CHECKPOINT (a name or a directory) on EPISODES scenes and print its success rate.

    Scenes are those of seeds SEED, SEED + 1, ...; training never uses them.
    """
    from ..evaluation.evaluate import EvalJob, evaluate
    from ..policies.find import find_checkpoint

    scheme, _, name = robot.rpartition(":")
    if scheme != "sim":
        raise MotoriumError(f"eval measures in simulation only; ask for sim:{name}, or use: motorium run")
    path = find_checkpoint(Path(checkpoint))
    workers = min(processes, episodes)
    job = EvalJob(path, name, task, episodes, seed, processes=workers, precision=precision, drawn=drawn)
    report = evaluate(job, None if as_json else _show)
    figures = {**report.as_dict(), "checkpoint": checkpoint, "robot": robot}
    if as_json:
        print_json(figures)
        return
    low, high = figures["wilson95"]
    rows = [
        ["successes", f"{figures['successes']} of {episodes}  ({figures['success_rate']:.1%})"],
        ["95 % interval", f"{low:.1%} to {high:.1%}"],
        ["wrong cube in tray", figures["wrong_cube"]],
    ]
    if figures["shortfalls"]:
        rows.append(
            [
                "too slow to bridge",
                f"{figures['shortfalls']} plans outlast the committed rows: run it with --sync",
            ]
        )
    print_table(["eval", f"{robot}, {task}, scenes {seed}..{seed + episodes - 1}"], rows)


def _show(result: EpisodeResult) -> None:
    mark = "success" if result.success else "failed"
    echo(f"scene {result.seed:>6}  {mark}  {result.time_s:5.1f} s  {result.instruction}")
