"""Make the chunks that a policy learns: by time, as `timeline.pairing` says, and never beyond what is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...timeline.pairing import Setpoints
from ...units import NS_PER_S, s_to_ns
from .joints import JointRows

LATE_NS = 1_000_000
"""A row so little behind the last known setpoint is that one: times are rounded, and frames a little early."""


GAP_ROWS = 4.0
"""Rows without a setpoint in between that are bridged by a straight line: a late camera loses one or two. Behind a
longer gap, of a machine that stood still, nobody knows what the arm was told."""


def chunks(joints: JointRows, rows: int, dt_s: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the chunk that belongs to each of N observations.

    Args:
        joints: of one episode.
        rows: of a chunk, T.
        dt_s: between rows.

    Returns:
        (N, T, J) radians, row i the setpoint in force at t0 + i * dt; and (N, T) whether it is known: not in a gap,
        and not behind the last known setpoint, where that one stands.
    """
    known = _ns(joints.setpoint_s)
    times = _ns(joints.times_s)[:, None] + np.arange(rows) * s_to_ns(dt_s)
    valid = times <= known[-1] + LATE_NS
    times = np.minimum(times, known[-1])
    valid &= ~_in_gap(times, known, s_to_ns(GAP_ROWS * joints.row_s))
    return Setpoints(known, joints.setpoint_rad).at_times(times), valid


def _in_gap(times: NDArray[np.int64], known: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """Return which times lie between two known ones that are further apart than `most`, and near neither."""
    after = np.minimum(np.searchsorted(known, times, side="left"), len(known) - 1)
    before = np.maximum(after - 1, 0)
    away = np.minimum(np.abs(times - known[before]), np.abs(known[after] - times))
    return (known[after] - known[before] > most) & (away > LATE_NS)


def _ns(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(seconds * NS_PER_S).astype(np.int64)
