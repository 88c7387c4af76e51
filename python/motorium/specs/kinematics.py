"""Forward kinematics of the arm chain declared in a RobotSpec, in plain numpy.

Every joint turns about its local +z; joint frames are given in their parent link (URDF convention: rotation
Rz(yaw) Ry(pitch) Rx(roll), see http://wiki.ros.org/urdf/XML/joint). The base link is the robot base frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .geometry import Vec3
from .robot import RobotSpec

Float64 = NDArray[np.float64]


def rotation_rpy(rpy_rad: Vec3 | Float64) -> Float64:
    """Return the (3, 3) rotation of fixed-axis roll, pitch, yaw: Rz(yaw) Ry(pitch) Rx(roll)."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy_rad), np.sin(rpy_rad)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


class Chain:
    """The serial chain from the base link to the tool centre point; joints beyond the tool's parent are left out."""

    def __init__(self, spec: RobotSpec) -> None:
        self.joints = spec.joint_names.index(spec.tcp.parent) + 1
        self._offsets = [np.array(j.origin_xyz_m) for j in spec.joints[: self.joints]]
        self._rotations = [rotation_rpy(j.origin_rpy_rad) for j in spec.joints[: self.joints]]
        self.tcp_offset = np.array(spec.tcp.origin_xyz_m)
        self.tcp_rotation = rotation_rpy(spec.tcp.origin_rpy_rad)

    def frames(self, q_rad: Float64) -> tuple[list[Float64], list[Float64]]:
        """Return origins (3,) and rotations (3, 3) of every link of the chain in the base frame."""
        position, rotation = np.zeros(3), np.eye(3)
        positions, rotations = [], []
        for i in range(self.joints):
            position = position + rotation @ self._offsets[i]
            rotation = rotation @ self._rotations[i]
            c, s = np.cos(q_rad[i]), np.sin(q_rad[i])
            rotation = rotation @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
            positions.append(position)
            rotations.append(rotation)
        return positions, rotations

    def tcp(self, q_rad: Float64) -> tuple[Float64, Float64]:
        """Return position (3,) in metres and rotation (3, 3) of the tool centre point in the base frame."""
        positions, rotations = self.frames(q_rad)
        return positions[-1] + rotations[-1] @ self.tcp_offset, rotations[-1] @ self.tcp_rotation
