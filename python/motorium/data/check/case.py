"""Hold one episode for the rules that judge it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..format.dataset import Dataset
from ..format.joint_units import Unit
from ..format.tables import Episode, Rows
from .findings import Finding

STATE, ACTION, COMMANDED = "observation.state", "action", "commanded_rad"

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One episode to be checked.

    Attributes:
        dataset: that it is of.
        episode: its line.
        rows: its numeric columns.
        notes: what was noted about it.
        units: column of joints -> unit; those of no known unit are left out.
    """

    dataset: Dataset
    episode: Episode
    rows: Rows
    notes: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)

    @property
    def fps(self) -> int:
        """Rows per second."""
        return self.dataset.schema.fps

    def column(self, key: str) -> Float | None:
        """Return (N, D) values, or None when the dataset has no such column."""
        values = self.rows.get(key)
        return None if values is None else values.reshape(len(values), -1).astype(np.float64)

    def joints(self, key: str) -> tuple[Float, Unit] | None:
        """Return (N, J) values of a joint column and their unit; None when column or unit is missing."""
        values, unit = self.column(key), self.units.get(key)
        return None if values is None or unit is None else (values, unit)

    def name(self, key: str, i: int) -> str:
        """Name the i-th value of a column; by its number where it has no name."""
        names = self.dataset.schema.feature(key).names or ()
        return names[i] if i < len(names) else str(i)

    def finding(self, kind: str, row: float | None, detail: str, remedy: str) -> Finding:
        """Make a finding at a row of this episode."""
        return Finding(kind, self.episode.index, None if row is None else row / self.fps, detail, remedy)


def runs(mask: NDArray[np.bool_], least: int) -> Iterator[tuple[int, int]]:
    """Return (first, after last) of every stretch of True that is at least so long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if stop - start >= least:
            yield start, stop
