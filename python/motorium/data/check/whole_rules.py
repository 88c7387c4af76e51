"""Judge the dataset as a whole: totals, its arm, duplicate episodes, and what train and test share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...robots.identity import Identity
from ..format import instants, layout
from ..format.dataset import Dataset
from ..format.identity import ROBOT
from ..format.schema import read_json
from ..format.splits import read_ranges
from ..format.tables import Episode, Rows
from .findings import WITHOUT, Finding

POINTS = 32
"""Points of an episode's motion that are compared."""
SAME_RAD = 2e-3
"""Two motions that differ by less than this on average are one: no person repeats one so well."""

RENUMBER = "motorium data convert DATASET --to v3.0 --out NEW renumbers them"
MAX_EPISODES = 1 << 24
"""Number of episodes beyond which splits are not judged."""
_ArmKey = tuple[Identity | None, int]
"""The arm of an episode, and by which rule its rows were paired."""


@dataclass
class Motions:
    """A short signature of every episode's motion.

    Attributes:
        in_rad: radians of one unit of the state; None when its unit is not known, and then there are no motions.
        episodes: their numbers.
        points: of each, (POINTS * J,) joints along its motion, in radians.
        seeds: of each, the scene that was noted.
    """

    in_rad: float | None = 1.0
    episodes: list[int] = field(default_factory=list)
    points: list[NDArray[np.float32]] = field(default_factory=list)
    seeds: list[int | None] = field(default_factory=list)

    def add(self, episode: Episode, rows: Rows, notes: Mapping[str, Any]) -> None:
        """Add an episode; those without a state or a second row have no motion."""
        state = rows.get("observation.state")
        if self.in_rad is None or state is None or len(state) < 2:
            return
        flat = state.reshape(len(state), -1).astype(np.float64) * self.in_rad
        at = np.linspace(0, len(flat) - 1, POINTS)
        low = np.floor(at).astype(int)
        fraction = (at - low)[:, None]
        points = flat[low] * (1 - fraction) + flat[np.minimum(low + 1, len(flat) - 1)] * fraction
        seed = notes.get("seed")
        self.episodes.append(episode.index)
        self.points.append(points.astype(np.float32).ravel())
        self.seeds.append(seed if isinstance(seed, int) else None)

    def twins(self) -> Iterator[tuple[int, int]]:
        """Yield pairs (earlier, later) of episodes with the same motion."""
        if not self.points:
            return
        table = np.stack(self.points)  # NaN is close to nothing
        for i in range(1, len(table)):
            close = np.abs(table[:i] - table[i]).mean(axis=1) < SAME_RAD
            if close.any():
                yield self.episodes[int(close.argmax())], self.episodes[i]


def totals(dataset: Dataset) -> Iterator[Finding]:
    """Find where info.json differs from what is there, and episodes and rows that do not count from 0."""
    info, episodes = dataset.info, dataset.episodes
    remedy = "motorium data repair" if info.version == layout.VERSION else RENUMBER
    for what, said, there in (
        ("episodes", info.episodes, len(episodes)),
        ("frames", info.frames, dataset.frames),
        ("tasks", info.tasks, len(dataset.tasks)),
    ):
        if said != there:
            yield Finding(
                "index", None, None, f"info.json lists {said} {what}, but there are {there}", remedy
            )
    start = 0
    for number, episode in enumerate(episodes):
        if episode.index != number or episode.start != start:
            detail = f"episode {episode.index} begins at row {episode.start}; expected {number} and {start}"
            yield Finding("index", episode.index, None, detail, RENUMBER)
            return
        start += episode.length


def arms(dataset: Dataset) -> Iterator[Finding]:
    """Find every arm after the first, and rows that were paired by another rule."""
    found: list[tuple[int, _ArmKey]] = []
    for episode in dataset.episodes:
        try:
            notes = dataset.notes(episode)
        except DataError:  # has a finding of its own
            continue
        found.append((episode.index, (Identity.read(notes.get(ROBOT)), instants.pairing_of(notes))))
    today = {arm.path_sha256: arm.spec_sha256 for _, (arm, _) in found if arm and arm.path_sha256}
    groups: dict[_ArmKey, list[int]] = {}
    for index, (noted, rule) in found:
        # 0.1.0 knew a robot with a servo file by that file's path
        arm = noted and replace(noted, spec_sha256=today.get(noted.spec_sha256, noted.spec_sha256))
        groups.setdefault((arm, rule), []).append(index)
    first, *others = groups or [(None, 0)]
    for key in others:
        numbers = groups[key]
        remedy = "train on one of them, or make sure that they mean the same: motorium data split, or delete one kind"
        yield Finding("arm", numbers[0], None, f"{len(numbers)} episodes {_difference(first, key)}", remedy)


