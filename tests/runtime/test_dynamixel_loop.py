"""A Koch arm under the control thread: the same promises as on a Feetech bus, and a watchdog in the servos."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from virtual_arm import VirtualArm

from motorium import _core
from motorium._core import ServoFault
from motorium.errors import BusError, SafetyError
from motorium.robots.bus import bus_config
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("koch_follower")
REST = np.array([joint.rest_rad for joint in SPEC.joints])
WATCHDOG, TRIPPED = 98, 0xFF


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


def open_robot(arm: VirtualArm) -> Robot:
    return Robot.open("koch_follower", port=arm.emulator.port, calibration="nominal")


def test_a_session_starts_where_the_arm_is_and_ends_at_rest(arm: VirtualArm) -> None:
    with open_robot(arm) as robot:
        robot.move_to({"shoulder_pan": 0.6, "gripper": 0.5})
        assert arm.position_rad[0] == pytest.approx(0.6, abs=0.02)
        stats = robot.control.stats()
        assert stats.watchdog == robot.status().watchdog == "servo watchdog"
    assert stats.safety.trips == 0
    assert stats.bus.refusals == 0
    assert not arm.torque.any()
    np.testing.assert_allclose(arm.position_rad, REST, atol=0.06)


def test_one_bad_byte_in_fifty_replies_ends_nothing(arm: VirtualArm) -> None:
    with open_robot(arm) as robot:
        arm.emulator.set_fault(ServoFault.CORRUPT, None, period=50)
        for target in (0.4, -0.4):
            robot.move_to({"shoulder_pan": target})
        stats = robot.control.stats()
        arm.emulator.set_fault(ServoFault.NONE)
    assert stats.bus.crc_errors > 0
    assert stats.safety.trips == 0
    assert arm.largest_goal_step_rad < 0.1


def test_a_loose_cable_stops_the_arm_and_names_the_first_silent_joint(arm: VirtualArm) -> None:
    with pytest.raises(SafetyError, match=r"no reply from wrist_flex \("):
        _lose_the_cable(arm)


def test_two_buses_run_side_by_side(arm: VirtualArm) -> None:
    """One thread per bus: a chain that must be waited for holds up nobody else."""
    with VirtualArm(RobotSpec.load("so101")) as other:
        port = other.emulator.port
        with open_robot(arm) as koch, Robot.open("so101", port=port, calibration="nominal") as so101:
            arm.emulator.set_fault(ServoFault.DROP, 6, period=2)  # every other read waits out its margin
            before = [robot.control.stats() for robot in (koch, so101)]
            so101.move_to({"shoulder_pan": 0.5})
            after = [robot.control.stats() for robot in (koch, so101)]
            arm.emulator.set_fault(ServoFault.NONE)
        lost = [b.bus.timeouts - a.bus.timeouts for a, b in zip(before, after, strict=True)]
        ticks = [b.ticks - a.ticks for a, b in zip(before, after, strict=True)]
    assert lost[0] > 0
    assert lost[1] < 0.5 * lost[0]
    assert min(ticks) > 0
    assert after[1].safety.trips == 0


def test_leaving_an_arm_that_lost_its_cable_takes_seconds_not_minutes(arm: VirtualArm) -> None:
    with open_robot(arm) as robot:
        arm.emulator.unplug(4)
        start = time.monotonic()
        with pytest.raises(BusError, match="did not confirm that its torque is off"):
            robot.close()
    assert time.monotonic() - start < SPEC.exit.park_timeout_s + 8
    assert not arm.torque[:3].any()  # those that can hear have let go


def _lose_the_cable(arm: VirtualArm) -> None:
    with open_robot(arm) as robot:
        arm.emulator.unplug(4)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            robot.check()
            time.sleep(0.01)


def test_servos_stop_by_themselves_when_nobody_speaks_any_more(arm: VirtualArm) -> None:
    """As after kill -9 or in a frozen process: no supervisor is needed on this bus."""
    config = bus_config(SPEC)
    config.reply_margin_s = 0.3
    bus = _core.DynamixelBus(arm.emulator.port, config)
    assert bus.set_torque(True) == _core.BusStatus.OK
    silent_since = time.monotonic()
    while arm.emulator.registers(1)[WATCHDOG] != TRIPPED:
        assert time.monotonic() - silent_since < 10 * SPEC.bus.watchdog_s
        time.sleep(0.01)
    assert time.monotonic() - silent_since > 0.8 * SPEC.bus.watchdog_s
    assert arm.torque.all()  # they hold where they are
