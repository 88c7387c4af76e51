"""A follower and a leader that exist on pseudo-terminals only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot

from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec


class Bench:
    """A RobotBackend over a virtual arm."""

    calibration = None
    world = None

    def __init__(self, arm: VirtualArm) -> None:
        self.arm, self.cameras, self.port = arm, {}, arm.emulator.port

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def spec(tmp_path) -> RobotSpec:
    return RobotSpec.load(quick_robot(tmp_path, patient=True, exit_="release"))


@pytest.fixture
def arm(spec) -> Iterator[VirtualArm]:
    with VirtualArm(spec, start_rad=np.array([joint.home_rad for joint in spec.joints])) as virtual:
        yield virtual


@pytest.fixture
def robot(spec, arm) -> Iterator[Robot]:
    with Robot(spec, lambda: Bench(arm)) as follower:
        yield follower
