"""The verb of `motorium data` that judges: what is wrong with a dataset, one line a kind, or every finding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._verb import Verb, count, json_option, print_json

if TYPE_CHECKING:
    from ..data.findings import Finding, Summary, Verdict


@click.command(cls=Verb, name="check")
@click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))
@click.option("--no-pictures", is_flag=True, help="Leave the videos closed: much faster.")
@click.option(
    "--details", "--all", "details", is_flag=True, help="Every finding; without it a line for each kind."
)
@json_option
def check(dataset: Path, no_pictures: bool, details: bool, as_json: bool) -> None:
    """Judge DATASET; ends with 1 when something keeps it from being used."""
    from ..data.check import check as judge

    verdict = judge(dataset, pictures=not no_pictures)
    if as_json:
        print_json(verdict.as_dict())
    else:
        _show(verdict, dataset, details=details)
    if verdict.blocking:
        raise SystemExit(1)


def _show(verdict: Verdict, dataset: Path, *, details: bool) -> None:
    summaries = verdict.by_kind()
    if details:
        for finding in verdict.findings:
            _line(f"{finding.kind}: {_told(finding)}", finding)
    else:
        for summary in summaries:
            _line(_kind(summary, verdict.episodes), summary.first)
    blocking = sum(1 + finding.more for finding in verdict.blocking)
    blocks = f", {blocking} of them blocking" if blocking else ""
    found = f"{count(verdict.count, 'finding')} in {count(verdict.episodes, 'episode')}"
    click.echo(f"score {verdict.score}: {found}{blocks}")
    if not details and any(summary.count > 1 for summary in summaries):
        click.echo(f"each of them: motorium data check {dataset} --details")


def _line(text: str, finding: Finding) -> None:
    click.secho(text, fg="red" if finding.blocks else "yellow")
    click.echo(f"    {finding.remedy}")


def _told(finding: Finding) -> str:
    where = "dataset" if finding.episode is None else f"episode {finding.episode}"
    when = "" if finding.time_s is None else f" at {finding.time_s:.2f} s"
    return f"{where}{when}: {finding.detail}"


def _kind(summary: Summary, episodes: int) -> str:
    if summary.count == 1:
        return f"{summary.first.kind}: {_told(summary.first)}"
    spread = f" in {summary.episodes} of {episodes} episodes" if summary.episodes else ""
    return f"{summary.first.kind}: {summary.count}{spread}, the first in {_told(summary.first)}"


VERBS = (check,)
