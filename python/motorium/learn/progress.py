"""Tell how training goes: lines with the time to go; loss and validation as CSV and PNG in the folder of the run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_whole
from .chart import Floats, write_chart
from .event_files import EventFiles
from .validation import Judgement

LOSS = ("step", "rate", "flow", "scene", "balance", "norm")
VALIDATION = ("step", "l1_rad", "flow", "success")
COLUMNS = {"loss": LOSS, "validation": VALIDATION}
"""Of the curves, by their names."""
TAUGHT = (*VALIDATION, "teacher_rad")
"""Of the validation of a student."""
POINTS = 200
"""Of the curve of the loss, each the mean of what lies between."""
TELL_S = 10.0
"""Between lines."""
WORSE = 1.1
"""Times the best error, above which a judgement speaks for the end."""


class Progress:
    """The history of a run, and what is told of it.

    Args:
        folder: of the run.
        steps: of the whole schedule.
        report: gets a line now and then.
        events: that get the curves too.
    """

    def __init__(
        self, folder: Path, steps: int, report: Callable[[str], None], events: EventFiles | None = None
    ) -> None:
        self.folder, self.steps, self.report, self.events = folder, steps, report, events
        self.every = max(1, steps // POINTS)
        self._loss: list[list[float]] = []
        self._judged: list[Judgement] = []
        self._sums: dict[str, list[float]] = {}
        self._began = self._told = time.monotonic()
        self._from = 0

    def restore(self, history: Mapping[str, np.ndarray[Any, Any]], done: int) -> None:
        """Take over the history of a run that goes on."""
        self._loss = history["loss"].reshape(-1, len(LOSS)).tolist()
        self._judged = [Judgement(int(step), *others) for step, *others in history["validation"].tolist()]
        self._from = done

    def history(self) -> dict[str, Floats]:
        """Return what `restore` takes."""
        judged = [[float(getattr(j, name)) for name in self._columns] for j in self._judged]
        return {
            "loss": np.array(self._loss, np.float64).reshape(-1, len(LOSS)),
            "validation": np.array(judged, np.float64).reshape(-1, len(self._columns)),
        }

    @property
    def _columns(self) -> tuple[str, ...]:
        """What is kept of a judgement."""
        taught = any(not math.isnan(j.teacher_rad) for j in self._judged)
        return TAUGHT if taught else VALIDATION

    def measured(self, step: int, values: Mapping[str, float]) -> bool:
        """Note what a step measured; True when a point of the curve is whole, and the state may be saved."""
        for name, value in values.items():
            self._sums.setdefault(name, []).append(value)
        if step % self.every and step != self.steps:
            return False
        self._loss.append([float(step), *(float(np.mean(self._sums[name])) for name in LOSS[1:])])
        self._sums = {}
        now = time.monotonic()
        if now - self._told >= TELL_S or step == self.steps:
            self._told = now
            flow = self._loss[-1][LOSS.index("flow")]
            left = (now - self._began) / max(1, step - self._from) * (self.steps - step)
            self.report(f"step {step} of {self.steps}, loss {flow:.4f}, {_said(left)} to go")
        return True

    def judged(self, judgement: Judgement) -> bool:
        """Note what held-out recordings say; True when it is the best so far."""
        best = self.best
        self._judged.append(judgement)
        better = best is None or judgement.error < best.error
        self.report(
            f"step {judgement.step}: held-out recordings, chunk off by {judgement.l1_rad:.4f} rad, "
            f"{_apart(judgement)}loss {judgement.flow:.4f}{', the best so far' if better else ''}"
            f"{'' if math.isnan(judgement.success) else f'; {judgement.success:.0%} of episodes succeed'}"
        )
        return better

    @property
    def best(self) -> Judgement | None:
        """The judgement whose weights are kept."""
        return min(self._judged, key=lambda judgement: judgement.error, default=None)

    def hopeless(self, patience: int) -> bool:
        """Return whether the last `patience` judgements were all clearly worse than the best."""
        best, last = self.best, self._judged[-patience:]
        return best is not None and len(last) == patience and all(j.error > WORSE * best.error for j in last)

    def write(self) -> None:
        """Write loss.csv, validation.csv, loss.png and validation.png, and events. Raises StorageError."""
        history = self.history()
        columns_of = {**COLUMNS, "validation": self._columns}
        curves = {name: (columns, history[name]) for name, columns in columns_of.items()}
        for name, (columns, points) in curves.items():
            _write_csv(self.folder / f"{name}.csv", columns, points)
        if self.events is not None:
            self.events.write(curves)
        loss, judged = history["loss"], history["validation"]
        lines = [
            (loss[:, 0], loss[:, LOSS.index("flow")]),
            (judged[:, 0], judged[:, VALIDATION.index("flow")]),
        ]
        write_chart(self.folder / "loss.png", lines, logarithmic=True)
        error = self._columns.index("l1_rad" if self._columns is VALIDATION else "teacher_rad")
        write_chart(self.folder / "validation.png", [(judged[:, 0], judged[:, error])])

    def close(self) -> None:
        """End what is written in pieces."""
        if self.events is not None:
            self.events.close()


def _write_csv(path: Path, columns: Sequence[str], rows: Floats) -> None:
    lines = [",".join(columns), *(",".join(f"{value:.8g}" for value in row) for row in rows)]
    write_whole(path, lambda file: file.write(("\n".join(lines) + "\n").encode()))


def _apart(judgement: Judgement) -> str:
    """Say how far a student is from its teacher; nothing of other networks."""
    return (
        "" if math.isnan(judgement.teacher_rad) else f"{judgement.teacher_rad:.4f} rad from the teacher's, "
    )


def _said(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