def _difference(first: _ArmKey, other: _ArmKey) -> str:
    (a, rule_a), (b, rule_b) = first, other
    if a is None or b is None:
        what = "do not say which arm recorded them" if b is None else f"say that their arm is {b.robot}"
        return f"{what}, the first {'does' if b is None else 'do not'}"
    if a.robot != b.robot:
        return f"were recorded with {b.robot}, the first with {a.robot}"
    if a.spec_sha256 != b.spec_sha256:
        return f"were recorded with another declaration of {a.robot} than the first"
    if a.calibration_sha256 != b.calibration_sha256:
        return "were recorded with another calibration than the first"
    return f"pair pictures with joints by rule {rule_b}, the first by rule {rule_a} (docs/timeline.md)"


def splits(dataset: Dataset) -> tuple[dict[str, set[int]], list[str]]:
    """Return name -> episodes, as info.json's "a:b" ranges say; and the names whose ranges are not understood."""
    value = read_json(dataset.root / layout.INFO, inside=dataset.root)
    declared = value.get("splits", {})
    known = [e.index for e in dataset.episodes if e.index >= 0]
    out: dict[str, set[int]] = {}
    strange: list[str] = []
    for name, text in declared.items() if isinstance(declared, dict) else ():
        mask = read_ranges(str(text), min(max(known, default=-1) + 1, MAX_EPISODES))
        if mask is None:
            strange.append(str(name))
        else:
            out[str(name)] = {e for e in known if e < len(mask) and mask[e]}
    return out, strange


def duplicates(motions: Motions) -> Iterator[Finding]:
    """Find episodes that repeat another."""
    for first, second in motions.twins():
        detail = f"the same motion as episode {first}"
        yield Finding("duplicate", second, None, detail, f"compare them with motorium data view; {WITHOUT}")


def leakage(dataset: Dataset, motions: Motions) -> Iterator[Finding]:
    """Find what is tested and was trained on: an episode, a twin of one, a scene in two splits."""
    parts, strange = splits(dataset)
    names = sorted(parts)
    remedy = "motorium data split"
    if strange:
        why = f"leakage: the episodes of {', '.join(strange)} in splits of {layout.INFO} are not ranges a:b"
        yield Finding("not_judged", None, None, why, "write them as 0:40")
    seed_of = dict(zip(motions.episodes, motions.seeds, strict=True))
    for a, b in ((a, b) for i, a in enumerate(names) for b in names[i + 1 :]):
        for episode in sorted(parts[a] & parts[b]):
            yield Finding("leakage", episode, None, f"in {a} and in {b}", remedy)
        for first, second in motions.twins():
            if (first in parts[a]) != (first in parts[b]) and _apart(first, second, parts[a], parts[b]):
                detail = f"the same motion as episode {first}, which is in the other of {a} and {b}"
                yield Finding("leakage", second, None, detail, remedy)
        seeds = {seed_of.get(e) for e in parts[a]} - {None}
        for episode in sorted(parts[b] - parts[a]):
            if seed_of.get(episode) in seeds:
                yield Finding(
                    "leakage", episode, None, f"its scene, seed {seed_of[episode]}, is in {a} too", remedy
                )


def _apart(first: int, second: int, a: set[int], b: set[int]) -> bool:
    return (first in a and second in b) or (first in b and second in a)


def order(findings: Sequence[Finding]) -> list[Finding]:
    """Sort blocking ones first, then by episode and time."""

    def key(finding: Finding) -> tuple[bool, int, float, str]:
        episode = -1 if finding.episode is None else finding.episode
        return (not finding.blocks, episode, finding.time_s or 0.0, finding.kind)

    return sorted(findings, key=key)
