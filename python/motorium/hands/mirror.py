"""Left-right mirroring: most people are right-handed, and a policy should not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import MotoriumError
from .rotations import Float64, to_axis_angle, to_matrix
from .tracks import HandTrack


@dataclass(frozen=True)
class Plane:
    """A mirror in the frame that hands are in.

    Attributes:
        normal: (3,) of length 1.
        point_m: (3,) that it goes through.
    """

    normal: Float64
    point_m: Float64 = field(default_factory=lambda: np.zeros(3))

    @property
    def matrix(self) -> Float64:
        """(3, 3), what the mirror does to a vector: I - 2 n n^T (Householder, 1958)."""
        return np.eye(3) - 2.0 * np.outer(self.normal, self.normal)


AXES = {"x": 0, "y": 1}
FRAMES = {"world": "y", "camera": "x"}
"""Frame -> normal of the mirror that exchanges left and right there.

"world": x ahead, y left, z up, as a robot's base has it. "camera": x right, y down, z ahead, as pictures have it
(OpenCV); only with this one the projection of a mirrored hand is the mirrored picture of the hand.
"""
LOCAL = np.array([-1.0, 1.0, 1.0])
"""MANO's left hand is its right hand with x reversed."""
FINGER = np.tile([1.0, -1.0, -1.0], 15)
"""An axis-angle is an axial vector: under that reversal its x stays and its y and z change sign."""


def mirror(hands: Mapping[str, HandTrack], plane: str | Plane = "y") -> dict[str, HandTrack]:
    """Return the same motion seen in a mirror: the right hand becomes a left one and the other way round.

    A point v of the hand lies at p + R v. Its image is c + M (p - c) + (M R F)(F v), where F v is the same point of the
    other hand's model: so the image's rotation is M R F, a proper one, and its fingers have F's effect on their axes.

    Args:
        hands: by side.
        plane: the mirror, or the normal of one through the origin: "y" in a robot's world, "x" in a camera's frame
            (`FRAMES`).

    Raises:
        MotoriumError: another name of a plane.
    """
    if isinstance(plane, str):
        if plane not in AXES:
            raise MotoriumError(f"a mirror with the normal {plane!r}; valid choices: {', '.join(AXES)}")
        plane = Plane(np.eye(3)[AXES[plane]])
    m, point = plane.matrix, plane.point_m
    return {
        other: replace(
            track,
            side=other,
            theta=track.theta * FINGER,
            wrist_position_m=(track.wrist_position_m - point) @ m + point,
            wrist_rotation=to_axis_angle(m @ to_matrix(track.wrist_rotation) * LOCAL),
        )
        for other, track in ((_other(side), track) for side, track in hands.items())
    }


def _other(side: str) -> str:
    return "left" if side == "right" else "right"
