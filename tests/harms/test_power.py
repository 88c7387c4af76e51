"""Harms of torque: servos that latch, stalls that burn, programs that hang while servos push."""

from __future__ import annotations

import time

import numpy as np
import safe_state
from virtual_arm import VirtualArm
from waiting import wait

from motorium import _core
from motorium.robots import health
from motorium.robots.bus import bus_config
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
ELBOW = 2
WATCHDOG, TRIPPED = 98, 0xFF


def test_harm_03_a_latched_overload_is_named_and_ends_without_a_power_cycle(
    arm: VirtualArm, robot: Robot
) -> None:
    arm.emulator.set_condition(ELBOW + 1, overload=True)
    assert wait(lambda: "overload" in robot.status().joints["elbow_flex"].faults)
    assert not robot.status().joints["wrist_flex"].faults
    robot.control.release()
    assert wait(lambda: not arm.torque.any())
    arm.emulator.set_condition(ELBOW + 1)
    robot.enable()
    assert wait(lambda: not robot.status().joints["elbow_flex"].faults)
    assert arm.torque.all()


def test_harm_04_a_stalled_joint_pushes_no_harder_than_it_may_for_long(
    arm: VirtualArm, loop: _core.Robot
) -> None:
    """With what ships: nothing has to be switched on. An STS3215 would latch after 2 s."""
    assert loop.enable()
    limits = np.asarray(arm.emulator.goals().torque_limit_permille)
    assert list(limits) == [round(1000 * min(1.0, joint.max_effort * 1.25)) for joint in SPEC.joints]
    arm.blocked = ELBOW
    target = np.array([joint.rest_rad for joint in SPEC.joints], np.float32)
    target[ELBOW] -= 0.6
    loop.move_to(target, 0.9)
    assert wait(lambda: abs(arm.goal_rad()[ELBOW] - arm.position_rad[ELBOW]) > 0.1), "it pushes"
    assert wait(lambda: loop.stats().back_offs > 0, 2.0)
    assert wait(lambda: "elbow_flex" in health.protection(SPEC, loop.stats()))
    assert wait(lambda: abs(arm.goal_rad()[ELBOW] - arm.position_rad[ELBOW]) < 0.05, 2.0)


def test_harm_09_a_frozen_program_loses_its_torque() -> None:
    """Not to the operating system, and not for ever at full torque: to a supervisor, within its bound."""
    safe_state.check("SIGSTOP")


def test_harm_09_servos_that_have_a_watchdog_are_given_it() -> None:
    """Dynamixel: nobody speaks any more, and the servos themselves stop where they are."""
    spec = RobotSpec.load("koch_follower")
    with VirtualArm(spec) as koch:
        bus = _core.DynamixelBus(koch.emulator.port, bus_config(spec))
        assert bus.set_torque(True) == _core.BusStatus.OK
        begin = time.monotonic()
        assert wait(lambda: koch.emulator.registers(1)[WATCHDOG] == TRIPPED, 4 * spec.bus.watchdog_s)
        assert time.monotonic() - begin > 0.8 * spec.bus.watchdog_s
