"""Note how recorded episodes ended, and choose those that a policy should learn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...files import write_json
from ..format import layout
from ..format.dataset import Dataset
from ..format.lock import Lock
from ..format.outcome import BY, SUCCESS, WHOLE, WORDS, Outcome, cut_off, outcome_of

MARKED_BY = "data mark"


@dataclass(frozen=True)
class OutcomeCounts:
    """What the notes of a dataset say.

    Attributes:
        outcomes: "success", "failure" and "unknown" -> how many episodes.
        cut_off: episodes whose end is missing.
    """

    outcomes: dict[str, int]
    cut_off: tuple[int, ...]


def summary(dataset: Dataset) -> OutcomeCounts:
    """Count how the episodes ended; notes that cannot be read, which `check` reports, say nothing."""
    outcomes, cut = dict.fromkeys(WORDS.values(), 0), []
    if not (dataset.root / layout.notes_file(0)).parent.is_dir():  # of others
        return OutcomeCounts(outcomes | {WORDS[None]: len(dataset.episodes)}, ())
    for episode in dataset.episodes:
        try:
            notes = dataset.notes(episode)
        except DataError:
            notes = {}
        outcomes[WORDS[outcome_of(notes).success]] += 1
        if cut_off(notes):
            cut.append(episode.index)
    return OutcomeCounts(outcomes, tuple(cut))


def for_training(dataset: Dataset, *, with_cut_off: bool = False) -> tuple[Dataset, tuple[int, ...]]:
    """Return the dataset to learn from, and the episodes left out because their end is missing.

    A policy that learns from a demonstration that stops in the middle learns to stop there. Raises DataError for notes
    that cannot be read.
    """
    cut = () if with_cut_off else tuple(e.index for e in dataset.episodes if cut_off(dataset.notes(e)))
    return replace(dataset, episodes=tuple(e for e in dataset.episodes if e.index not in cut)), cut


def mark(
    root: Path, episodes: Iterable[int], outcome: Outcome | None = None, *, whole: bool | None = None
) -> None:
    """Write into the notes of episodes how they ended; each file is replaced at once, and nothing else is touched.

    Args:
        root: the dataset.
        episodes: by number.
        outcome: success, failure, or unknown again; None leaves it.
        whole: of episodes recovered after a cut: whether nothing of the demonstration is missing; None leaves it.

    Raises DataError: no such episode, nothing written then; damaged notes; a dataset being written; a link in the way.
    """
    chosen = sorted(set(episodes))
    with Lock(root):
        dataset = Dataset.open(root)
        there = {episode.index: episode for episode in dataset.episodes}
        missing = [number for number in chosen if number not in there]
        if missing:
            raise DataError(f"{root} has no episode {missing[0]}; it has {len(there)}")
        changed = {
            number: _changed(dataset.notes(there[number]), number, outcome, whole) for number in chosen
        }
        for number, notes in changed.items():
            write_json(root / layout.notes_file(number), notes, root=root)


def _changed(
    notes: dict[str, Any], number: int, outcome: Outcome | None, whole: bool | None
) -> dict[str, Any]:
    out = {"episode": number} | notes
    if outcome is not None:
        out = {key: value for key, value in out.items() if key not in {SUCCESS, BY}} | outcome.as_notes()
    if whole is not None:
        if "recovered" not in notes:
            raise DataError(f"episode {number} was never cut off")
        out[WHOLE] = whole
    return out
