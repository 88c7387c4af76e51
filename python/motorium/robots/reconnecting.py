"""Reconnect an arm on the same port after its cable or adapter was unplugged.

It is asked for, never done by itself: hands are at the cables just then, and another arm may sit on the port. Nothing
moves and no torque is switched: an arm that lost its power stays without torque, one whose servos kept theirs goes on
holding, until `Robot.enable`. Joints that are elsewhere than they were get no torque before `accept_position`.
"""

from __future__ import annotations

from .. import _core
from .._core import Cause
from ..errors import BusError, SafetyError
from ..motors.bus_errors import bus_errors
from ..specs.robot import RobotSpec
from . import health

TIMEOUT_S = 30.0


def reconnect(control: _core.Robot, spec: RobotSpec, port: str, timeout_s: float) -> None:
    """Wait for the port, open it, compare every joint with its last reading.

    Raises:
        BusError: no port, or not all servos, within `timeout_s`; it may be tried again.
        SafetyError: there is nothing to reconnect, or joints are elsewhere than before: they are named.
    """
    try:
        with bus_errors():
            problems = control.reconnect(timeout_s)
    except RuntimeError as error:
        raise SafetyError(f"{spec.name}: {error}") from error
    if any(problem.cause == Cause.JUMPED for problem in problems):
        raise health.jumped(spec, problems)
    if problems:
        silent = ", ".join(health.named(spec, problems))
        raise BusError(f"no reading from {silent} on {port}: check power and the cable before that joint")
