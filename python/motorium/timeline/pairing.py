"""The one pairing rule: the time of an observation, its joints, and the setpoints learned from it.

`Robot.observe`, the recorder, lock-step and training all pair by the functions here:

- The time t0 of an observation is the newest moment that all cameras have seen.
- Its state is the joints at t0, straight between two readings.
- Row i of a chunk that belongs to it is the setpoint in force at t0 + i * dt; row 0 is in force at t0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import MotoriumError
from ..units import NS_PER_S

Int64 = NDArray[np.int64]
Floats = NDArray[Any]


class Timed(Protocol):
    """Joints read at a time, and whatever else the reader wants of them."""

    @property
    def t_ns(self) -> int:
        """When they were read, CLOCK_MONOTONIC ns."""
        ...


R = TypeVar("R", bound=Timed)


@dataclass(frozen=True)
class Paired(Generic[R]):
    """Measurements of one observation.

    Attributes:
        t_ns: its time t0.
        joints: joints at t0; beyond what was read, the nearest reading, with that one's own time.
        skew_ns: camera role or "state" -> signed distance of that measurement from t0.
    """

    t_ns: int
    joints: R
    skew_ns: Mapping[str, int]


def observation_time_ns(
    capture_ns: Mapping[str, int],
    now_ns: int,
    max_age_s: Mapping[str, float] | None = None,
    after_ns: int = 0,
) -> int:
    """Return the time of an observation: the newest moment that all cameras have seen, and never later than now.

    Args:
        capture_ns: camera role -> capture time of its newest frame.
        now_ns: when these were looked up; the time of an observation without cameras.
        max_age_s: role -> seconds. A camera that is older has stopped, and no longer holds up the others.
        after_ns: time of the observation before, for who makes many: a camera that comes back does not take them back.
    """
    ages = max_age_s or {}
    young = [t for role, t in capture_ns.items() if (now_ns - t) / NS_PER_S <= ages.get(role, float("inf"))]
    return max(min([now_ns, *young]), after_ns)


def pair(
    capture_ns: Mapping[str, int],
    joints_at: Callable[[int], R | None],
    now_ns: int,
    max_age_s: Mapping[str, float] | None = None,
    *,
    after_ns: int = 0,
) -> Paired[R] | None:
    """Pair the newest frames with the joints of their moment; None as long as no joint was ever read.

    Args:
        capture_ns: camera role -> capture time of its newest frame.
        joints_at: joints at a time, such as `robot.control.state_at`.
        now_ns: when these were looked up.
        max_age_s: as of `observation_time_ns`.
        after_ns: as of `observation_time_ns`.
    """
    t_ns = observation_time_ns(capture_ns, now_ns, max_age_s, after_ns)
    joints = joints_at(t_ns)
    if joints is None:
        return None
    skew = {role: t - t_ns for role, t in capture_ns.items()}
    return Paired(t_ns, joints, {**skew, "state": int(joints.t_ns) - t_ns})


def label_rows(
    t0_ns: int, dt_ns: int, rows: int, setpoint_at: Callable[[int], Floats | None]
) -> Floats | None:
    """Return the chunk that belongs to an observation at `t0_ns`; None while its last row lies in the future.

    Args:
        t0_ns: time of the observation.
        dt_ns: distance between rows.
        rows: how many, T.
        setpoint_at: (J,) setpoint in force at a time, or None when that is not known yet; such as
            `robot.control.setpoint_at` or `Setpoints.at`.

    Returns:
        (T, J) setpoints; row i was in force at `t0_ns + i * dt_ns`.
    """
    last = setpoint_at(t0_ns + (rows - 1) * dt_ns)
    if last is None:
        return None
    found = [setpoint_at(t0_ns + i * dt_ns) for i in range(rows - 1)]
    return np.stack([*(row for row in found if row is not None), last])


class Setpoints:
    """Setpoints logged at their own times, interpolated in between."""

    def __init__(self, times_ns: ArrayLike, values: ArrayLike) -> None:
        """Take a log.

        Args:
            times_ns: (N,) int64, not falling; of several at one time the last counts.
            values: (N, J).

        Raises MotoriumError: no entry, shapes that do not fit, times that fall.
        """
        times = np.asarray(times_ns, dtype=np.int64)
        self._values: Floats = np.asarray(values)
        if times.ndim != 1 or self._values.ndim != 2 or len(times) != len(self._values) or len(times) == 0:
            raise MotoriumError(
                f"setpoints need (N,) times and (N, J) values, not {times.shape} and {self._values.shape}"
            )
        if (np.diff(times) < 0).any():
            raise MotoriumError("the times of setpoints go back: they are not from one monotonic clock")
        self._times = times

    def at(self, t_ns: int) -> Floats | None:
        """Return (J,) setpoint in force at `t_ns`; before the first the first, None after the last."""
        after = int(np.searchsorted(self._times, t_ns, side="right"))
        before = max(after - 1, 0)
        if after == len(self._times) and t_ns > self._times[-1]:
            return None
        low, high = self._values[before], self._values[min(after, len(self._times) - 1)]
        since = int(t_ns - self._times[before])
        if since <= 0 or after == 0:
            return np.asarray(low)
        return np.asarray(low + (high - low) * (since / int(self._times[after] - self._times[before])))

    def at_times(self, times_ns: ArrayLike) -> Floats:
        """Return (..., J) setpoints in force at (...) times, as `at` does for one; after the last the last."""
        wanted = np.asarray(times_ns, dtype=np.int64)
        after = np.searchsorted(self._times, wanted, side="right")
        before = np.maximum(after - 1, 0)
        low, high = self._values[before], self._values[np.minimum(after, len(self._times) - 1)]
        since = np.maximum(wanted - self._times[before], 0)
        gap = self._times[np.minimum(after, len(self._times) - 1)] - self._times[before]
        fraction = np.where(gap > 0, since / np.maximum(gap, 1), 0.0)
        if self._values.dtype.kind == "f":  # as one number would be taken
            fraction = fraction.astype(self._values.dtype)
        return np.asarray(low + (high - low) * fraction[..., None])
