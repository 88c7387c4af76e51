"""Fixtures of the cases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from memory_folders import tmp_path_factory
from virtual_arm import VirtualArm, quick_robot

from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

__all__ = ["tmp_path_factory"]


@pytest.fixture(scope="module")
def virtual_robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    """An open so101 with quick slews, on emulated servos, without cameras: opened once for a module."""
    spec = RobotSpec.load("so101")
    name = quick_robot(tmp_path_factory.mktemp("robot"), patient=True)
    with (
        VirtualArm(spec, start_rad=np.array([joint.home_rad for joint in spec.joints])) as arm,
        Robot.open(name, port=arm.emulator.port, calibration="nominal") as robot,
    ):
        yield robot
