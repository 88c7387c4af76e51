"""Whether all episodes are of one arm and one rule of pairing: the same angles of two arms are not the same pose."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import DataError
from ...robots.identity import Identity
from ..format import instants
from ..format.dataset import Dataset
from ..format.identity import ROBOT
from .findings import Finding

Key = tuple[Identity | None, int]


def arms(dataset: Dataset) -> Iterator[Finding]:
    """One finding for every arm after the first, and for rows that were paired by another rule."""
    groups: dict[Key, list[int]] = {}
    for episode in dataset.episodes:
        try:
            notes = dataset.notes(episode)
        except DataError:  # has a finding of its own
            continue
        key = Identity.read(notes.get(ROBOT)), instants.pairing_of(notes)
        groups.setdefault(key, []).append(episode.index)
    first, *others = groups or [(None, 0)]
    for key in others:
        numbers = groups[key]
        remedy = "train on one of them, or make sure that they mean the same: motorium data split, or delete one kind"
        yield Finding("arm", numbers[0], None, f"{len(numbers)} episodes {_difference(first, key)}", remedy)


def _difference(first: Key, other: Key) -> str:
    (a, rule_a), (b, rule_b) = first, other
    if a is None or b is None:
        what = (
            "do not say with which arm they were recorded"
            if b is None
            else f"say that their arm is {b.robot}"
        )
        return f"{what}, the first {'does' if b is None else 'do not'}"
    if a.robot != b.robot:
        return f"were recorded with {b.robot}, the first with {a.robot}"
    if a.spec_sha256 != b.spec_sha256:
        return f"were recorded with another declaration of {a.robot} than the first"
    if a.calibration_sha256 != b.calibration_sha256:
        return "were recorded with another calibration than the first"
    return f"pair pictures with joints by rule {rule_b}, the first by rule {rule_a} (docs/timeline.md)"
