"""The scripted expert of "pick-to-tray": a pure function of what can be seen.

It has no memory and no phase: the next setpoint follows from the true poses, the measured joints and the
setpoint in force. A policy that imitates it can therefore learn every decision from one observation. Setpoints
move in tool coordinates (pan, radius, height, pitch, roll): arcs about the base, the gripper upright.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SimulationError
from ..specs.robot import RobotSpec
from .kinematics import DOWN_RAD, ArmKinematics, Tool
from .scene import CUBE_M
from .tasks import Pose, in_tray
from .world import Truth

Float64 = NDArray[np.float64]


PAD_THICKNESS_M = 0.008
PAD_WIDTH_M = 0.016
HOME = Tool(0.0, 0.17, 0.105, DOWN_RAD, 0.0)
RATES = Tool(0.085, 0.012, 0.012, 0.10, 0.17)
LIMIT_MARGIN_RAD = 0.03
"""No joint rests on its limit: above the tray an upright gripper would ask more of the wrist than it has."""


@dataclass(frozen=True)
class ExpertParams:
    """Metres and radians; the rates are per policy step of 0.05 s."""

    hover_m: float = 0.062
    carry_m: float = 0.064
    release_m: float = 0.033
    grasp_below_centre_m: float = 0.002
    clear_m: float = 0.045
    aligned_m: float = 0.007
    misaligned_m: float = 0.014
    aligned_rad: float = 0.12
    misaligned_rad: float = 0.28
    over_tray_m: float = 0.010
    off_tray_m: float = 0.022
    farthest_m: float = 0.272
    home: Tool = HOME
    rates: Tool = RATES
    gripper_rate_rad: float = 0.17
    approach_gain: float = 0.6
    joint_speed_share: float = 0.75
    step_s: float = 0.05


@dataclass(frozen=True)
class _View:
    """What the expert makes of one observation."""

    now: Tool
    setpoint: Tool
    gripper: float
    gripper_setpoint: float
    tip: tuple[float, float, float]
    yaw: float

    def in_hand(self, x_m: float, y_m: float, z_m: float) -> tuple[float, float, float]:
        """Return a base-frame point along the gripper's x and y axes and above the tool tip."""
        dx, dy = x_m - self.tip[0], y_m - self.tip[1]
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return c * dx + s * dy, c * dy - s * dx, z_m - self.tip[2]


def fold(angle_rad: float, period_rad: float) -> float:
    """Return the equivalent angle in +-period/2."""
    return (angle_rad + period_rad / 2) % period_rad - period_rad / 2


