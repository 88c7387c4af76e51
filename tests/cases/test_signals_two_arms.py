"""Two arms in one program: closing one leaves the other protected, closing both gives the signals back."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot

from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
REST = np.array([joint.rest_rad for joint in SPEC.joints])
QUICK = quick_robot(Path(tempfile.mkdtemp()))


@pytest.mark.parametrize(
    ("first", "number", "raised"), [(0, signal.SIGTERM, SystemExit), (1, signal.SIGINT, KeyboardInterrupt)]
)
def test_the_one_that_is_still_open_is_parked(first: int, number: int, raised: type[BaseException]) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with VirtualArm(SPEC) as one, VirtualArm(SPEC) as other:
        arms = [one, other]
        robots = [
            Robot.open(QUICK, port=arm.emulator.port, calibration="nominal").__enter__() for arm in arms
        ]
        robots[first].close()
        assert not arms[first].torque.any()
        assert arms[1 - first].torque.all()

        def go_on() -> None:
            robot = robots[1 - first]
            try:
                robot.move_to({"elbow_flex": 1.2})
                os.kill(os.getpid(), number)
                time.sleep(5.0)
            finally:
                robot.close()

        with pytest.raises(raised):
            go_on()
        assert not arms[1 - first].torque.any()
        np.testing.assert_allclose(arms[1 - first].position_rad, REST, atol=0.06)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
