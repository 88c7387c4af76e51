"""A table of ablations of one checkpoint: with and without committed rows under latency, in other light and so on.

Every cell is an evaluation of the same scenes and a file of its own, so that a table that was cut off is completed by
asking for it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import write_json
from .evaluate import EvalJob, EvalReport, evaluate
from .proportions import Pairs
from .results import Outcomes, compare, comparison, fingerprint, read_outcomes, scenes_of, settings_of

LATENCIES_MS = (0, 200, 400)
CORRUPTED = ("light", "occlusion", "camera")
RESULT = "ablations.json"


@dataclass(frozen=True)
class Cell:
    """One evaluation of the table.

    Attributes:
        name: of its file.
        title: in words.
        injected_ms, uac, corrupt: as of `EvalJob`.
    """

    name: str
    title: str
    injected_ms: int = 0
    uac: bool = True
    corrupt: tuple[str, ...] = ()

    def job(self, base: EvalJob) -> EvalJob:
        """Return the evaluation of this cell."""
        return replace(base, injected_s=self.injected_ms / 1e3, uac=self.uac, corrupt=self.corrupt)


CELLS = (
    *(Cell(f"uac-{ms}ms", f"UAC, {ms} ms injected", ms) for ms in LATENCIES_MS),
    *(Cell(f"no-uac-{ms}ms", f"without UAC, {ms} ms injected", ms, uac=False) for ms in LATENCIES_MS),
    *(Cell(kind, f"UAC, corrupt {kind}", corrupt=(kind,)) for kind in CORRUPTED),
)
AS_IT_IS = CELLS[0]


@dataclass(frozen=True)
class Ablations:
    """A table.

    Attributes:
        checkpoint: as it was given.
        cells: outcomes by the names of CELLS.
    """

    checkpoint: str
    cells: dict[str, Outcomes]

    def pairs(self, first: str, second: str) -> Pairs:
        """Compare two cells scene by scene."""
        return compare(self.cells[first], self.cells[second])

    def as_dict(self) -> dict[str, Any]:
        """Return the table, ready for JSON: each cell minus the first, and UAC minus none at each latency."""
        return {
            "checkpoint": self.checkpoint,
            "checkpoint_sha256": self.cells[AS_IT_IS.name].sha256,
            "cells": [
                {
                    "name": cell.name,
                    **self.cells[cell.name].as_dict(),
                    "minus_first": comparison(self.pairs(cell.name, AS_IT_IS.name)),
                }
                for cell in CELLS
            ],
            "uac_minus_none": [
                {
                    "injected_latency_ms": ms,
                    **comparison(self.pairs(f"uac-{ms}ms", f"no-uac-{ms}ms")),
                }
                for ms in LATENCIES_MS
            ],
        }


def run_ablations(
    base: EvalJob, given: tuple[str, str], folder: Path, tell: Callable[[Cell, Outcomes, bool], None]
) -> Ablations:
    """Play the cells that are not in the folder.

    Args:
        base: checkpoint, scenes and what is common to all cells.
        given: checkpoint and robot in the words of the user, for the results.
        folder: of the results, a JSON file for each cell.
        tell: called after each cell: the cell, its outcomes, whether it was there already.

    Raises DataError, before anything is played, for a result in the folder that is of other scenes, other settings or
    another checkpoint.
    """
    sha256 = fingerprint(base.checkpoint)
    there = {cell.name: _read(cell, base, given, folder, sha256) for cell in CELLS}
    cells = {}
    for cell in CELLS:
        known = there[cell.name]
        if known is None:
            figures = result(evaluate(cell.job(base)), given, sha256)
            write_json(folder / f"{cell.name}.json", figures)
        cells[cell.name] = known or Outcomes.of(figures)
        tell(cell, cells[cell.name], known is not None)
    return Ablations(given[0], cells)


def result(report: EvalReport, given: tuple[str, str], sha256: str) -> dict[str, Any]:
    """Return what is written of an evaluation; `given` and `sha256` as in `run_ablations`."""
    return {**report.as_dict(), "checkpoint": given[0], "robot": given[1], "checkpoint_sha256": sha256}


def _read(cell: Cell, base: EvalJob, given: tuple[str, str], folder: Path, sha256: str) -> Outcomes | None:
    """Return the result of a cell that was played before; None when there is none. Raises DataError."""
    path = folder / f"{cell.name}.json"
    if not path.exists() and not path.is_symlink():
        return None
    found, job = read_outcomes(path), cell.job(base)
    for what, seen, asked in (
        ("scenes", found.scenes, scenes_of(job, given[1])),
        ("settings", found.settings, settings_of(job)),
        ("the checkpoint's SHA-256", found.sha256, sha256),
    ):
        if seen != asked:
            raise DataError(
                f"{path} is a result of something else: {what}: {seen!r:.300}, and {asked!r:.300} is asked for; give "
                "another folder, or remove the file"
            )
    return found
