"""The verb of `motorium data` that checks: what is wrong with a dataset, one line per kind, or every finding."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ._print import echo
from ._progress import progress
from ._verb import Verb, count, json_option, print_json, say

if TYPE_CHECKING:
    from ..data.check.findings import Finding, Summary, Verdict


@click.command(cls=Verb, name="check")
@click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--no-pictures", is_flag=True, help="Count the frames of videos without decoding them: much faster."
)
@click.option(
    "--details", "--all", "details", is_flag=True, help="Print every finding instead of one line per kind."
)
@json_option
def check(dataset: Path, no_pictures: bool, details: bool, as_json: bool) -> None:
    """Check DATASET; exit with 1 when something prevents its use."""
    from ..data.check.judge import check as judge
    from ..data.format.snapshot import written

    if written(dataset):
        say(f"{dataset} is being written: judged is what is finished, and nothing of an episode in progress")
    with progress("checking") as tell:
        verdict = judge(dataset, pictures=not no_pictures, on_progress=tell)
    if as_json:
        print_json(verdict.as_dict())
    else:
        _show(verdict, dataset, details=details)
    if verdict.blocking:
        raise SystemExit(1)


def _show(verdict: Verdict, dataset: Path, *, details: bool) -> None:
    from ..data.check.findings import UNJUDGED

    summaries = verdict.by_kind()
    if details:
        for finding in verdict.findings:
            _line(f"{finding.kind}: {_told(finding)}", finding)
    else:
        for summary in summaries:
            if summary.first.kind in UNJUDGED:  # each has a cause of its own
                for finding in verdict.findings:
                    if finding.kind == summary.first.kind:
                        _line(f"{finding.kind}: {_told(finding)}", finding)
            else:
                _line(_kind(summary, verdict.episodes), summary.first)
    if verdict.skipped:
        echo(f"not looked for, as pictures were not decoded: {', '.join(verdict.skipped)}")
    blocking = sum(1 + finding.more for finding in verdict.blocking)
    blocks = f", {blocking} of them blocking" if blocking else ""
    found = f"{count(verdict.count, 'finding')} in {count(verdict.episodes, 'episode')}"
    echo(f"score {verdict.score}: {found}{blocks}")
    if not details and any(s.count > 1 and s.first.kind not in UNJUDGED for s in summaries):
        echo(f"each of them: motorium data check {quote(str(dataset))} --details")


def _line(text: str, finding: Finding) -> None:
    echo(text, fg="red" if finding.blocks else "yellow")
    echo(f"    {finding.remedy}")


def _told(finding: Finding) -> str:
    from ..data.check.findings import UNJUDGED

    if finding.episode is None and finding.kind in UNJUDGED:
        return finding.detail
    where = "dataset" if finding.episode is None else f"episode {finding.episode}"
    when = "" if finding.time_s is None else f" at {finding.time_s:.2f} s"
    return f"{where}{when}: {finding.detail}"


def _kind(summary: Summary, episodes: int) -> str:
    if summary.count == 1:
        return f"{summary.first.kind}: {_told(summary.first)}"
    spread = f" in {summary.episodes} of {episodes} episodes" if summary.episodes else ""
    return f"{summary.first.kind}: {summary.count}{spread}, the first in {_told(summary.first)}"


VERBS = (check,)
