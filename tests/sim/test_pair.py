"""Two simulated arms as one robot: both move, every joint and camera has its side."""

from __future__ import annotations

import numpy as np
import pytest

from motorium import Robot
from motorium.errors import SimulationError
from motorium.sim.pair import open_pair
from motorium.specs.robot import RobotSpec

PAIR = RobotSpec.load("bi_so101_follower")


@pytest.mark.nightly
def test_both_arms_move_and_are_told_apart() -> None:
    with Robot.open("sim:bi_so101_follower", seed=3) as robot:
        before = robot.position_rad
        robot.move_to({"left_shoulder_pan": 0.4, "right_shoulder_pan": -0.3}, velocity_fraction=0.9)
        moved = dict(zip(PAIR.joint_names, robot.position_rad - before, strict=True))
        assert moved["left_shoulder_pan"] == pytest.approx(0.4, abs=0.05)
        assert moved["right_shoulder_pan"] == pytest.approx(-0.3, abs=0.05)
        assert all(abs(moved[f"{side}_elbow_flex"]) < 0.1 for side in ("left", "right"))
        status = robot.status()
        assert list(status.joints) == list(PAIR.joint_names)
        assert status.cameras == ("front", "left_wrist", "right_wrist")
        seen = robot.observe("look")
        assert np.abs(seen.images["left_wrist"].astype(int) - seen.images["right_wrist"]).max() > 0
        assert status.control.refused == 0
        robot.control.move_to(np.array([joint.rest_rad for joint in PAIR.joints]), 0.9, 5.0)


class Started:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_when_one_cannot_start_none_is_left_running() -> None:
    first, calls = Started(), []

    def start(_name: str) -> Started:
        calls.append(1)
        if len(calls) == 2:
            raise SimulationError("no memory")
        return first

    with pytest.raises(SimulationError, match="no memory"):
        open_pair(PAIR, start)  # type: ignore[arg-type]
    assert first.closed
