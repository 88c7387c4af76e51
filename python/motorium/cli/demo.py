"""Watch a checkpoint drive the simulated arm from pixels to servo bus, and write a report."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from ..files import check_writable
from ._verb import Verb, json_option, print_json, say


@click.command(cls=Verb, name="demo")
@click.option(
    "--episodes", type=click.IntRange(1), default=10, show_default=True, help="Number of fresh scenes."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first scene.")
@click.option(
    "--task", help="One instruction for every scene, e.g. 'put the red cube in the tray'; or a task by name."
)
@click.option("--headless", is_flag=True, help="Plain lines instead of a live display.")
@click.option("--checkpoint", default="so101-pick", show_default=True, help="Checkpoint name or directory.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder for the report.  [default: out/demo-<time>]")  # fmt: skip
@json_option
def command(
    episodes: int,
    seed: int,
    task: str | None,
    headless: bool,
    checkpoint: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run a checkpoint on fresh scenes of sim:so101, over the arm's real wire protocol on a pseudo-terminal.

    Ends with a table and writes report.json, a contact sheet of the episodes and a short film. On the terminal, space
    or Escape is an emergency stop, as on a real arm, and Enter ends the demo after the current episode.
    """
    from ..operator.operator import Operator
    from ..sim.demo import DemoPlan, run_demo
    from ._watch import choose_audience, print_report

    folder = out or Path("out", time.strftime("demo-%Y%m%d-%H%M%S"))
    check_writable(folder, "the report", "--out")
    plan = DemoPlan(checkpoint, episodes, seed, task)
    live = not headless and sys.stdout.isatty()
    with Operator(say=say) as operator, choose_audience(episodes, live=live, silent=as_json) as audience:
        report = run_demo(plan, audience, guard=operator.watching, ended=operator.ended)
    written = report.write(folder)
    if as_json:
        print_json(report.as_dict())
    else:
        print_report(report, written)