class Expert:
    """Solves "pick-to-tray". Raises SimulationError when the robot has no [grasp] section."""

    def __init__(self, spec: RobotSpec, params: ExpertParams | None = None) -> None:
        if spec.grasp is None:
            raise SimulationError(f"robot {spec.name!r} has no [grasp] section in its TOML")
        self.params = params or ExpertParams()
        self.arm = ArmKinematics(spec)
        self.grasp = spec.grasp
        self._max_step = np.array([j.max_velocity_rad_s for j in spec.joints]) * (
            self.params.joint_speed_share * self.params.step_s
        )
        self._lowest = self.arm.lower + LIMIT_MARGIN_RAD
        self._highest = self.arm.upper - LIMIT_MARGIN_RAD
        self._roll = (float(self.arm.lower[4]) + 0.2, float(self.arm.upper[4]) - 0.2)

    def target(
        self, truth: Truth, q_measured: NDArray[np.floating], q_setpoint: NDArray[np.floating]
    ) -> Float64:
        """Return (J,) setpoint in radians to be reached one policy step later."""
        view = self._view(q_measured, q_setpoint)
        goal, gripper = self._decide(truth, view)
        return self._advance(np.asarray(q_setpoint, dtype=np.float64), view, goal, gripper)

    def pad_gap(self, gripper_rad: float) -> float:
        """Return the distance between the pads at the tool centre's height, metres."""
        grasp = self.grasp
        return grasp.grip_width_m + grasp.pad_length_m * math.sin(gripper_rad - grasp.grip_rad)

    def _view(self, q_measured: NDArray[np.floating], q_setpoint: NDArray[np.floating]) -> _View:
        now, setpoint = self.arm.tool(np.asarray(q_measured)), self.arm.tool(np.asarray(q_setpoint))
        x = float(self.arm.pan_xy[0]) + now.radius * math.cos(now.pan)
        y = float(self.arm.pan_xy[1]) - now.radius * math.sin(now.pan)
        yaw = now.roll - now.pan + self.arm.yaw_zero
        return _View(now, setpoint, float(q_measured[5]), float(q_setpoint[5]), (x, y, now.height), yaw)

    def _decide(self, truth: Truth, view: _View) -> tuple[Tool, float]:
        cube, tray, grasp = truth.cube, truth.tray, self.grasp
        if in_tray(cube, tray):
            return self._leave(cube, view), grasp.open_rad
        along, across, above = view.in_hand(cube.x_m, cube.y_m, cube.z_m)
        gap = self.pad_gap(view.gripper)
        between = (
            -0.003 < along - grasp.pad_x_m - CUBE_M / 2 < gap - CUBE_M + 0.006
            and abs(across) < 0.011
            and -0.008 < above < 0.012
        )
        if not between:
            return self._approach(truth, view), grasp.open_rad
        to_tray = math.hypot(cube.x_m - tray.x_m, cube.y_m - tray.y_m)
        if to_tray < self.params.off_tray_m and view.tip[2] < self.params.release_m + 0.006:
            return self._stay(view), grasp.open_rad
        if abs(view.gripper - grasp.grip_rad) < 0.10 and view.gripper_setpoint < view.gripper - 0.12:
            return self._carry(cube, tray, view), grasp.closed_rad
        return self._approach_or_close(truth, view)

    def _stay(self, view: _View) -> Tool:
        s = view.setpoint
        return Tool(s.pan, s.radius, s.height, DOWN_RAD, s.roll)

    def _approach_or_close(self, truth: Truth, view: _View) -> tuple[Tool, float]:
        """Go on descending over the cube while the gripper is open, else close it."""
        closing = view.gripper_setpoint < self.grasp.open_rad - 0.10
        low = view.tip[2] < truth.cube.z_m - self.params.grasp_below_centre_m + 0.004
        upright = abs(view.now.pitch - DOWN_RAD) < 0.15
        if upright and (closing or low):
            return self._stay(view), self.grasp.closed_rad
        return self._approach(truth, view), self.grasp.open_rad

    def _aim(self, truth: Truth, view: _View) -> Tool:
        """Tool coordinates of the grasp; of the four rolls that fit a cube, the one nearest to the present."""
        p, cube = self.params, truth.cube
        offset = self.grasp.pad_x_m + self.pad_gap(self.grasp.open_rad) / 2
        point = np.array([cube.x_m, cube.y_m, cube.z_m - p.grasp_below_centre_m])
        others = [pose for colour, pose in truth.cubes.items() if colour != truth.target]
        others += truth.obstacles
        found = []
        for quarter in range(4):
            yaw = cube.yaw_rad + quarter * math.pi / 2
            tool = self.arm.tool_above(point, offset, yaw)
            roll = view.setpoint.roll + fold(tool.roll - view.setpoint.roll, 2 * math.pi)
            # Same yaw on another turn of the roll joint when the nearest lies beyond its limits.
            roll -= 2 * math.pi * ((roll > self._roll[1]) - (roll < self._roll[0]))
            if not self._roll[0] <= roll <= self._roll[1]:
                continue
            awkward = tool.radius > p.farthest_m or self._blocked(cube, yaw, others)
            found.append((awkward, abs(roll - view.setpoint.roll), Tool(*_head(tool), roll)))
        return min(found, key=lambda entry: entry[:2])[2]

    def _blocked(self, cube: Pose, yaw: float, others: list[Pose]) -> bool:
        """Whether an open pad would come down on something beside the cube."""
        reach = self.pad_gap(self.grasp.open_rad) / 2 + PAD_THICKNESS_M / 2
        c, s = math.cos(yaw), math.sin(yaw)
        for other in others:
            dx, dy = other.x_m - cube.x_m, other.y_m - cube.y_m
            along, across = c * dx + s * dy, c * dy - s * dx
            if abs(across) < PAD_WIDTH_M / 2 + CUBE_M / 2 and abs(abs(along) - reach) < CUBE_M / 2 + 0.006:
                return True
        return False

    def _approach(self, truth: Truth, view: _View) -> Tool:
        p = self.params
        aim = self._aim(truth, view)
        hover = min(p.hover_m, self.arm.highest(aim.radius) - 0.001)
        off_m = math.hypot(aim.radius - view.now.radius, aim.radius * (aim.pan - view.now.pan))
        off_rad = max(abs(aim.roll - view.now.roll), 0.6 * abs(view.now.pitch - DOWN_RAD))
        opened = view.gripper > self.grasp.open_rad - 0.12
        if off_m < p.aligned_m and off_rad < p.aligned_rad and opened:
            height = aim.height
        elif off_m > p.misaligned_m or off_rad > p.misaligned_rad or not opened:
            height = hover
        else:
            height = min(view.setpoint.height, hover)
        return self._over_obstacles(Tool(aim.pan, aim.radius, height, DOWN_RAD, aim.roll), view, off_m)

    def _over_obstacles(self, goal: Tool, view: _View, off_m: float) -> Tool:
        """Sideways only when high enough not to sweep cubes away; close to the goal always."""
        p = self.params
        if off_m < p.misaligned_m or view.now.height > p.clear_m:
            return goal
        fraction = min(1.0, max(0.05, (view.now.height - 0.03) / (p.clear_m - 0.03)))
        s = view.setpoint
        return Tool(
            s.pan + fraction * max(-0.05, min(0.05, goal.pan - s.pan)),
            s.radius + fraction * max(-0.008, min(0.008, goal.radius - s.radius)),
            goal.height,
            goal.pitch,
            s.roll + fraction * max(-0.1, min(0.1, goal.roll - s.roll)),
        )

    def _carry(self, cube: Pose, tray: Pose, view: _View) -> Tool:
        p = self.params
        # Where the tip must be for the cube, held as it is, to hang over the tray's centre.
        tip = np.array([view.tip[0] + tray.x_m - cube.x_m, view.tip[1] + tray.y_m - cube.y_m, 0.0])
        over = self.arm.tool_above(tip, 0.0, view.yaw)
        off_m = math.hypot(cube.x_m - tray.x_m, cube.y_m - tray.y_m)
        if off_m < p.over_tray_m:
            height = p.release_m
        elif off_m > p.off_tray_m:
            height = p.carry_m
        else:
            height = min(view.setpoint.height, p.carry_m)
        goal = Tool(over.pan, over.radius, height, DOWN_RAD, view.setpoint.roll)
        return self._over_obstacles(goal, view, off_m)

    def _leave(self, cube: Pose, view: _View) -> Tool:
        """End the job: let go, straight up, then home."""
        p = self.params
        near = math.hypot(cube.x_m - view.tip[0], cube.y_m - view.tip[1]) < 0.06
        s = view.setpoint
        if view.gripper < self.grasp.grip_rad + 0.16:
            return self._stay(view)
        if near and view.now.height < p.clear_m:
            return Tool(s.pan, s.radius, p.hover_m, DOWN_RAD, s.roll)
        return p.home

    def _advance(self, q: Float64, view: _View, goal: Tool, gripper: float) -> Float64:
        """One rate-limited step from the setpoint towards the goal, slowing down before it."""
        p, s = self.params, view.setpoint
        delta = []
        for name in ("pan", "radius", "height", "pitch", "roll"):
            rate, error = getattr(p.rates, name), getattr(goal, name) - getattr(s, name)
            step = max(-rate, min(rate, p.approach_gain * error))
            delta.append(error if abs(error) < 0.1 * rate else step)
        out: Float64 = q.copy()
        out[:5] = self.arm.joints(_moved(s, delta, 1.0))
        ratio = float(np.max(np.abs(out[:5] - q[:5]) / self._max_step[:5]))
        if ratio > 1.0:
            out[:5] = self.arm.joints(_moved(s, delta, 1.0 / ratio))
            step = out[:5] - q[:5]
            out[:5] = q[:5] + np.clip(step, -self._max_step[:5], self._max_step[:5])
        out[:5] = np.clip(out[:5], self._lowest, self._highest)
        out[5] = q[5] + max(-p.gripper_rate_rad, min(p.gripper_rate_rad, gripper - q[5]))
        return out


def _head(tool: Tool) -> tuple[float, float, float, float]:
    return tool.pan, tool.radius, tool.height, DOWN_RAD


def _moved(tool: Tool, delta: list[float], fraction: float) -> Tool:
    pan, radius, height, pitch, roll = (fraction * d for d in delta)
    return Tool(
        tool.pan + pan, tool.radius + radius, tool.height + height, tool.pitch + pitch, tool.roll + roll
    )
