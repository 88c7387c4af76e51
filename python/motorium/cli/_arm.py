"""The arm of a verb, with the cameras that are bound for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._verb import say

if TYPE_CHECKING:
    from ..robots.robot import Robot


def open_with_cameras(
    robot: str, port: str | None, calibration: str | None, options: dict[str, Any] | None = None
) -> Robot:
    """Return a robot as `Robot.open` does; a real arm with the cameras of `motorium cameras bind`, where there are any.

    Raises MotoriumError as `Robot.open`, and CameraError for one that is absent, swapped or looks elsewhere.
    """
    from ..cameras.rig import CameraRig
    from ..cameras.setup import CameraSetup
    from ..robots.robot import Robot
    from ..specs.robot import RobotSpec

    if ":" in robot or not CameraSetup.load(name := RobotSpec.load(robot).name).cameras:
        return Robot.open(robot, port=port, calibration=calibration, **(options or {}))
    rig = CameraRig.open(name)
    try:
        return Robot.open(
            robot, port=port, calibration=calibration, cameras=dict(rig.cameras), **(options or {})
        )
    except BaseException:
        rig.close()
        raise


def tell_without_cameras(arm: Robot) -> None:
    """Say how a real arm gets cameras, when it has none."""
    if not arm.cameras:
        how = f"motorium cameras bind ROLE CAMERA --robot {arm.spec.name}"
        say(f"no camera is bound: rows have joints but no pictures; to bind one: {how}")
