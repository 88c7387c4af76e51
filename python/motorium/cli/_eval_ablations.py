"""`motorium eval --ablations`: the table of one checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._print import echo
from ._verb import print_json, print_table

if TYPE_CHECKING:
    from ..evaluation.ablations import Cell
    from ..evaluation.evaluate import EvalJob
    from ..evaluation.results import Outcomes


def show_ablations(job: EvalJob, given: tuple[str, str], folder: Path, *, as_json: bool) -> None:
    """Play the cells that are missing in `folder`, write the table there and print it.

    Args:
        job: checkpoint and scenes.
        given: checkpoint and robot as they were given.
        folder: of the results and the table.
        as_json: print one JSON object; how it goes is told on standard error.
    """
    from ..evaluation.ablation_report import write_report
    from ..evaluation.ablations import CELLS, run_ablations

    def tell(cell: Cell, outcomes: Outcomes, there: bool) -> None:
        place = CELLS.index(cell) + 1
        said = " (was there)" if there else ""
        echo(f"{place} of {len(CELLS)}  {cell.title}: {outcomes.good} of {outcomes.count}{said}", err=as_json)

    table = run_ablations(job, given, folder, tell)
    files = write_report(table, folder)
    document = table.as_dict()
    if as_json:
        print_json(document)
        return
    rows = []
    for cell, one in zip(CELLS, document["cells"], strict=True):
        (low, high), differs = one["wilson95"], one["minus_first"]
        less, more = differs["newcombe95"]
        rows.append(
            [
                cell.title,
                f"{one['success_rate']:.1%}",
                f"{low:.1%} to {high:.1%}",
                f"{100 * differs['difference']:+.1f}  ({100 * less:+.1f} to {100 * more:+.1f})",
                f"{differs['mcnemar_p']:.3g}",
            ]
        )
    echo()
    print_table(["", "successes", "95 % (Wilson)", "minus the first, points (95 %, paired)", "p"], rows)
    for line in document["uac_minus_none"]:
        low, high = line["newcombe95"]
        echo(
            f"UAC minus none, {line['injected_latency_ms']} ms injected: {100 * line['difference']:+.1f} points "
            f"({100 * low:+.1f} to {100 * high:+.1f}), p = {line['mcnemar_p']:.3g}"
        )
    echo("", *files)


def check_no_cells(context: click.Context) -> None:
    """Refuse options that the cells of the table set themselves. Raises UsageError."""
    given = ("injected_ms", "no_uac", "corrupt", "against", "against_json")
    for parameter in context.command.params:
        if parameter.name in given and context.params[str(parameter.name)]:
            raise click.UsageError(f"{parameter.opts[0]} means nothing with --ablations, whose cells set it")
