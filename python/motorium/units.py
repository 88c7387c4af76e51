"""Unit constants shared by every floor above."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
RANGES = {
    "_rad_s3": (0.0, 1e7), "_rad_s2": (0.0, 1e5), "_rad_s": (0.0, 1e3), "_rad": (-1e4, 1e4),
    "_deg": (-1e6, 1e6), "_nm": (0.0, 1e4), "_kg": (0.0, 1e3), "_m": (-100.0, 100.0),
    "_hz": (0.0, 1e4), "fps": (0.0, 1e3), "_s": (0.0, 1e5),
    "_ma": (0.0, 1e6), "_v": (0.0, 1e3), "_c": (-100.0, 300.0),
    "baud": (1, 20_000_000), "width": (1, 8192), "height": (1, 8192),
    "": (-float(1 << 32), float(1 << 32)),
}  # fmt: skip
"""How the name of a quantity in a file ends -> what it can be, in that unit: beyond it lies damage, not a robot.

Arms are slower than 10 rad/s, servos take less than 20 Mbaud; the last line holds shares, counts and masks of 32 bits.
"""


def s_to_ns(seconds: float) -> int:
    """Convert seconds to whole nanoseconds, rounded to nearest."""
    return round(seconds * NS_PER_S)


def range_problem(name: str, value: float) -> str:
    """Say what is wrong with a number of a file for the quantity `name`, by `RANGES`; "" where nothing is."""
    low, high = next(ends for suffix, ends in RANGES.items() if name.endswith(suffix))
    return "" if low <= value <= high else f"{value:.6g} is outside {low:g}..{high:g}"
