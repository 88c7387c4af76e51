"""Left-right mirroring: most people are right-handed, and a policy should not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..errors import MotoriumError
from .rotations import to_axis_angle, to_matrix
from .tracks import HandTrack

PLANES = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0)}
"""Normal of the mirror -> what it does to a vector. "y": a robot's world, x ahead and y left; "x": a camera's."""
LOCAL = np.array([-1.0, 1.0, 1.0])
"""MANO's left hand is its right hand with x reversed."""
FINGER = np.tile([1.0, -1.0, -1.0], 15)
"""An axis-angle is an axial vector: under that reversal its x stays and its y and z change sign."""


def mirror(hands: Mapping[str, HandTrack], plane: str = "y") -> dict[str, HandTrack]:
    """The same motion seen in a mirror through the origin: the right hand becomes a left one and the other way round.

    A point v of the hand lies at p + R v. Its image is M p + (M R F)(F v), where F v is the same point of the other
    hand's model: so the image's rotation is M R F, a proper one, and its fingers have F's effect on their axes.

    Args:
        hands: by side.
        plane: "y" or "x", the normal of the mirror in the world.

    Raises:
        MotoriumError: another plane.
    """
    if plane not in PLANES:
        raise MotoriumError(f"a mirror with the normal {plane!r}; valid choices: {', '.join(PLANES)}")
    m = np.array(PLANES[plane])
    return {
        other: replace(
            track,
            side=other,
            theta=track.theta * FINGER,
            wrist_position_m=track.wrist_position_m * m,
            wrist_rotation=to_axis_angle(m[:, None] * to_matrix(track.wrist_rotation) * LOCAL),
        )
        for other, track in ((_other(side), track) for side, track in hands.items())
    }


def _other(side: str) -> str:
    return "left" if side == "right" else "right"
