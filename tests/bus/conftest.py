"""Virtual servos and the driver that talks to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from dynamixel_arm import DynamixelArm, chain
from servo_arm import IDS, Arm, make_gate

from motorium import _core


@pytest.fixture
def emulator() -> Iterator[_core.ServoEmulator]:
    servos = _core.ServoEmulator(IDS)
    yield servos
    servos.close()


@pytest.fixture
def arm(emulator) -> Arm:
    return Arm(emulator)


@pytest.fixture
def open_arm(emulator) -> Callable[..., Arm]:
    """An arm with a configuration of its own."""
    return lambda **config: Arm(emulator, **config)


@pytest.fixture
def dynamixels() -> Iterator[_core.ServoEmulator]:
    """Six virtual Dynamixel servos of two models."""
    servos = chain()
    yield servos
    servos.close()


@pytest.fixture
def dynamixel_arm(dynamixels) -> DynamixelArm:
    return DynamixelArm(dynamixels)


@pytest.fixture
def open_dynamixel_arm(dynamixels) -> Callable[..., DynamixelArm]:
    """An arm with a configuration of its own."""
    return lambda **config: DynamixelArm(dynamixels, **config)


@pytest.fixture
def gated() -> Callable[..., _core.GatedGoal]:
    """A goal that went through a gate which stood right there."""

    def make(*goal_rad: float) -> _core.GatedGoal:
        gate = make_gate(n=len(goal_rad))
        assert gate.arm(np.clip(goal_rad, -3.2, 3.2))
        goal, _, _ = gate.apply(goal_rad, goal_rad, [0.0] * len(goal_rad), 0, 0, 0)
        return goal

    return make
