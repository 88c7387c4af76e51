"""A hand that moves the joints without torque of a simulated arm, for calibrating it or leading with it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import SimulationError
from ..specs.robot import RobotSpec
from .servo_registers import ServoDrive

Float64 = NDArray[np.float64]

SPEED_RAD_S = 0.8
"""Of a person who is careful; from stop to stop of the widest SO-101 joint in seven seconds."""
REACHED_RAD = 1e-6


class Hand:
    """Leads joints without torque along poses; a joint with torque is left to its servo. Not thread-safe.

    Attributes:
        lifted: whether the arm is held in the air, where it touches nothing.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Touch no joint of `spec` yet."""
        self._spec = spec
        self._names = list(spec.joint_names)
        self._route: list[Float64] = []
        self._next = 0
        self._at: Float64 | None = None
        self.lifted = False

    def move(self, pose: Mapping[str, float]) -> None:
        """Lead the named joints to angles in radians and keep them there; others stay in the hand where they are.

        Raises SimulationError: an unknown joint, or an angle outside its limits.
        """
        goal = np.full(len(self._names), np.nan)
        for name, angle in pose.items():
            if name not in self._names:
                raise SimulationError(f"no joint {name!r}; joints: {', '.join(self._names)}")
            joint = self._spec.joints[self._names.index(name)]
            if not joint.lower_rad <= angle <= joint.upper_rad:
                raise SimulationError(
                    f"{name} turns from {joint.lower_rad:.2f} to {joint.upper_rad:.2f} rad, not to {angle:g}"
                )
            goal[self._names.index(name)] = angle
        self._start([goal])

    def home(self) -> None:
        """Lead every joint to the home pose."""
        self._start([np.array([joint.home_rad for joint in self._spec.joints])])

    def sweep(self) -> None:
        """Lead one joint after the other from stop to stop, from the home pose, again and again.

        The arm is held in the air meanwhile: on the table no joint but the pan would reach both its stops.
        """
        home = np.array([joint.home_rad for joint in self._spec.joints])
        route = [home]
        for j, joint in enumerate(self._spec.joints):
            for angle in (joint.lower_rad, joint.upper_rad, joint.home_rad):
                pose = home.copy()
                pose[j] = angle
                route.append(pose)
        self._start(route)
        self.lifted = True

    def let_go(self) -> None:
        """Touch no joint any more; an arm without torque sinks."""
        self._route = []
        self.lifted = False

    @property
    def holds(self) -> bool:
        """Whether joints without torque are led."""
        return bool(self._route)

    def take(self, position_rad: Float64, drive: ServoDrive, dt_s: float) -> tuple[Float64, Float64]:
        """Return target (J,) in radians and allowed share of stall torque (J,) for the next `dt_s`, hand included."""
        if not self._route:
            return drive.target_rad, drive.torque_fraction
        if self._at is None:
            self._at = position_rad.copy()
        free = drive.torque_fraction <= 0
        goal = self._route[self._next]
        goal = np.where(np.isnan(goal), self._at, goal)
        step = SPEED_RAD_S * dt_s
        self._at = np.where(free, self._at + np.clip(goal - self._at, -step, step), position_rad)
        if free.all() and np.abs(goal - self._at).max() < REACHED_RAD:
            self._next = (self._next + 1) % len(self._route)
        return np.where(free, self._at, drive.target_rad), np.where(free, 1.0, drive.torque_fraction)

    def _start(self, route: list[Float64]) -> None:
        self._route, self._next, self._at = route, 0, None
        self.lifted = False
