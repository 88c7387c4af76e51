"""A leader arm: moved by hand, read like any other arm, and without torque except for trigger springs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..errors import BusError
from ..robots import backends
from ..robots.calibration import Calibration
from ..robots.robot import Robot
from ..specs.robot import RobotSpec
from .emulated import EmulatedLeader, Motion


class LeaderArm(Robot):
    """A `Robot` without torque.

    On an arm that has passive joints the others are springs, which pull the trigger open; those do get torque.
    """

    def _power(self) -> None:
        if any(joint.passive for joint in self.spec.joints):
            super()._power()
        else:
            self.control.release()
            self._unpowered = False


def open_leader(
    name: str,
    *,
    port: str | None = None,
    calibration: str | Path | Calibration | None = None,
    motion: Motion | None = None,
) -> LeaderArm:
    """Return a leader by name, ready to be entered: "so101_leader" on a port, or "sim:so101_leader" moved by a script.

    Args:
        name: robot name, with `sim:` for an emulated chain.
        port: serial port; hardware only.
        calibration: as for `Robot.open`.
        motion: how an emulated leader moves: seconds -> (J,) radians; a slow sway by default.

    Raises:
        SpecError, CalibrationError, BusError: unknown robot, no calibration, no port.
    """
    scheme, robot = backends.split(name)
    if scheme != "sim":
        arm = LeaderArm.open(name, port=port, calibration=calibration)
        assert isinstance(arm, LeaderArm)
        return arm
    if port is not None:
        raise BusError(f"{name} brings its own port; port={port!r} belongs to hardware: {robot!r}")
    spec = RobotSpec.load(robot)
    return LeaderArm(spec, partial(EmulatedLeader, spec, motion))
