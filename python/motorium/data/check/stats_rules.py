"""Judge stored statistics: training normalises with them, so they must match the present rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ..format import layout
from ..format.dataset import Dataset
from ..format.schema import Feature, read_json
from ..format.snapshot import moved_on
from ..format.stats import QUANTILES
from ..format.tables import Episode, Rows
from .findings import Finding

MEAN_OFF, STD_OFF, RANGE_OFF = 0.01, 0.02, 1e-3
"""Fraction of the deviation, the deviation, the range by which other computations (float32, N - 1) may differ."""
ROUNDED = 1e-5
"""Fraction of the largest value, for what is rounded."""
PADDED = 1e-8
"""LeRobot widens the range of its histograms by 1e-10, and quantiles of a value that never changes lie beyond it."""
WRITE = "motorium data stats DATASET --write recomputes them"
REQUIRED = ("min", "max", "mean", "std")

Float = NDArray[np.float64]


@dataclass
class Sums:
    """Statistics of one column, one episode after the other (parallel variance, Chan et al. 1979)."""

    count: int = 0
    least: Float = field(default_factory=lambda: np.array(np.inf))
    most: Float = field(default_factory=lambda: np.array(-np.inf))
    mean: Float = field(default_factory=lambda: np.array(0.0))
    squares: Float = field(default_factory=lambda: np.array(0.0))

    def add(self, values: Float) -> None:
        """Add (N, D) values, N >= 1."""
        n, mean = len(values), values.mean(axis=0)
        step, whole = mean - self.mean, self.count + n
        self.squares = self.squares + ((values - mean) ** 2).sum(axis=0) + step**2 * self.count * n / whole
        self.mean, self.count = self.mean + step * n / whole, whole
        self.least = np.minimum(self.least, values.min(axis=0))
        self.most = np.maximum(self.most, values.max(axis=0))

    @property
    def std(self) -> Float:
        """(D,) Deviation."""
        return np.asarray(np.sqrt(self.squares / max(self.count, 1)))


class StatsRules:
    """Compares what is stored with the rows, as they pass by."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._sums = {feature.key: Sums() for feature in dataset.schema.columns}
        self._seen = 0

    def add(self, episode: Episode, rows: Rows) -> Iterator[Finding]:
        """Return what is wrong with the statistics of one episode; DataError when they cannot be read."""
        self._seen += 1
        stored = self._dataset.stats(episode)
        for feature in self._dataset.schema.columns:
            values = rows[feature.key].reshape(len(rows[feature.key]), -1).astype(np.float64)
            if not len(values):
                continue
            sums = Sums()
            with np.errstate(all="ignore"):  # what is not finite has a finding of its own
                sums.add(values)
                self._sums[feature.key].add(values)
            if feature.key in stored:
                wrong = difference(stored[feature.key], sums)
                if wrong:
                    detail = f"those of {feature.key}: {wrong}"
                    yield Finding("stats", episode.index, None, detail, WRITE)
            elif self._dataset.info.version == layout.VERSION_OLD:
                yield Finding("no_stats", episode.index, None, f"{feature.key} has none", WRITE)

    def whole(self) -> Iterator[Finding]:
        """Yield findings about those of the dataset, once every episode has passed."""
        dataset = self._dataset
        path = dataset.root / layout.STATS
        if dataset.info.version == layout.VERSION_OLD or not dataset.episodes:
            return  # LeRobot takes those of the episodes there
        if not path.exists():
            yield Finding("no_stats", None, None, f"there is no {layout.STATS}, which training reads", WRITE)
            return
        try:
            stored = read_json(path, inside=dataset.root)
        except DataError as error:
            yield Finding("stats", None, None, str(error), WRITE)
            return
        if not isinstance(stored, dict):
            yield Finding("stats", None, None, f"{layout.STATS} is not a table of features", WRITE)
            return
        yield from self._missing(stored)
        if self._seen < len(dataset.episodes):
            why = f"stats of the dataset: {len(dataset.episodes) - self._seen} episodes cannot be read"
            yield Finding("not_judged", None, None, why, "fix those first")
            return
        wrong = {key: difference(stored[key], sums) for key, sums in self._sums.items() if key in stored}
        if any(wrong.values()) and moved_on(dataset.root, dataset.info):
            yield Finding(
                "not_judged",
                None,
                None,
                "stats of the dataset: it is still growing",
                "check it again afterwards",
            )
            return
        for key, why in wrong.items():
            if why:
                yield Finding("stats", None, None, f"{layout.STATS}, {key}: {why}", WRITE)

    def _missing(self, stored: Mapping[str, Any]) -> Iterator[Finding]:
        features: tuple[Feature, ...] = (*self._dataset.schema.columns, *self._dataset.schema.videos)
        lacking = [feature.key for feature in features if feature.key not in stored]
        if lacking:
            yield Finding("no_stats", None, None, f"{layout.STATS} has none of {', '.join(lacking)}", WRITE)
        short = [
            feature.key for feature in features
            if isinstance(stored.get(feature.key), dict) and not stored[feature.key].keys() >= QUANTILES.keys()
        ]  # fmt: skip
        if short and self._dataset.info.version == layout.VERSION:
            detail = (
                f"{layout.STATS} has no quantiles of {', '.join(short)}, by which some policies normalise"
            )
            yield Finding("no_stats", None, None, detail, WRITE)


