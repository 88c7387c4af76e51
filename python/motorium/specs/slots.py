"""Robot joints <-> the 200 unified slots (Being-H0.5 layout), from a RobotSpec.

Joint space is radians in joint order. An arm joint's slot holds radians; a joint whose unit is "opening" (a
gripper) holds 0 (lower limit, closed) to 1 (upper limit, open). The map itself is `_core.SlotMap`:
slot = scale * q + offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._core import SlotMap
from ..types import SLOTS

if TYPE_CHECKING:
    from .robot import RobotSpec

__all__ = ["SLOTS", "SlotMap", "slot_map", "valid_mask"]


def slot_map(spec: RobotSpec) -> SlotMap:
    """Return the map of this robot's J joints; lossless on mapped slots, zero elsewhere."""
    return SlotMap(
        [joint.slot for joint in spec.joints],
        [joint.slot_scale for joint in spec.joints],
        [joint.slot_offset for joint in spec.joints],
    )


def valid_mask(spec: RobotSpec) -> NDArray[np.bool_]:
    """Return (200,) bool: the slots this robot has."""
    mask = np.zeros(SLOTS, dtype=np.bool_)
    mask[[joint.slot for joint in spec.joints]] = True
    return mask
