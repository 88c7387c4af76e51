"""Robot joints <-> the 200 unified slots (Being-H0.5 layout), from a RobotSpec.

Joint space is radians in joint order. An arm joint's slot holds radians; a joint whose unit is "opening" (a
gripper) holds 0 (lower limit, closed) to 1 (upper limit, open). The map itself is `_core.SlotMap`:
slot = scale * q + offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._core import SlotMap
from ..types import SLOTS, Float32

if TYPE_CHECKING:
    from .joint import JointSpec
    from .robot import RobotSpec

__all__ = ["SLOTS", "SlotMap", "slot_map", "slot_radians", "slot_values", "valid_mask"]


def slot_map(spec: RobotSpec) -> SlotMap:
    """Return the map of this robot's J joints; lossless on mapped slots, zero elsewhere."""
    return SlotMap(
        [joint.slot for joint in spec.joints],
        [joint.slot_scale for joint in spec.joints],
        [joint.slot_offset for joint in spec.joints],
    )


def slot_values(spec: RobotSpec, q_rad: NDArray[np.floating]) -> Float32:
    """Convert (..., J) joint angles to (..., J) slot values, in joint order (radians, gripper as opening)."""
    scale = np.array([joint.slot_scale for joint in spec.joints])
    offset = np.array([joint.slot_offset for joint in spec.joints])
    return np.asarray(q_rad * scale + offset, dtype=np.float32)


def slot_radians(joints: Sequence[JointSpec], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Convert (..., J) slot values of J joints to (..., J) joint angles."""
    scale, offset = np.array([j.slot_scale for j in joints]), np.array([j.slot_offset for j in joints])
    return np.asarray((values.astype(np.float64) - offset) / scale)


def valid_mask(spec: RobotSpec) -> NDArray[np.bool_]:
    """Return (200,) bool: the slots this robot has."""
    mask = np.zeros(SLOTS, dtype=np.bool_)
    mask[[joint.slot for joint in spec.joints]] = True
    return mask
