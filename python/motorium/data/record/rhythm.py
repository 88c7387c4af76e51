"""Judge the timing of an episode: rows on their grid, control ticks at their rate, no frames lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLACK = 0.02
"""Share of the asked rate, of the rows, of the frames and of the ticks that may be missing."""


class Rhythm:
    """Collects the control ticks of one episode as `robot.control.telemetry` gives them."""

    def __init__(self) -> None:
        self.ticks = 0
        self._period_us: list[NDArray[Any]] = []
        self._age_us: list[NDArray[Any]] = []
        self._seams: list[NDArray[Any]] = []

    def take(self, ticks: NDArray[np.void]) -> None:
        """Take the ticks since the last call."""
        self.ticks += len(ticks)
        named = set(ticks.dtype.names or ())
        if not len(ticks) or not named >= {"period_us", "state_t_ns", "seam_rad"}:
            return  # a leader of one's own may tell less
        self._period_us.append(ticks["period_us"].copy())
        self._age_us.append((ticks["t_ns"] - ticks["state_t_ns"]) / 1000)
        self._seams.append(ticks["seam_rad"][ticks["seam_rad"] != 0])

    def as_dict(self) -> dict[str, Any]:
        """Return percentiles of period and age of the joint readings in microseconds, and the chunk seams."""
        seams = np.concatenate(self._seams) if self._seams else np.zeros(0)
        return {
            "ticks": self.ticks,
            "period_us": _percentiles(self._period_us),
            "state_age_us": _percentiles(self._age_us),
            "seams": {"count": len(seams), "max_rad": float(seams.max()) if len(seams) else 0.0},
        }

    @staticmethod
    def problem(rate_hz: float, asked_hz: float, lost: Mapping[str, tuple[int, int]]) -> str:
        """Say what was not kept; "" when all was.

        Args:
            rate_hz: rows per second as measured.
            asked_hz: and as asked for.
            lost: what was lost, in words -> how many, and of how many.
        """
        found = []
        if rate_hz < (1 - SLACK) * asked_hz:
            found.append(f"{rate_hz:.1f} rows a second instead of {asked_hz:g}")
        found += [f"{count} of {of} {what}" for what, (count, of) in lost.items() if count > SLACK * of]
        return ", ".join(found)


def _percentiles(parts: list[NDArray[Any]]) -> dict[str, float]:
    if not parts:
        return {}
    values = np.concatenate(parts)
    return {name: round(float(np.percentile(values, q)), 1) for name, q in (("p50", 50), ("p99", 99))}
