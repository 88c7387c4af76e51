"""Make the chunks that a policy learns: by time, as `timeline.pairing` says, and never beyond what is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...timeline.pairing import Setpoints
from ...units import NS_PER_S, s_to_ns
from .joints import JointRows

LATE_NS = 1_000_000
"""A row so little behind the last known setpoint is that one: times are rounded, and frames a little early."""


def chunks(joints: JointRows, rows: int, dt_s: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the chunk that belongs to each of N observations.

    Args:
        joints: of one episode.
        rows: of a chunk, T.
        dt_s: between rows.

    Returns:
        (N, T, J) radians, row i the setpoint in force at t0 + i * dt; and (N, T) whether it is known. Behind the
        last known setpoint that one stands.
    """
    log = Setpoints(_ns(joints.setpoint_s), joints.setpoint_rad)
    times = _ns(joints.times_s)[:, None] + np.arange(rows) * s_to_ns(dt_s)
    last = int(_ns(joints.setpoint_s)[-1])
    valid = times <= last + LATE_NS
    return log.at_times(np.minimum(times, last)), valid


def _ns(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(seconds * NS_PER_S).astype(np.int64)
