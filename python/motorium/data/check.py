"""The quality gate: every rule over every episode, one episode in memory at a time.

Kinds: damaged, index, not_finite, clock, cadence, rate, skew, dropped_frames, static, joint_jump,
limit_contact, gripper_range, tracking, too_short, no_task, exposure, colour, duplicate, leakage, cut_off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..errors import DataError
from . import layout, staging
from .column_rules import RULES, Case
from .dataset import Dataset
from .findings import Finding, Verdict, shortened
from .outcome_rules import cut_off
from .picture_rules import CameraLook, judge, look
from .tables import Episode, Rows
from .whole_rules import Motions, duplicates, leakage, order, totals

DAMAGE = "motorium data repair; if that does not help, motorium data delete"


def check(
    root: Path, *, pictures: bool = True, on_progress: Callable[[int, int], None] | None = None
) -> Verdict:
    """Judge the dataset at `root`; memory stays that of one episode, however many there are.

    Args:
        root: the dataset.
        pictures: also decode videos, by far the longest part.
        on_progress: called with (episodes done, of how many).

    Raises DataError when it is no dataset, or its description cannot be read at all.
    """
    dataset = Dataset.open(root)
    findings = list(totals(dataset)) + _leftovers(root)
    motions = Motions()
    cameras = {f.key: CameraLook() for f in dataset.schema.videos} if pictures else {}
    for done, (episode, rows) in enumerate(_each(dataset, findings)):
        findings += shortened(_numbers(dataset, episode, rows, motions))
        findings += _pictures(dataset, episode, cameras)
        if on_progress is not None:
            on_progress(done + 1, len(dataset.episodes))
    for key, seen in cameras.items():
        findings += shortened(judge(key, seen))
    findings += [*duplicates(motions), *leakage(dataset, motions)]
    return Verdict(tuple(finding.naming(root) for finding in order(findings)), len(dataset.episodes))


def _each(dataset: Dataset, findings: list[Finding]) -> Iterator[tuple[Episode, Rows]]:
    """Every episode whose rows can be read; the others become findings."""
    for path, wanted in dataset.by_file().items():
        missing = dict(wanted)
        try:
            for episode, rows in dataset.walk(path, None, wanted):
                missing.pop(episode.index, None)
                yield episode, rows
        except DataError as error:
            findings += [_damaged(episode, error) for episode in missing.values()]
        else:
            findings += [_damaged(e, f"{path} has no row of episode {e.index}") for e in missing.values()]


def _pictures(dataset: Dataset, episode: Episode, cameras: Mapping[str, CameraLook]) -> list[Finding]:
    try:
        for key, into in cameras.items():
            look(dataset, episode, key, into)
    except DataError as error:
        return [_damaged(episode, error)]
    return []


def _damaged(episode: Episode, why: object) -> Finding:
    return Finding("damaged", episode.index, None, str(why), f"{DAMAGE} --episodes {episode.index}")


def _numbers(dataset: Dataset, episode: Episode, rows: Rows, motions: Motions) -> list[Finding]:
    try:
        notes = dataset.notes(episode)
        motions.add(episode, rows, notes)
        case = Case(dataset, episode, rows, notes)
        return [finding for rule in (*RULES, cut_off) for finding in rule(case)]
    except DataError as error:
        return [_damaged(episode, error)]


def _leftovers(root: Path) -> list[Finding]:
    done, parts = staging.leftovers(root)
    if not done and not parts:
        return []
    number = len(done) + len(parts)
    detail = f"{number} episode{'s were' if number > 1 else ' was'} cut off, in {layout.STAGING}"
    return [Finding("damaged", None, None, detail, "motorium data repair")]
