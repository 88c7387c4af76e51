"""Fixtures of the harms: virtual arms, and nobody's own configuration."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot

from motorium import _core
from motorium.robots.config import robot_config
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
QUICK = quick_robot(Path(tempfile.mkdtemp()))


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees, or leaves, a person's arms and cameras."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    """At its rest pose, so that leaving is quick."""
    with VirtualArm(SPEC) as virtual:
        yield virtual


@pytest.fixture
def robot(arm: VirtualArm) -> Iterator[Robot]:
    """Under torque, as a program has it."""
    with Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as opened:
        yield opened


@pytest.fixture
def loop(arm: VirtualArm) -> Iterator[_core.Robot]:
    """The control thread alone, with what ships: every protection as it is by default."""
    control = _core.Robot(robot_config(SPEC, exit="release"), [arm.emulator.port])
    control.start()
    assert np.isfinite(control.goal_rad).all()
    yield control
    control.stop()
