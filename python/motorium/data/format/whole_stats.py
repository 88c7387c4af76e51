"""Compute statistics of a whole dataset, `meta/stats.json`: from every row, and of pictures from their histograms.

LeRobot (0.4.4, `aggregate_stats`) takes the mean of the episodes' quantiles for the dataset's; with two episodes that
keep to different places, none of the true values lies there. Here a quantile is an order statistic of all rows. Of
pictures the recorder keeps a histogram for each episode; where an episode of others has none, a quantile of the
dataset lies between the least and the greatest of its episodes', and these bounds are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...files import write_json
from . import layout
from .dataset import Dataset
from .schema import DERIVED, Feature, read_json
from .stats import QUANTILES, STATS_EVERY, PictureStats, Stats, aggregate, column_stats, without_levels
from .tables import Episode

MAX_ROWS = 1 << 28
"""A hundred days at 30 rows per second; one number of each is held in memory."""
BLOCK_BYTES = 256 << 20
"""Memory of one pass over the rows; more columns take more passes."""
Bounds = Mapping[str, Mapping[str, tuple[Any, Any]]]


@dataclass(frozen=True)
class WholeStats:
    """Statistics of all episodes together.

    Attributes:
        stats: feature -> as LeRobot keeps them.
        bounds: feature -> quantile -> (least, greatest) it can have, for those that are not exact.
    """

    stats: Mapping[str, Stats]
    bounds: Bounds = field(default_factory=dict)


def stats_of(dataset: Dataset, episode: int | None = None) -> WholeStats:
    """Say the statistics of one episode, or of all together; what is not stored is computed.

    Raises DataError: no such episode, no row at all, damaged.
    """
    if episode is not None:
        for line in dataset.episodes:
            if line.index == episode:
                return WholeStats(_of_episode(dataset, line))
        raise DataError(f"no episode {episode}; there are {len(dataset.episodes)}")
    noted = _note(dataset.root)
    path = dataset.root / layout.STATS
    if noted.get("rows") == dataset.frames and path.exists():
        stored = read_json(path, inside=dataset.root)
        if isinstance(stored, dict) and all(_numbers(values) == values for values in stored.values()):
            return WholeStats(stored, _bounds(noted.get("bounds")))
    return compute(dataset)


def _of_episode(dataset: Dataset, episode: Episode) -> dict[str, Stats]:
    stored = {key: _numbers(values) for key, values in dataset.stats(episode).items()}
    missing = [f for f in (*dataset.schema.columns, *DERIVED) if "q50" not in stored.get(f.key, {})]
    rows = dataset.rows(episode, [f.key for f in missing]) if missing else {}
    out = {f.key: column_stats(rows[f.key]) for f in missing}
    for feature in dataset.schema.videos:
        if "q50" not in stored.get(feature.key, {}):
            out[feature.key] = without_levels(decoded_stats(dataset, episode, feature.key).result())
    return {**stored, **out}


def compute(dataset: Dataset, *, decode: bool = True) -> WholeStats:
    """Compute the statistics of all rows and pictures anew.

    With `decode`, videos whose statistics are stored nowhere are decoded; else those episodes count as they can.

    Raises DataError, also for a dataset without a row.
    """
    if not dataset.frames:
        raise DataError(f"{dataset.root} has no row to compute statistics from")
    if dataset.frames > MAX_ROWS:
        raise DataError(
            f"{dataset.root} lists {dataset.frames} rows; statistics are computed from at most {MAX_ROWS}"
        )
    stats = _of_columns(dataset)
    bounds: dict[str, Mapping[str, tuple[Any, Any]]] = {}
    for feature in dataset.schema.features:
        if feature.is_column:
            continue
        found = _of_pictures(dataset, feature, decode=decode)
        if found is not None:
            stats[feature.key], bounds[feature.key] = found
    order = [f.key for f in (*dataset.schema.features, *DERIVED)]
    return WholeStats(
        {key: stats[key] for key in order if key in stats}, {key: b for key, b in bounds.items() if b}
    )


def refresh(root: Path) -> bool:
    """Bring stats.json up to all rows of the dataset at `root`; return whether there was anything to do. DataError.

    The caller holds the lock. No video is decoded.
    """
    dataset = Dataset.open(root)
    if dataset.info.version != layout.VERSION or not dataset.frames:
        return False
    if _note(root).get("rows") == dataset.frames and (root / layout.STATS).exists():
        return False
    write(dataset, decode=False)
    return True


def write(dataset: Dataset, *, decode: bool = True) -> None:
    """Write stats.json anew, and note which rows it covers. Raises DataError."""
    found, root = compute(dataset, decode=decode), dataset.root
    write_json(root / layout.STATS, found.stats, indent=1, root=root)
    write_json(root / layout.STATS_NOTE, {"rows": dataset.frames, "bounds": found.bounds}, root=root)


def _note(root: Path) -> dict[str, Any]:
    path = root / layout.STATS_NOTE
    value = read_json(path, inside=root) if path.exists() else {}
    return value if isinstance(value, dict) else {}


def _bounds(value: Any) -> Bounds:
    """Return those that have the form of bounds."""
    out: dict[str, dict[str, tuple[Any, Any]]] = {}
    for key, quantiles in value.items() if isinstance(value, dict) else ():
        for name, pair in quantiles.items() if isinstance(quantiles, dict) else ():
            if isinstance(pair, list) and len(pair) == 2 and len(_numbers(dict(enumerate(pair)))) == 2:
                out.setdefault(key, {})[name] = (pair[0], pair[1])
    return out


def _of_columns(dataset: Dataset) -> dict[str, Stats]:
    """Go through every number of every row, as many in memory at a time as `BLOCK_BYTES` takes."""
    parts: dict[str, list[Stats]] = {}
    for block in _blocks((*dataset.schema.columns, *DERIVED), dataset.frames):
        for (feature, _), values in zip(block, _values(dataset, block), strict=True):
            parts.setdefault(feature.key, []).extend(column_stats(row[:, None]) for row in values)
    return {
        key: {name: [x for part in found for x in part[name]] for name in found[0]}
        | {"count": found[0]["count"]}
        for key, found in parts.items()
    }


def _blocks(features: Sequence[Feature], rows: int) -> Iterator[list[tuple[Feature, slice]]]:
    """Yield features, or parts of them, that fit into one pass."""
    block: list[tuple[Feature, slice]] = []
    left = BLOCK_BYTES
    for feature in features:
        start = 0
        while start < feature.size:
            room = left // (feature.numpy.itemsize * rows)
            if room < 1 and block:
                yield block
                block, left = [], BLOCK_BYTES
                continue
            stop = min(feature.size, start + max(1, room))
            block.append((feature, slice(start, stop)))
            left -= (stop - start) * feature.numpy.itemsize * rows
            start = stop
    if block:
        yield block


def _values(dataset: Dataset, block: Sequence[tuple[Feature, slice]]) -> list[NDArray[Any]]:
    """Yield (values, rows) of each part of a block."""
    out = [np.empty((part.stop - part.start, dataset.frames), f.numpy) for f, part in block]
    at = 0
    for _, rows in dataset.stream([f.key for f, _ in block]):
        count = len(next(iter(rows.values())))
        for (feature, part), values in zip(block, out, strict=True):
            values[:, at : at + count] = rows[feature.key].reshape(count, -1)[:, part].T
        at += count
    if at != dataset.frames:
        raise DataError(f"{dataset.root} has {at} of the {dataset.frames} rows that its episodes list")
    return out


def _of_pictures(
    dataset: Dataset, feature: Feature, *, decode: bool
) -> tuple[Stats, Mapping[str, tuple[Any, Any]]] | None:
    """Return those of all episodes, and bounds of what is inexact; None where an episode tells nothing."""
    total, stored = PictureStats(), []
    for episode in dataset.episodes:
        levels = dataset.histograms(episode).get(feature.key)
        one = _numbers(dataset.stats(episode).get(feature.key)) if levels is None else {}
        if levels is None and decode and feature.is_video and "q50" not in one:
            levels = decoded_stats(dataset, episode, feature.key).result()
        if levels is not None:
            total.merge(levels)
        elif "count" in one and "mean" in one and "std" in one:
            stored.append(one)
        else:
            return None
    if not stored:
        return without_levels(total.result()), {}
    parts = [*stored, without_levels(total.result())] if total.count else stored
    try:
        bounds = {
            q: (
                np.min([p[q] for p in parts], axis=0).tolist(),
                np.max([p[q] for p in parts], axis=0).tolist(),
            )
            for q in QUANTILES
            if all(q in part for part in parts)
        }
        whole = aggregate([{feature.key: part} for part in parts])[feature.key]
        alike = whole["count"][0] == sum(part["count"][0] for part in parts)
    except (KeyError, TypeError, ValueError, IndexError):  # stored by others
        return None
    return (whole, bounds) if alike else None


def _numbers(stored: Any) -> dict[Any, Any]:
    """Return what others have stored about a feature, of it what is finite numbers."""
    out: dict[Any, Any] = {}
    for name, value in stored.items() if isinstance(stored, Mapping) else ():
        try:
            values = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            continue
        if values.size and np.isfinite(values).all():
            out[name] = value
    return out


def decoded_stats(dataset: Dataset, episode: Episode, key: str) -> PictureStats:
    """Look at every fourth picture of a camera in an episode. Raises DataError."""
    seen = PictureStats()
    for _, image in dataset.pictures(episode, key, every=STATS_EVERY):
        seen.add(image)
    return seen
