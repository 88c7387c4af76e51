"""Judge a dataset by every rule, every episode and every video file, one of them in memory at a time.

Kinds: damaged, frames, video, extra_frames, index, not_finite, clock, cadence, rate, skew, dropped_frames, static,
joint_jump, limit_contact, gripper_range, tracking, too_short, no_task, exposure, colour, stats, no_stats, duplicate,
leakage, cut_off, aside, arm; not_judged and unit say what could not be judged, or was on a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..format import layout
from ..format.dataset import Dataset
from ..format.joint_units import Unit
from ..format.snapshot import unattended, unchanged
from ..format.tables import Episode, Rows
from ..record import aside
from . import column_rules, joint_rules
from .case import STATE, Case
from .film_rules import Reel, judge_reel, reels
from .findings import WITHOUT, Finding, Verdict, shortened
from .picture_rules import CameraPictures, judge
from .stats_rules import StatsRules
from .still_rules import judge_stills, stills
from .unjudged import find_units, unjudged
from .whole_rules import Motions, arms, duplicates, leakage, order, totals

AGAIN = f"put back an intact copy of the file; {WITHOUT}"
DECODED = ("damaged pictures", "exposure", "colour", "dropped_frames where pictures do not change")
"""What is not looked for when pictures stay undecoded."""


@unchanged
def check(
    root: Path, *, pictures: bool = True, on_progress: Callable[[int, int], None] | None = None
) -> Verdict:
    """Judge the dataset at `root`; memory stays that of one episode, however many there are.

    Args:
        root: the dataset.
        pictures: also decode videos, by far the longest part; their packets are counted in any case.
        on_progress: called with (done, of how many) rows and frames.

    Raises DataError when it is no dataset, or its description cannot be read at all.
    """
    with np.errstate(all="ignore"):  # values of others may overflow; no finding depends on it
        return _judged(root, on_progress, pictures=pictures)


def _judged(root: Path, on_progress: Callable[[int, int], None] | None, *, pictures: bool) -> Verdict:
    dataset = Dataset.open(root)
    units, unknown = find_units(dataset)
    findings = [*totals(dataset), *arms(dataset), *_leftovers(root), *unjudged(dataset, units, unknown)]
    files = reels(dataset)
    cameras = len(dataset.schema.videos) + (len(stills(dataset)) if pictures else 0)
    steps = _Steps(dataset.frames * (1 + cameras), on_progress)
    findings += _columns(dataset, units, steps)
    findings += _films(dataset, files, steps, pictures=pictures)
    named = tuple(finding.naming(root) for finding in order(findings))
    return Verdict(
        named, len(dataset.episodes), () if pictures or not (files or stills(dataset)) else DECODED
    )


@dataclass
class _Steps:
    total: int
    tell: Callable[[int, int], None] | None
    done: int = 0

    def step(self, count: int = 1) -> None:
        self.done = min(self.total, self.done + count)  # a file may have more frames than its rows
        if self.tell is not None:
            self.tell(self.done, self.total)


def _columns(dataset: Dataset, units: Mapping[str, Unit], steps: _Steps) -> list[Finding]:
    findings: list[Finding] = []
    motions, stored = Motions(units[STATE].in_rad if STATE in units else None), StatsRules(dataset)
    for episode, rows in _each(dataset, findings):
        findings += shortened(_numbers(Case(dataset, episode, rows, {}, units), motions, stored))
        steps.step(episode.length)
    return [*findings, *shortened(stored.whole()), *duplicates(motions), *leakage(dataset, motions)]


def _each(dataset: Dataset, findings: list[Finding]) -> Iterator[tuple[Episode, Rows]]:
    """Yield every episode whose rows can be read; the others become findings."""
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


def _damaged(episode: Episode, why: object) -> Finding:
    return Finding("damaged", episode.index, None, str(why), AGAIN)


def _numbers(case: Case, motions: Motions, stored: StatsRules) -> list[Finding]:
    dataset, episode, rows = case.dataset, case.episode, case.rows
    try:
        notes = dataset.notes(episode)
        motions.add(episode, rows, notes)
        whole = Case(dataset, episode, rows, notes, case.units)
        rules = (*column_rules.RULES, *joint_rules.RULES)
        return [*(finding for rule in rules for finding in rule(whole)), *stored.add(episode, rows)]
    except DataError as error:
        return [_damaged(episode, error)]


def _films(dataset: Dataset, files: Sequence[Reel], steps: _Steps, *, pictures: bool) -> list[Finding]:
    findings: list[Finding] = []
    still = not dataset.schema.has("capture_s")
    cameras = {feature.key: CameraPictures(feature.key, still) for feature in dataset.schema.videos}
    for reel in files:
        findings += shortened(judge_reel(reel, cameras[reel.key] if pictures else None, steps.step))
    for feature in stills(dataset) if pictures else ():
        cameras[feature.key] = CameraPictures(feature.key, still)
        findings += shortened(judge_stills(dataset, feature, cameras[feature.key], steps.step))
    for looked in cameras.values():
        findings += shortened(judge(looked))
    return findings


def _leftovers(root: Path) -> list[Finding]:
    lying = [Finding("aside", None, None, found.told(root), found.remedy) for found in aside.lying(root)]
    done, parts = unattended(root)
    if not done and not parts:
        return lying
    number = len(done) + len(parts)
    detail = f"{number} episode{'s were' if number > 1 else ' was'} cut off, in {layout.STAGING}"
    return [Finding("damaged", None, None, detail, "motorium data repair"), *lying]
