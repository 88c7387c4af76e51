"""Stall, overload and heat on the whole way: virtual servos, bus, control thread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from virtual_arm import VirtualArm
from waiting import wait

from motorium import _core
from motorium._core import Mode, Reason
from motorium.robots import health
from motorium.robots.config import robot_config
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
HOME = np.array([joint.home_rad for joint in SPEC.joints])
ELBOW = 2


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC, start_rad=HOME) as virtual:
        yield virtual


@pytest.fixture
def loop(arm: VirtualArm) -> Iterator[_core.Robot]:
    config = robot_config(SPEC, approach_velocity_share=0.9, park_timeout_s=3.0)
    control = _core.Robot(config, [arm.emulator.port])
    control.start()
    yield control
    control.stop()


def test_a_stalled_joint_is_backed_off_and_named(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    arm.blocked = ELBOW
    loop.move_to(HOME + np.eye(6)[ELBOW] * 0.5)
    assert wait(lambda: loop.stats().back_offs > 0)
    assert "elbow_flex" in health.protection(SPEC, loop.stats())
    limit = control_limit_rad()
    assert wait(lambda: abs(arm.goal_rad()[ELBOW] - arm.position_rad[ELBOW]) < limit)
    arm.blocked = None
    assert wait(lambda: not health.protection(SPEC, loop.stats()))


def control_limit_rad() -> float:
    """Lead of the goal with which the virtual joint pushes a little more than the shipped `hold_effort`."""
    return 0.4 / 8.0


def test_a_hot_servo_ends_the_run_at_the_rest_pose(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    arm.temperature_c = 68
    assert wait(lambda: loop.mode is Mode.RELEASED)
    assert loop.reason is Reason.PROTECTION
    assert not arm.torque.any()
    error = health.explain_stop(SPEC, "", loop.why_stopped(), loop.stats())
    assert "68 C" in str(error)


def test_torque_limits_are_written_at_connect(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    limits = np.asarray(arm.emulator.goals().torque_limit_permille)
    assert list(limits) == [round(1000 * min(1.0, joint.max_effort * 1.25)) for joint in SPEC.joints]
