"""Joint values as datasets carry them, in radians: plain degrees, and LeRobot's normalised numbers.

LeRobot (`motors/motors_bus.py`, MotorNormMode) measures along the servo's counts: with `use_degrees` degrees from the
middle of the calibrated range, else -100 to 100 over that range; grippers 0 to 100 either way. A joint that turns all
the way round has no calibrated range there: its middle is its zero, and 100 is half a turn.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import SpecError
from ..types import Float32
from .joint import JointSpec
from .robot import RobotSpec

UNITS = ("rad", "deg", "lerobot")
FULL_TURN_RAD = 5.0
"""A travel above this is taken for a whole turn."""


def to_radians(values: ArrayLike, spec: RobotSpec, unit: str) -> Float32:
    """Convert (N, J) values in the order of the specification to radians. Raises SpecError for a unit not in UNITS."""
    given = np.asarray(values, dtype=np.float64)
    if unit not in UNITS:
        raise SpecError(f"unit {unit!r} is unknown; known: {', '.join(UNITS)}")
    if unit == "rad":
        return given.astype(np.float32)
    columns = [_column(given[:, i], joint, unit) for i, joint in enumerate(spec.joints)]
    return np.stack(columns, axis=1).astype(np.float32)


def from_radians(values: ArrayLike, spec: RobotSpec, unit: str) -> NDArray[np.float64]:
    """Convert (N, J) radians to `unit`, the inverse of `to_radians`. Raises SpecError for an unknown unit."""
    given = np.asarray(values, dtype=np.float64)
    if unit not in UNITS:
        raise SpecError(f"unit {unit!r} is unknown; known: {', '.join(UNITS)}")
    if unit == "rad":
        return given
    columns = []
    for i, joint in enumerate(spec.joints):
        # Every unit is a straight line over radians: two points of it tell the rest.
        zero, one = _column(np.array([0.0, 1.0]), joint, unit)
        columns.append((given[:, i] - zero) / (one - zero))
    return np.stack(columns, axis=1)


def _column(values: NDArray[np.float64], joint: JointSpec, unit: str) -> NDArray[np.float64]:
    along = values * joint.sign
    travel = joint.upper_rad - joint.lower_rad
    if joint.unit != "rad":  # a gripper: 0 to 100 along the counts
        fraction = values / 100.0
        return joint.lower_rad + travel * (fraction if joint.sign > 0 else 1.0 - fraction)
    whole = travel > FULL_TURN_RAD
    middle = 0.0 if whole else (joint.lower_rad + joint.upper_rad) / 2
    if unit == "deg":
        return np.asarray(middle + np.radians(along))
    return middle + along / 100.0 * (math.pi if whole else travel / 2)
