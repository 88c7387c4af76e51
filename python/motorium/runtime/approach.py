"""Log when a plan begins far from the arm: the control thread then moves the arm there at its approach speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..logs import logger

if TYPE_CHECKING:
    from ..robots.robot import Robot

_log = logger(__name__)


class ApproachLog:
    """Logs every approach of an open robot once, with the joint and the distance."""

    def __init__(self, robot: Robot) -> None:
        """Of `robot`, from now on."""
        self._robot = robot
        self._seen = int(robot.control.stats().approaches)

    def look(self) -> None:
        """Log the newest approach if there was one since the last look."""
        stats = self._robot.control.stats()
        if int(stats.approaches) == self._seen:
            return
        self._seen = int(stats.approaches)
        spec = self._robot.spec
        joint = spec.joints[int(stats.approach_joint)]
        speed = spec.control.approach_velocity_share * joint.max_velocity_rad_s
        _log.warning(
            "a plan began %.2f rad from %s: the arm goes there at %.2f rad/s, then follows",
            stats.approach_rad, joint.name, speed,
        )  # fmt: skip
