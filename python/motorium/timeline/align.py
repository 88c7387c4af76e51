"""Sensors on one timeline: the nearest measurement for every tick, and how far from the tick it was taken.

As in Xiaomi-Robotics-0, cameras, joints and commands that run at rates of their own are resampled to one rate (30 Hz
there). Nothing is interpolated or re-dated: each sample keeps the true time of its measurement as a signed skew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..deprecated import dict_access
from ..errors import MotoriumError
from ..units import NS_PER_MS, NS_PER_S

Int64 = NDArray[np.int64]
MAX_TICKS = 100_000_000


@dict_access
@dataclass(frozen=True)
class AlignReport:
    """How well the measurements of one stream fit the ticks of a timeline.

    Attributes:
        ticks, measurements: how many there are.
        mean_skew_ms: mean of the signed skews.
        p50_ms, p95_ms, max_ms: of their size.
        missing: ticks without a measurement in tolerance.
        repeated: ticks that repeat the measurement of the tick before.
        unused: measurements that no tick got.
    """

    ticks: int
    measurements: int
    mean_skew_ms: float
    p50_ms: float
    p95_ms: float
    max_ms: float
    missing: int
    repeated: int
    unused: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Aligned:
    """One stream on the timeline.

    Attributes:
        index: (N,) which measurement each tick got.
        skew_ns: (N,) measurement time - tick time; negative: taken before the tick.
        valid: (N,) bool, within the tolerance.
        measurements: how many there were.
    """

    index: Int64
    skew_ns: Int64
    valid: NDArray[np.bool_]
    measurements: int

    def report(self) -> AlignReport:
        """Say how well the measurements fit the ticks."""
        size_ms = np.abs(self.skew_ns) / NS_PER_MS
        return AlignReport(
            ticks=len(self.index),
            measurements=self.measurements,
            mean_skew_ms=_plain(self.skew_ns.mean() / NS_PER_MS) if len(size_ms) else 0.0,
            p50_ms=_quantile(size_ms, 0.5),
            p95_ms=_quantile(size_ms, 0.95),
            max_ms=_quantile(size_ms, 1.0),
            missing=int((~self.valid).sum()),
            repeated=int((np.diff(self.index) == 0).sum()),
            unused=int(self.measurements - len(np.unique(self.index))),
        )


def grid(start_ns: int, end_ns: int, rate_hz: float) -> Int64:
    """Make the ticks of a timeline: start + round(i / rate), up to `end_ns`, without drift at any length.

    Raises MotoriumError for a rate that is not positive, or more than a hundred million ticks.
    """
    if not 0 < rate_hz <= 100_000:
        raise MotoriumError(f"a timeline of {rate_hz} Hz; the rate must be positive")
    count = int((end_ns - start_ns) * rate_hz / NS_PER_S) + 2 if end_ns >= start_ns else 0
    if count > MAX_TICKS:
        raise MotoriumError(f"a timeline of {count} ticks; at most {MAX_TICKS}")
    offsets = np.rint(np.arange(count) * (NS_PER_S / rate_hz)).astype(np.int64)
    ticks: Int64 = start_ns + offsets
    return ticks[ticks <= end_ns]


def nearest(ticks_ns: ArrayLike, times_ns: ArrayLike, *, tolerance_ns: int | None = None) -> Aligned:
    """Find for every tick the measurement nearest in time; of two equally near ones the earlier.

    Args:
        ticks_ns: (N,) int64, any order.
        times_ns: (M,) int64, not falling.
        tolerance_ns: a measurement further away is not valid; None: any is.

    Raises:
        MotoriumError: no measurement at all, or times that fall (a clock that was set back).
    """
    ticks, times = np.asarray(ticks_ns, dtype=np.int64), np.asarray(times_ns, dtype=np.int64)
    if ticks.ndim != 1 or times.ndim != 1 or len(times) == 0:
        raise MotoriumError(f"cannot align {times.shape} measurements to {ticks.shape} ticks")
    falls = np.flatnonzero(np.diff(times) < 0)
    if len(falls):
        raise MotoriumError(
            f"measurement times go back at {int(falls[0])} (by {int(times[falls[0]] - times[falls[0] + 1])} ns): "
            "they are not from one monotonic clock"
        )
    after = np.searchsorted(times, ticks, side="left")
    after = np.minimum(after, len(times) - 1)
    before = np.maximum(after - 1, 0)
    before = np.searchsorted(times, times[before], side="left")  # the first of equal times
    take_before = np.abs(ticks - times[before]) <= np.abs(times[after] - ticks)
    index = np.where(take_before, before, after).astype(np.int64)
    skew = times[index] - ticks
    valid = np.ones(len(ticks), np.bool_) if tolerance_ns is None else np.abs(skew) <= tolerance_ns
    return Aligned(index, skew, valid, len(times))


def align(
    streams: Mapping[str, ArrayLike], rate_hz: float, *, tolerance_ns: int | None = None
) -> tuple[Int64, dict[str, Aligned]]:
    """Align all streams on one timeline that spans what all of them have seen.

    Args:
        streams: name -> (M,) measurement times in ns.
        rate_hz: of the timeline.
        tolerance_ns: as for `nearest`.

    Returns:
        (N,) ticks, and name -> Aligned. No tick at all when the streams do not overlap.

    Raises:
        MotoriumError: no stream, an empty one, times that fall.
    """
    times = {name: np.asarray(t, dtype=np.int64) for name, t in streams.items()}
    empty = [name for name, t in times.items() if len(t) == 0]
    if empty or not times:
        raise MotoriumError(f"no measurements of {', '.join(empty) or 'anything'}")
    start, end = max(int(t[0]) for t in times.values()), min(int(t[-1]) for t in times.values())
    ticks = grid(start, end, rate_hz)
    return ticks, {name: nearest(ticks, t, tolerance_ns=tolerance_ns) for name, t in times.items()}


def _quantile(values: NDArray[np.float64], fraction: float) -> float:
    return _plain(np.quantile(values, fraction)) if len(values) else 0.0


def _plain(value: Any) -> float:
    return round(float(value), 4)
