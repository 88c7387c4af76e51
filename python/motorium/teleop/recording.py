"""Demonstrate with a leader arm: the `Leader` protocol of `data.record.recorder` over a teleoperation session."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, MotoriumError, SpecError
from ..robots.robot import Robot
from ..types import Float32
from .leader import LeaderArm
from .mapping import JointMap
from .session import Controls, Session


class ArmLeader:
    """Makes the follower follow a leader arm; a person, the clock or the world ends the episode.

    Args:
        robot: the follower, open.
        leader: the arm that is moved by hand, open. Raises BindingError when the two have no joint in common.
    """

    def __init__(self, robot: Robot, leader: LeaderArm) -> None:
        self.name = leader.spec.name
        self._robot, self._leader = robot, leader
        self._joints = JointMap.between(leader.spec, robot.spec)
        self._over = threading.Event()
        self._ticks: deque[NDArray[np.void]] = deque()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._none: NDArray[np.void] = np.zeros(0, np.void)

    def prepare(self, seed: int, task: str | None) -> str:
        """Lay a simulated scene. Raises SpecError when nobody says what is to be done."""
        world = self._robot.world
        if world is not None:
            return str(world.reset(seed, task=task, arm="keep")["task"])
        if task is None:
            raise SpecError("a real arm has no task of its own: give --task")
        return task

    def begin(self) -> None:
        """Follow; the first gap is closed in a ramp."""
        self._over.clear()
        self._error = None
        self._ticks.clear()
        self._none = self._robot.control.telemetry()[:0]  # before the session reads it
        self._thread = threading.Thread(target=self._follow, name="teleoperation", daemon=True)
        self._thread.start()

    def done(self) -> bool | None:
        """Return True when a simulated world sees the task done, else None. Raises what ended the session."""
        if self._error is not None:
            raise self._error
        world = self._robot.world
        return True if world is not None and world.status()["success"] else None

    def telemetry(self) -> NDArray[np.void]:
        """Return ticks of the follower since the last call, read by the session."""
        parts = [self._ticks.popleft() for _ in range(len(self._ticks))]
        return np.concatenate([self._none, *parts])

    def pose_at(self, t_ns: int) -> Float32:
        """Return (J,) the leader's own joints at a time, as joints of the follower: before ramp and limits.

        A joint without a counterpart has the follower's setpoint. Raises DataError when the leader was never read.
        """
        read = self._leader.control.state_at(t_ns)
        if read is None:
            raise DataError(f"no joint of {self._leader.spec.name} has been read yet")
        control = self._robot.control
        stay = control.setpoint_at(t_ns)
        return self._joints.apply(read.position_rad, control.goal_rad if stay is None else stay)

    def end(self) -> None:
        """Hold where the arm is."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._robot.control.hold()

    def _follow(self) -> None:
        session = Session(self._robot, controls=Controls(ended=self._over.is_set))
        try:
            session.follow(self._leader, self._joints, watch=self._ticks.append)
        except MotoriumError as error:
            self._error = error
