"""Compute means and standard deviations of values of which some are not known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def known_moments(
    values: NDArray[np.floating], known: NDArray[np.bool_]
) -> tuple[NDArray[np.integer], NDArray[Any], NDArray[Any]]:
    """Return number, mean and standard deviation along the first axis; 0 for the last two where nothing is known.

    Args:
        values: (N, ...); those that are not known may be anything, also no number.
        known: (N, ...), or of a shape that broadcasts to it; the number has its shape without the first axis.
    """
    # What is masked is left out, and not multiplied by zero.
    kept = np.where(known, values, 0.0).astype(np.float64)
    count = known.sum(axis=0)
    some = np.maximum(count, 1)
    mean = kept.sum(axis=0) / some
    return count, mean, np.sqrt((np.where(known, kept - mean, 0.0) ** 2).sum(axis=0) / some)
