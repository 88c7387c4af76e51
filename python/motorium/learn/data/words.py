"""Say what each row of a recording was told to do: its instruction, or the sub-task that a mark named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.format.dataset import Dataset
from ...data.format.tables import Episode, Rows
from ...data.record.marks import NAMES, SUBTASK
from ...errors import DataError

TASK = "task_index"


def keys(dataset: Dataset, *, subtasks: bool) -> tuple[str, ...]:
    """Return the columns that `texts` needs."""
    return (TASK, SUBTASK) if subtasks and dataset.schema.has(SUBTASK) else (TASK,)


def texts(
    dataset: Dataset, episode: Episode, rows: Rows, otherwise: str
) -> tuple[NDArray[np.int64], list[str]]:
    """Return (N,) a number per row, and the texts that they count.

    Args:
        dataset: of the episode.
        episode: its line.
        rows: with the columns of `keys`.
        otherwise: instruction of an episode that has none; "" refuses it.

    Raises DataError for a row without an instruction, or with the number of one that there is not.
    """
    index = rows[TASK].reshape(-1).astype(np.int64)
    where = f"{dataset.root}, episode {episode.index}"
    if index.min() < 0 or index.max() >= len(dataset.tasks):
        raise DataError(
            f"{where} has task {int(index.max())}, and the dataset has {len(dataset.tasks)} instructions"
        )
    used, place = np.unique(index, return_inverse=True)
    found = [dataset.tasks[number].strip() or otherwise.strip() for number in used.tolist()]
    if not all(found):
        raise DataError(
            f"{where} has an empty instruction, and a policy is told what to do: give it one, motorium data relabel "
            f"{dataset.root}, or declare one for such episodes (--task)"
        )
    place = place.reshape(-1).astype(np.int64)
    if SUBTASK not in rows:
        return place, found
    names = _subtasks(dataset, episode)
    marked = rows[SUBTASK].reshape(-1).astype(np.int64)
    known = np.array([bool(name) for name in names])
    told = (marked > 0) & (marked < len(names))
    told[told] = known[marked[told]]
    return np.where(told, marked + len(found), place), [*found, *names]


def _subtasks(dataset: Dataset, episode: Episode) -> list[str]:
    """Return the names of sub-tasks by number: of the whole dataset, else the texts of the episode's own marks."""
    declared: Any = dataset.schema.own.get(NAMES)
    if isinstance(declared, list):
        return [name.strip() if isinstance(name, str) else "" for name in declared]
    events: Any = dataset.notes(episode).get("events")
    marks = (
        [e for e in events if isinstance(e, Mapping) and e.get("kind") == "subtask"]
        if isinstance(events, list)
        else []
    )
    return ["", *(str(mark.get("text") or "").strip() for mark in marks)]
