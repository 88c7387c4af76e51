"""Write the curves of a run for TensorBoard, an optional library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import MotoriumError, StorageError
from .chart import Floats

FOLDER = "tensorboard"
"""In the folder of the run."""


def summary_writer() -> Any:
    """Return the class that writes event files. Raises MotoriumError with the remedy where TensorBoard is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MotoriumError(
            f"--tensorboard needs TensorBoard ({error}): pip install 'motorium[tensorboard]'"
        ) from error
    return SummaryWriter


class EventFiles:
    """The same points as in the CSV files, as scalars `loss/flow`, `validation/l1_rad` and so on.

    A run that goes on begins another file with all of its history, and what older ones say no longer counts
    (TensorBoard's purge), so that a point that was cut off is not there twice.

    Raises MotoriumError without TensorBoard.
    """

    def __init__(self, run: Path) -> None:
        self._kind, self._folder = summary_writer(), run / FOLDER
        self._writer: Any = None
        self._written: dict[str, int] = {}

    def write(self, curves: Mapping[str, tuple[Sequence[str], Floats]]) -> None:
        """Add the points that are new.

        Args:
            curves: name -> names of columns, the first of which is the step, and (N, columns) points; a value that is
                no number is left out.

        Raises StorageError.
        """
        try:
            if (
                self._writer is None
            ):  # not before there is something to take the place of what older files say
                self._writer = self._kind(str(self._folder), purge_step=0)
            for name, (columns, points) in curves.items():
                for step, *values in points[self._written.get(name, 0) :].tolist():
                    for column, value in zip(columns[1:], values, strict=True):
                        if math.isfinite(value):
                            self._writer.add_scalar(f"{name}/{column}", value, int(step))
                self._written[name] = len(points)
            self._writer.flush()
        except OSError as error:
            raise StorageError(f"cannot write {self._folder}: {error.strerror or error}") from error

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
