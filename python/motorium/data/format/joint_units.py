"""Find the unit of a dataset's joints: as it says, as their names say, or guessed from their range.

Thresholds are in radians and converted; limits are brought into the data's own unit, so that findings speak it too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...specs.lerobot_units import FULL_TURN_RAD
from .dataset import Dataset
from .feature_names import joint_of
from .said_units import DEG, LEROBOT, RAD, said_unit

_DEG_IN_RAD = math.pi / 180
TURN_RAD = 6.5
"""A little more than a turn: no joint in radians goes farther from its zero."""
FULL = 100.0
"""LeRobot's normalised travel is -100 to 100, and it clips there; 0 to 100 for grippers."""
TURN_DEG = 400.0
GUESS_ROWS = 200_000
"""Rows that a guess looks at."""


@dataclass(frozen=True)
class Unit:
    """The unit of a column of joints.

    Attributes:
        name: "rad", "deg", "lerobot" (-100 to 100), or "deg or lerobot" where the range cannot tell.
        in_rad: radians of one unit. LeRobot's hundred is half a joint's travel, about 1.75 rad: the same as degrees.
        limits: joint -> (lower, upper) in this unit; those that are known.
        guess: what the unit was guessed from; "" when the dataset says it.
    """

    name: str
    in_rad: float
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    guess: str = ""

    def amount(self, value: float) -> str:
        """Write an amount with the unit, in about as many digits as matter."""
        return f"{value:.2f} rad" if self.name == RAD else f"{value:.1f} {self._word}"

    @property
    def _word(self) -> str:
        return {DEG: "deg", LEROBOT: "of 100"}.get(self.name, "deg or of 100")


def joint(name: str) -> str:
    """Return the joint that a value's name tells of: "shoulder_pan" of "shoulder_pan.pos"."""
    return joint_of(name)


def is_gripper(name: str) -> bool:
    """Return whether a value is a gripper's, by its name."""
    return "gripper" in name.lower()


def find_unit(dataset: Dataset, key: str) -> Unit | str:
    """Return the unit of a column, or in words why it has none that is known.

    Raises DataError when there is no such column.
    """
    name, guess = said_unit(dataset.schema, key), ""
    if name not in (RAD, DEG, LEROBOT):
        values = _extremes(dataset, key)
        if values is None:
            return f"{key} has no readable row"
        found = _guess(dataset, key, *values)
        if found is None:
            low, high = values
            told = f"{key} goes from {low.min():.4g} to {high.max():.4g}"
            return f"{told}, which fits none of rad, deg and LeRobot's -100 to 100"
        name, guess = found
    in_rad = 1.0 if name == RAD else _DEG_IN_RAD
    return Unit(name, in_rad, _limits(dataset, key, name), guess)


def _extremes(dataset: Dataset, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the smallest and largest finite value of every column, in the rows that can be read."""
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    seen = 0
    for path, wanted in dataset.by_file().items():
        try:
            for _, rows in dataset.walk(path, [key], wanted):
                flat = rows[key].reshape(len(rows[key]), -1).astype(np.float64)
                finite = np.isfinite(flat)
                if not finite.any(axis=0).all():
                    continue
                least = np.where(finite, flat, np.inf).min(axis=0)
                most = np.where(finite, flat, -np.inf).max(axis=0)
                low = least if low is None else np.minimum(low, least)
                high = most if high is None else np.maximum(high, most)
                seen += len(flat)
                if seen > GUESS_ROWS:
                    return low, high
        except DataError:
            continue  # a finding of its own
    return None if low is None or high is None else (low, high)


def _guess(
    dataset: Dataset, key: str, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[str, str] | None:
    names = dataset.schema.feature(key).names or ()
    arm = [i for i in range(len(low)) if not (i < len(names) and is_gripper(names[i]))] or list(
        range(len(low))
    )
    least, most = float(low[arm].min()), float(high[arm].max())
    reach = max(-least, most)
    told = f"{key} goes from {least:.4g} to {most:.4g}"
    if reach <= TURN_RAD:
        return RAD, told
    if abs(reach - FULL) < 1e-3:  # clipped
        return LEROBOT, told
    if reach < FULL:
        return f"{DEG} or {LEROBOT}", told
    return (DEG, told) if reach <= TURN_DEG else None


def _limits(dataset: Dataset, key: str, name: str) -> dict[str, tuple[float, float]]:
    names = dataset.schema.feature(key).names or ()
    if name == LEROBOT:
        return {joint(n): (0.0 if is_gripper(n) else -FULL, FULL) for n in names}
    if name not in (RAD, DEG):
        return {}
    given: Any = dataset.schema.own.get("limits_rad", {})
    out = {}
    for which, pair in given.items() if isinstance(given, dict) else ():
        numbers = isinstance(pair, list) and len(pair) == 2 and all(isinstance(v, (int, float)) for v in pair)
        if numbers and math.isfinite(pair[0]) and math.isfinite(pair[1]) and pair[0] < pair[1]:
            lower, upper = float(pair[0]), float(pair[1])
            out[str(which)] = (lower, upper) if name == RAD else _in_degrees(str(which), lower, upper)
    return out


def _in_degrees(name: str, lower: float, upper: float) -> tuple[float, float]:
    """Return limits in rad as LeRobot's degrees have them, see `specs.lerobot_units`."""
    if is_gripper(name):
        return 0.0, FULL
    half = (upper - lower) / 2
    if 2 * half > FULL_TURN_RAD:  # from its own zero, and which way it counts is not known here
        half = max(-lower, upper)
    return -half / _DEG_IN_RAD, half / _DEG_IN_RAD
