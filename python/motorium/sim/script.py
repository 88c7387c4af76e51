"""The scripted expert as a leader: it drives a simulated robot over its bus, as a person with a leader arm would."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import MotoriumError, SimulationError
from ..units import NS_PER_S

if TYPE_CHECKING:
    from ..robots.robot import Robot

AHEAD_ROWS = 2
"""Rows of every plan: the one that is wanted and one to stand on when the next plan is late."""


class ScriptLeader:
    """Solves the task of the scene; the `Leader` protocol of `motorium.data.record.recorder`.

    Args:
        robot: an open `sim:` robot whose specification has a grasp. Raises SimulationError for others.
    """

    name = "script"

    def __init__(self, robot: Robot) -> None:
        if robot.world is None:
            raise SimulationError("the scripted leader needs a simulated robot, such as sim:so101")
        self._robot = robot
        self._decide = robot.world.expert(robot.spec)
        self._dt_ns = round(NS_PER_S / robot.spec.policy.rate_hz)
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def prepare(self, seed: int, task: str | None) -> str:
        """Move the arm home and lay the scene; returns the instruction in words."""
        self._robot.home()
        return str(self._robot.world.reset(seed, task=task, arm="keep")["task"])

    def begin(self) -> None:
        """Start to move."""
        self._over.clear()
        self._error = None
        self._thread = threading.Thread(target=self._drive, name="scripted leader", daemon=True)
        self._thread.start()

    def done(self) -> bool | None:
        """Return True when the task is solved, None while it is not. Raises what went wrong while driving."""
        if self._error is not None:
            raise self._error
        return True if self._robot.world.status()["success"] else None

    def telemetry(self) -> NDArray[np.void]:
        """Return control ticks since the last call."""
        return self._robot.control.telemetry()

    def end(self) -> None:
        """Stop where the arm is."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._robot.control.hold()

    def _drive(self) -> None:
        try:
            next_ns = time.monotonic_ns()
            while not self._over.wait(max(0.0, (next_ns - time.monotonic_ns()) / NS_PER_S)):
                self._step()
                next_ns = max(next_ns + self._dt_ns, time.monotonic_ns())
        except MotoriumError as error:
            self._error = error

    def _step(self) -> None:
        robot, control = self._robot, self._robot.control
        robot.check()
        now_ns = time.monotonic_ns()
        setpoint = control.committed_joints(now_ns, self._dt_ns, 1)[0]
        wanted = self._decide(robot.position_rad, setpoint)
        control.push_joints(np.stack([setpoint, *[wanted] * AHEAD_ROWS]), now_ns, self._dt_ns, 0)
