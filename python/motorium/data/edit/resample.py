"""Resample to fewer rows per second: for every tick of an even timeline the row that was nearest in true time.

As Xiaomi-Robotics-0 aligns its sensors at 30 Hz (`timeline.align`). An action then reaches to the next new row: it
is taken again from the setpoints, by the rule of `timeline.pairing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, MotoriumError
from ...logs import logger
from ...timeline.align import grid, nearest
from ...timeline.pairing import Setpoints, label_rows
from ...types import UInt8
from ...units import NS_PER_S
from ..format.dataset import Dataset
from ..format.instants import observation_times_s
from ..format.schema import Info
from ..format.tables import Episode, Rows
from .build import Pick, build
from .film import encode

COMMANDED, ACTION = "commanded_rad", "action"
TIMES = ("capture_s", "row_s")

_log = logger(__name__)


def downsample(dataset: Dataset, fps: int, target: Path) -> Info:
    """Write a dataset of `fps` rows per second, each the nearest to its tick in true time.

    Where the dataset has setpoints (`commanded_rad`), `action` is the one in force one new row later. Raises DataError:
    `fps` is not below the present one, or true times that fall.
    """
    schema = dataset.schema
    if not 1 <= fps < schema.fps:
        raise DataError(f"{fps} rows per second are not fewer than the {schema.fps} of {dataset.root}")

    def rows(columns: Rows, episode: Episode) -> Rows:
        times_ns = _times_ns(dataset, columns, episode)
        index = _chosen(dataset, episode, times_ns, fps)
        out = {key: values[index] for key, values in columns.items()}
        if ACTION in columns and COMMANDED in columns:
            out[ACTION] = _actions(columns, times_ns, index, (schema.fps, fps))
        return out

    def film(source: Dataset, episode: Episode, key: str, path: Path) -> None:
        keys = [name for name in TIMES if source.schema.has(name)]
        columns = source.rows(episode, [*keys, "timestamp"])
        index = _chosen(source, episode, _times_ns(source, columns, episode), fps, aloud=False)
        encode(path, _frames(source, episode, key, index), fps)

    everything = frozenset(e.index for e in dataset.episodes)
    pick = Pick(dataset, everything, rows=rows, film=film)
    return build(target, replace(schema, fps=fps).with_video_info("h264", "yuv420p"), [pick])


def _times_ns(dataset: Dataset, columns: Rows, episode: Episode) -> NDArray[np.int64]:
    times_s = observation_times_s(dataset.schema, columns)
    if times_s is None:
        times_s = np.arange(episode.length) / dataset.schema.fps
    if not np.isfinite(times_s).all():
        raise DataError(f"{dataset.root}, episode {episode.index}: a true time is not a number")
    return np.round(times_s * NS_PER_S).astype(np.int64)


def _chosen(
    dataset: Dataset, episode: Episode, times_ns: NDArray[np.int64], fps: int, *, aloud: bool = True
) -> NDArray[np.int64]:
    """Choose a row for each tick."""
    period_ns = NS_PER_S // dataset.schema.fps
    last_ns = int(times_ns[-1]) + period_ns // 4  # true times are never exactly on the grid
    try:
        found = nearest(grid(int(times_ns[0]), last_ns, fps), times_ns, tolerance_ns=period_ns)
    except MotoriumError as error:
        raise DataError(f"{dataset.root}, episode {episode.index}: {error}") from error
    missing = int((~found.valid).sum())
    if missing and aloud:
        _log.warning(
            "%s, episode %d: no row lies within %.0f ms of %d of %d ticks; the nearest row is used",
            dataset.root, episode.index, period_ns / 1e6, missing, len(found.index),
        )  # fmt: skip
    return found.index


def _actions(
    columns: Rows, times_ns: NDArray[np.int64], index: NDArray[np.int64], rates: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the setpoints one new row after each chosen one; beyond the last row its own action is the best known."""
    old, new = rates
    end = times_ns[-1:] + NS_PER_S // old
    log = Setpoints(
        np.concatenate([times_ns, end]), np.concatenate([columns[COMMANDED], columns[ACTION][-1:]])
    )
    found = [label_rows(int(times_ns[k]), NS_PER_S // new, 2, log.at) for k in index]
    last = columns[ACTION][-1]
    return np.stack([last if rows is None else rows[1] for rows in found]).astype(columns[ACTION].dtype)


def _frames(dataset: Dataset, episode: Episode, key: str, index: NDArray[np.int64]) -> Iterator[UInt8]:
    """Yield the frames of these rows, rising, in order; one that is named twice comes twice."""
    times = dict(zip(*np.unique(index, return_counts=True), strict=True))
    for k, image in dataset.pictures(episode, key):
        yield from [image] * int(times.get(k, 0))
