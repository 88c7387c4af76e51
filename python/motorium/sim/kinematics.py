"""Inverse kinematics of a pan-lift-elbow-flex-roll arm in closed form.

The arm is described in tool coordinates: `pan` angle, `radius` of the tool tip from the pan axis, `height`,
`pitch` (pi/2 = pointing straight down) and `roll`. They and the five joint angles determine each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..specs.kinematics import Chain
from ..specs.robot import RobotSpec

Float64 = NDArray[np.float64]
DOWN_RAD = math.pi / 2
REACH_MARGIN_M = 0.0015


@dataclass(frozen=True)
class Tool:
    """Tool coordinates, m and rad; radius and height of the point on the roll axis at the tool centre's depth."""

    pan: float
    radius: float
    height: float
    pitch: float
    roll: float


class ArmKinematics:
    """Closed form for arms with parallel lift, elbow and flex axes between a crossing pan and roll axis.

    Everything is measured from the declared chain at q = 0, so that a change in the TOML reaches this code. Axes
    that miss each other by a little (0.2 mm on the SO-101) make the result wrong by as much.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self.chain = chain = Chain(spec)
        self.lower = np.array([j.lower_rad for j in spec.joints[: chain.joints]])
        self.upper = np.array([j.upper_rad for j in spec.joints[: chain.joints]])
        pan, lift, elbow, flex, roll = chain.frames(np.zeros(chain.joints))[0]
        self.pan_xy = pan[:2].copy()
        self.shoulder = (float(lift[0] - pan[0]), float(lift[2]))
        upper, fore = elbow - lift, flex - elbow
        self.upper_m = math.hypot(upper[0], upper[2])
        self.fore_m = math.hypot(fore[0], fore[2])
        self.upper_rad = math.atan2(upper[2], upper[0])
        self.fore_rad = math.atan2(fore[2], fore[0])
        self.depth_m = float(-chain.tcp_offset[2])
        self.hand_m = float(roll[0] - flex[0]) + self.depth_m
        # With the gripper pointing down and pan = roll = 0, the link's x axis is turned by this about +z.
        down = chain.frames(np.array([0.0, 0.0, 0.0, DOWN_RAD, 0.0]))[1][-1]
        self.yaw_zero = math.atan2(down[1, 0], down[0, 0])

    def tool(self, q_rad: Float64) -> Tool:
        """Return tool coordinates of (>= 5,) joint angles."""
        pan, lift, elbow, flex, roll = (float(v) for v in q_rad[:5])
        upper = self.upper_rad - lift
        fore = self.fore_rad - lift - elbow
        pitch = lift + elbow + flex
        hand_c, hand_s = math.cos(pitch) * self.hand_m, math.sin(pitch) * self.hand_m
        radius = self.shoulder[0] + self.upper_m * math.cos(upper) + self.fore_m * math.cos(fore) + hand_c
        height = self.shoulder[1] + self.upper_m * math.sin(upper) + self.fore_m * math.sin(fore) - hand_s
        return Tool(pan, radius, height, pitch, roll)

    def joints(self, tool: Tool) -> Float64:
        """Return (5,) joint angles, elbow up, within limits; out of reach: the farthest radius at that height."""
        x = tool.radius - math.cos(tool.pitch) * self.hand_m - self.shoulder[0]
        z = tool.height + math.sin(tool.pitch) * self.hand_m - self.shoulder[1]
        a, b = self.upper_m, self.fore_m
        far = math.hypot(x, z)
        reach = min(max(far, abs(a - b) + REACH_MARGIN_M), a + b - REACH_MARGIN_M)
        if far > reach:
            # Give up radius before height: a lower hand would touch what it should pass over.
            z = min(max(z, -reach), reach)
            x = math.copysign(math.sqrt(max(reach**2 - z**2, 0.0)), x)
        shoulder = math.acos(min(1.0, max(-1.0, (a * a + reach**2 - b * b) / (2 * a * reach))))
        interior = math.acos(min(1.0, max(-1.0, (a * a + b * b - reach**2) / (2 * a * b))))
        upper = math.atan2(z, x) + shoulder
        fore = upper + interior - math.pi
        lift = self.upper_rad - upper
        elbow = self.fore_rad - fore - lift
        q = np.array([tool.pan, lift, elbow, tool.pitch - lift - elbow, tool.roll])
        return self._inside(q)

    def _inside(self, q_rad: Float64) -> Float64:
        inside: Float64 = np.minimum(np.maximum(q_rad, self.lower), self.upper)
        return inside

    def highest(self, radius_m: float) -> float:
        """Return the greatest tip height (m) at a radius with the gripper pointing straight down.

        Either the arm is straight or the flex joint is at its limit, which keeps the forearm from rising further.
        """
        x = radius_m - self.shoulder[0]
        a, b = self.upper_m, self.fore_m
        straight = math.sqrt(max((a + b - REACH_MARGIN_M) ** 2 - x * x, 0.0))
        fore = self.fore_rad - (DOWN_RAD - float(self.upper[3]))
        along = (x - b * math.cos(fore)) / a
        bent = a * math.sqrt(max(1.0 - along * along, 0.0)) + b * math.sin(fore)
        return min(straight, bent) + self.shoulder[1] - self.hand_m

    def tool_above(self, point_m: Float64, offset_m: float, yaw_rad: float) -> Tool:
        """Return tool coordinates, pointing down, that bring the point `offset_m` along the gripper's x to `point_m`.

        `yaw_rad` is the direction of the gripper's x axis about +z in the base frame.
        """
        x = float(point_m[0]) - offset_m * math.cos(yaw_rad) - float(self.pan_xy[0])
        y = float(point_m[1]) - offset_m * math.sin(yaw_rad) - float(self.pan_xy[1])
        pan = -math.atan2(y, x)
        roll = yaw_rad + pan - self.yaw_zero
        return Tool(pan, math.hypot(x, y), float(point_m[2]), DOWN_RAD, roll)
