"""Statistics as LeRobot keeps them: per episode, then one for the dataset.

Keys min, max, mean, std, count, q01, q10, q50, q90, q99 (lerobot 0.4.4, `datasets/compute_stats.py`). LeRobot takes
quantiles from histograms of 5000 bins; here they are exact order statistics, which lie in the same bin. The dataset's
quantiles are the weighted mean of the episodes', as LeRobot's are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import UInt8

Stats = dict[str, Any]
"""Nested lists of numbers under the keys above."""
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
PIXELS_AIM = 150
"""Pictures are thinned to about this many pixels along the longer side, as LeRobot does."""
_LEVELS = 256


def column_stats(values: NDArray[Any]) -> Stats:
    """Of an (N, ...) column, N >= 1: one number per value of a row; booleans count as 0 and 1."""
    flat = values.reshape(len(values), -1)
    whole = flat.dtype.kind in "iub"
    wide = flat.astype(np.float64)
    kept = flat.astype(np.int64) if whole else wide
    mean = wide.mean(axis=0)
    out: Stats = {
        "min": kept.min(axis=0).tolist(),
        "max": kept.max(axis=0).tolist(),
        "mean": mean.tolist(),
        "std": wide.std(axis=0).tolist(),
        "count": [len(flat)],
    }
    for key, q in QUANTILES.items():
        out[key] = np.quantile(wide, q, axis=0, method="inverted_cdf").tolist()
    return out


class PictureStats:
    """Of many (H, W, 3) uint8 pictures, exactly, from one histogram per channel."""

    def __init__(self) -> None:
        self._levels = np.zeros((3, _LEVELS), dtype=np.int64)
        self.count = 0

    def add(self, image: UInt8) -> None:
        """One more picture."""
        step = max(1, max(image.shape[:2]) // PIXELS_AIM) if max(image.shape[:2]) >= 2 * PIXELS_AIM else 1
        thin = image[::step, ::step]
        for channel in range(3):
            self._levels[channel] += np.bincount(thin[:, :, channel].ravel(), minlength=_LEVELS)
        self.count += 1

    def result(self) -> Stats:
        """Per channel in [0, 1], shape (3, 1, 1). Of no picture at all: zeros."""
        total = np.maximum(self._levels.sum(axis=1), 1)
        level = np.arange(_LEVELS) / 255.0
        mean = self._levels @ level / total
        variance = np.maximum(self._levels @ level**2 / total - mean**2, 0.0)
        seen = self._levels > 0
        values = {
            "min": level[np.argmax(seen, axis=1)],
            "max": level[_LEVELS - 1 - np.argmax(seen[:, ::-1], axis=1)],
            "mean": mean,
            "std": np.sqrt(variance),
        }
        below = np.cumsum(self._levels, axis=1)
        for key, q in QUANTILES.items():
            values[key] = np.array([level[np.searchsorted(below[c], q * total[c])] for c in range(3)])
        out: Stats = {key: value.reshape(3, 1, 1).tolist() for key, value in values.items()}
        out["count"] = [self.count]
        return out


def aggregate(episodes: Sequence[Mapping[str, Stats]]) -> dict[str, Stats]:
    """Of a dataset from those of its episodes: parallel variance, weighted quantiles."""
    keys = dict.fromkeys(key for episode in episodes for key in episode)
    return {key: _combine([episode[key] for episode in episodes if key in episode]) for key in keys}


def _combine(parts: Sequence[Stats]) -> Stats:
    counts = np.array([part["count"][0] for part in parts], dtype=np.float64)
    weights = counts / max(counts.sum(), 1.0)

    def stack(key: str) -> NDArray[np.float64]:
        return np.stack([np.asarray(part[key], dtype=np.float64) for part in parts])

    def weighted(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.tensordot(weights, values, axes=1))

    mean = weighted(stack("mean"))
    variance = weighted(stack("std") ** 2 + (stack("mean") - mean) ** 2)
    out: Stats = {
        "min": np.min([np.asarray(part["min"]) for part in parts], axis=0).tolist(),
        "max": np.max([np.asarray(part["max"]) for part in parts], axis=0).tolist(),
        "mean": mean.tolist(),
        "std": np.sqrt(variance).tolist(),
        "count": [int(counts.sum())],
    }
    for key in QUANTILES:
        if all(key in part for part in parts):
            out[key] = weighted(stack(key)).tolist()
    return out
