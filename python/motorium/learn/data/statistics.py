"""Compute what networks are normalised with: per embodiment of states and rows, per view of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...types import Float32
from ..moments import known_moments
from .recordings import Recordings

PICTURES = 512
"""Frames that the statistics of pictures are taken from, spread evenly over those for training."""
_BATCH = 32


@dataclass(frozen=True)
class Moments:
    """Of some values, one entry per joint.

    Attributes:
        mean, std: of all.
        least, most: the extremes.
        q01, q99: between which 98 of 100 lie.
    """

    mean: Float32
    std: Float32
    least: Float32
    most: Float32
    q01: Float32
    q99: Float32

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Moments:
        """Compute those of (N, J) values, N >= 1."""
        low, high = np.quantile(values, (0.01, 0.99), axis=0)
        found = (values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64))
        return cls(
            *(np.asarray(v, np.float32) for v in (*found, values.min(axis=0), values.max(axis=0), low, high))
        )


@dataclass(frozen=True)
class JointStatistics:
    """Of one embodiment, slot values; J columns of the table, of which those that it lacks are 0.

    Attributes:
        robot: its name.
        frames: that were counted, of training alone.
        has: (J,) columns that it has.
        state: of the measured joints.
        action: of the setpoints that are known.
        relative_mean, relative_std: (T, J) of row - state, per row; 0 and 1 for a row that is never known.
    """

    robot: str
    frames: int
    has: NDArray[np.bool_]
    state: Moments
    action: Moments
    relative_mean: Float32
    relative_std: Float32


@dataclass(frozen=True)
class PictureStatistics:
    """Of the pictures, V views; red, green and blue in 0..1.

    Attributes:
        mean, std: (V, 3).
        frames: that were counted.
    """

    mean: Float32
    std: Float32
    frames: int


def joint_statistics(recordings: Recordings) -> tuple[JointStatistics, ...]:
    """Compute those of each embodiment, in the order of `recordings.robots`, from frames for training."""
    training = recordings.training
    embodiment = recordings.column("embodiment")[training]
    return tuple(
        _of_robot(recordings, training[embodiment == number], number)
        for number in range(len(recordings.robots))
    )


def _of_robot(recordings: Recordings, index: NDArray[np.int64], number: int) -> JointStatistics:
    state, rows, valid = (recordings.column(name)[index] for name in ("state", "rows", "valid"))
    has = recordings.present[number][list(recordings.slots)]
    if not len(index):  # all of its recordings are held out
        nothing = Moments(*(np.zeros(len(has), np.float32) for _ in range(6)))
        flat = np.zeros(rows.shape[1:], np.float32)
        return JointStatistics(recordings.robots[number].name, 0, has, nothing, nothing, flat, flat + 1)
    count, mean, spread = known_moments(rows - state[:, None], valid[..., None])
    return JointStatistics(
        recordings.robots[number].name, len(index), has, Moments.of(state), Moments.of(rows[valid]),
        mean.astype(np.float32), np.where(count > 0, spread, 1.0).astype(np.float32),
    )  # fmt: skip


def picture_statistics(recordings: Recordings, frames: int = PICTURES) -> PictureStatistics:
    """Compute those of up to `frames` frames for training, a batch at a time. Raises DataError as `pictures`."""
    training = recordings.training
    chosen = training[
        np.unique(np.linspace(0, len(training) - 1, min(frames, len(training))).astype(np.int64))
    ]
    total = np.zeros((2, len(recordings.roles), 3))
    for _, pictures in recordings.ahead(np.array_split(chosen, -(-len(chosen) // _BATCH))):
        values = pictures.astype(np.float64) / 255.0
        total += values.sum(axis=(0, 2, 3)), (values**2).sum(axis=(0, 2, 3))
    mean, square = total / (len(chosen) * recordings.size[0] * recordings.size[1])
    std = np.sqrt(np.maximum(square - mean**2, 0.0))
    return PictureStatistics(mean.astype(np.float32), std.astype(np.float32), len(chosen))