def difference(stored: Any, sums: Sums) -> str:
    """Say how stored statistics differ from those of the rows; "" when they do not."""
    if not isinstance(stored, dict):
        return "they are not numbers under names"
    size = sums.mean.size
    found: dict[str, Float] = {}
    for name in (*REQUIRED, *QUANTILES):
        if name not in stored:
            if name in REQUIRED:
                return f"{name} is missing"
            continue
        values = _numbers(stored[name])
        if values is None or values.size != size or not np.isfinite(values).all():
            return f"{name} is not {size} numbers" if np.isfinite(sums.mean).all() else ""
        found[name] = values
    if not np.isfinite(sums.mean).all():
        return ""
    return _counted(stored, sums) or _apart(found, sums) or _disorder(found)


def _numbers(value: Any) -> Float | None:
    try:
        return np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None


def _counted(stored: Mapping[str, Any], sums: Sums) -> str:
    count = _numbers(stored["count"]) if "count" in stored else None
    if count is not None and (count.size != 1 or count[0] != sums.count):
        return f"they are of {count[0] if count.size else 0:g} rows, but there are {sums.count}"
    return ""


def _apart(found: Mapping[str, Float], sums: Sums) -> str:
    size = np.maximum(np.abs(sums.least), np.abs(sums.most)) * ROUNDED
    span = (sums.most - sums.least) * RANGE_OFF + size
    allowed = {
        "min": (sums.least, span), "max": (sums.most, span), "mean": (sums.mean, sums.std * MEAN_OFF + size),
        "std": (sums.std, sums.std * STD_OFF + size),
    }  # fmt: skip
    for name, (right, off) in allowed.items():
        wrong = np.abs(found[name] - right.ravel()) > off.ravel()
        if wrong.any():
            i = int(wrong.argmax())
            return f"{name} of value {i} is {found[name][i]:.5g}, of the rows it is {right.ravel()[i]:.5g}"
    return ""


def _disorder(found: Mapping[str, Float]) -> str:
    """Find quantiles that do not grow, from the smallest to the largest."""
    names = ["min", *(name for name in QUANTILES if name in found), "max"]
    for low, high in pairwise(names):
        size = np.maximum(np.abs(found[low]), np.abs(found[high]))
        slack = ROUNDED * size + RANGE_OFF * (found["max"] - found["min"]) + PADDED
        if (found[low] > found[high] + slack).any():
            return f"{low} is larger than {high}"
    return ""
