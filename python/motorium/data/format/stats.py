"""Compute statistics as LeRobot keeps them: per episode, then one for the dataset.

Keys min, max, mean, std, count, q01, q10, q50, q90, q99 (lerobot 0.4.4, `datasets/compute_stats.py`). LeRobot takes
quantiles from histograms of 5000 bins; here they are exact order statistics, which lie in the same bin. `aggregate` has
for a dataset's quantiles the weighted mean of the episodes', as LeRobot's are; `whole_stats` has the true ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files import write_json
from ...types import UInt8

Stats = dict[str, Any]
"""Nested lists of numbers under the keys above."""
QUANTILES = {"q01": 1, "q10": 10, "q50": 50, "q90": 90, "q99": 99}
"""Key -> percent."""
MOMENTS = ("min", "max", "mean", "std")
LEVELS = "levels"
"""Key of a camera's histogram, (3, 256): pixels of each level. Kept beside the statistics, never in LeRobot's files."""
STATS_EVERY = 4
"""Frames of which one counts for the statistics of pictures."""
PIXELS_AIM = 150
"""Pictures are thinned to about this many pixels along the longer side, as LeRobot does."""
MAX_PIXELS = 1 << 48
"""Most pixels of one level in an episode; a hundred thousand such counts can be added up."""
_LEVELS = 256
LARGE = 1e150
"""Values beyond are divided before they are squared."""


def column_stats(values: NDArray[Any]) -> Stats:
    """Compute statistics of an (N, ...) column, N >= 1, per value of a row; booleans count as 0 and 1.

    What is not finite is left out, and a value that never is counts as 0: `data check` reports it.
    """
    flat = values.reshape(len(values), -1)
    found = [_value_stats(np.ascontiguousarray(flat[:, i])) for i in range(flat.shape[1])]
    out: Stats = {name: [one[name] for one in found] for name in found[0]}
    return {**out, "count": [len(flat)]}


def _value_stats(values: NDArray[Any]) -> dict[str, int | float]:
    """Compute those of an (N,) column: a quantile q is the smallest value that q of all do not exceed."""
    whole = values.dtype.kind in "iub"
    kept = values.astype(np.int64) if whole else values.astype(np.float64)
    if not whole and not np.isfinite(kept).all():
        kept = kept[np.isfinite(kept)]
    if not len(kept):
        kept = np.zeros(1)
    least, most = kept.min().item(), kept.max().item()
    unit = max(-least, most) if max(-least, most) > LARGE else 1  # squares of larger ones overflow
    out: dict[str, int | float] = {
        "min": least,
        "max": most,
        "mean": float((kept / unit).mean(dtype=np.float64) * unit),
        "std": float((kept / unit).std(dtype=np.float64) * unit),
    }
    ranks = {key: max(0, -(-len(kept) * percent // 100) - 1) for key, percent in QUANTILES.items()}
    kept.partition(sorted(ranks.values()))
    return out | {key: float(kept[rank]) for key, rank in ranks.items()}


class PictureStats:
    """Statistics of many (H, W, 3) uint8 pictures, exact, from one histogram per channel."""

    def __init__(self) -> None:
        self._levels = np.zeros((3, _LEVELS), dtype=np.int64)
        self.count = 0

    def add(self, image: UInt8) -> None:
        """Add one picture."""
        step = max(1, max(image.shape[:2]) // PIXELS_AIM) if max(image.shape[:2]) >= 2 * PIXELS_AIM else 1
        thin = image[::step, ::step]
        for channel in range(3):
            self._levels[channel] += np.bincount(thin[:, :, channel].ravel(), minlength=_LEVELS)
        self.count += 1

    def merge(self, other: Stats) -> None:
        """Add all pictures of another result."""
        self._levels += np.asarray(other[LEVELS], dtype=np.int64)
        self.count += int(other["count"][0])

    def result(self) -> Stats:
        """Return them per channel in [0, 1], shape (3, 1, 1), and the histogram (`LEVELS`); zeros of no picture."""
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
        for key, percent in QUANTILES.items():
            ranks = np.maximum(
                1, -(-total * percent // 100)
            )  # the smallest level with so many pixels up to it
            values[key] = np.array([level[np.searchsorted(below[c], ranks[c])] for c in range(3)])
        out: Stats = {key: value.reshape(3, 1, 1).tolist() for key, value in values.items()}
        return out | {"count": [self.count], LEVELS: self._levels.tolist()}


def without_levels(stats: Stats) -> Stats:
    """Return what LeRobot's files have of a camera's statistics."""
    return {key: value for key, value in stats.items() if key != LEVELS}


def read_levels(value: Any) -> dict[str, Stats]:
    """Take histograms of an episode's cameras from JSON, for `PictureStats.merge`, and leave out what is none."""
    out = {}
    for key, one in value.items() if isinstance(value, dict) else ():
        try:
            levels, count = np.asarray(one[LEVELS]), int(one["count"][0])
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            continue
        small = levels.shape == (3, _LEVELS) and levels.dtype.kind == "i" and 0 <= count <= MAX_PIXELS
        if small and levels.min() >= 0 and levels.max() <= MAX_PIXELS:
            out[str(key)] = {LEVELS: levels.tolist(), "count": [count]}
    return out


def keep_levels(root: Path, path: Path, pictures: Mapping[str, Stats]) -> bool:
    """Write the histograms of an episode's cameras, where there are any, below `root`; return whether there are."""
    levels = {
        key: {name: stats[name] for name in (LEVELS, "count")}
        for key, stats in pictures.items()
        if LEVELS in stats
    }
    if levels:
        write_json(path, levels, indent=0, root=root)
    return bool(levels)


def aggregate(episodes: Sequence[Mapping[str, Stats]]) -> dict[str, Stats]:
    """Compute a dataset's from those of its episodes: parallel variance, weighted quantiles.

    They may be a stranger's: what is none, or of another shape than the last episode's, counts as absent.
    """
    out = {}
    for key in dict.fromkeys(key for episode in episodes for key in episode):
        parts = [part for episode in episodes if (part := sound(episode.get(key)))]
        shape = np.shape(parts[-1]["mean"]) if parts else None
        with np.errstate(over="ignore", invalid="ignore"):
            whole = _combine([part for part in parts if np.shape(part["mean"]) == shape]) if parts else {}
        if sound(whole):
            out[key] = whole
    return out


def sound(part: Any) -> Stats:
    """Return the moments, quantiles and count of statistics that others stored; {} for what is none.

    Statistics are finite numbers, all of one shape, and a count.
    """
    if not isinstance(part, Mapping):
        return {}
    try:
        (count,) = part["count"]
        arrays = {key: np.asarray(part[key]) for key in (*MOMENTS, *(q for q in QUANTILES if q in part))}
    except (KeyError, TypeError, ValueError):
        return {}
    shape = arrays["mean"].shape
    if not isinstance(count, int) or not 0 <= count <= MAX_PIXELS:
        return {}
    if not all(a.shape == shape and a.dtype.kind in "bif" and np.isfinite(a).all() for a in arrays.values()):
        return {}
    return {**{key: array.tolist() for key, array in arrays.items()}, "count": [int(count)]}


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
