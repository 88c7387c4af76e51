"""A Koch arm under the control thread: the same promises as on a Feetech bus, and a watchdog in the servos."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from servo_arm import PATIENT_S
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

from motorium import _core
from motorium._core import ServoFault, WatchedBy
from motorium.errors import BusError, SafetyError
from motorium.robots.bus import bus_config
from motorium.robots.config import robot_config
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("koch_follower")
REST = np.array([joint.rest_rad for joint in SPEC.joints])
WATCHDOG, TRIPPED = 98, 0xFF


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The robot with faster slews, and little patience with an arm that does not get to rest."""
    path = Path(quick_robot(tmp_path_factory.mktemp("quick"), "koch_follower"))
    text = path.read_text(encoding="utf-8")
    assert "park_timeout_s = 6.0" in text
    path.write_text(text.replace("park_timeout_s = 6.0", "park_timeout_s = 1.0"), encoding="utf-8")
    return str(path)


def open_robot(arm: VirtualArm, robot: str) -> Robot:
    return Robot.open(robot, port=arm.emulator.port, calibration="nominal")


def test_a_session_starts_where_the_arm_is_and_ends_at_rest(arm: VirtualArm, quick: str) -> None:
    with open_robot(arm, quick) as robot:
        robot.move_to({"shoulder_pan": 0.6, "gripper": 0.5})
        assert arm.position_rad[0] == pytest.approx(0.6, abs=0.02)
        stats = robot.control.stats()
        assert stats.watchdog is robot.status().watchdog is WatchedBy.SERVOS
    assert stats.safety.trips == 0
    assert stats.bus.refusals == 0
    assert not arm.torque.any()
    np.testing.assert_allclose(arm.position_rad, REST, atol=0.06)


def test_one_bad_byte_in_fifty_replies_ends_nothing(arm: VirtualArm, quick: str) -> None:
    with open_robot(arm, quick) as robot:
        arm.emulator.set_fault(ServoFault.CORRUPT, None, period=50)
        for target in (0.4, -0.4):
            robot.move_to({"shoulder_pan": target})
        stats = robot.control.stats()
        arm.emulator.set_fault(ServoFault.NONE)
    assert stats.bus.crc_errors > 0
    assert stats.safety.trips == 0
    assert arm.largest_goal_step_rad < 0.1


def test_a_loose_cable_stops_the_arm_and_names_the_first_silent_joint(arm: VirtualArm, quick: str) -> None:
    with pytest.raises(SafetyError, match=r"wrist_flex does not answer any more: silent for"):
        _lose_the_cable(arm, quick)


def test_two_buses_run_side_by_side(arm: VirtualArm) -> None:
    """One thread per bus: a chain that must be waited for holds up nobody else."""
    other_spec = RobotSpec.load("so101")
    with VirtualArm(other_spec) as other:
        koch = _waiting_loop(SPEC, arm, 0.03)
        so101 = _waiting_loop(other_spec, other, PATIENT_S)  # a busy machine costs it no reply
        for control in (koch, so101):
            control.start()
            assert control.enable()
        arm.emulator.set_fault(ServoFault.DROP, 6, period=2)  # every other read waits out its margin
        before = [control.stats() for control in (koch, so101)]
        goal = other.position_rad + 0.5 * np.eye(6)[0]
        so101.move_to(goal)
        assert wait(lambda: abs(other.position_rad[0] - goal[0]) < 0.02)
        assert wait(lambda: koch.stats().bus.timeouts > before[0].bus.timeouts + 10)
        after = [control.stats() for control in (koch, so101)]
        arm.emulator.set_fault(ServoFault.NONE)
        for control in (koch, so101):
            control.stop()
    lost = [b.bus.timeouts - a.bus.timeouts for a, b in zip(before, after, strict=True)]
    ticks = [b.ticks - a.ticks for a, b in zip(before, after, strict=True)]
    assert lost[1] < 0.5 * lost[0]
    assert ticks[1] > 1.5 * ticks[0] > 0
    assert after[1].safety.trips == 0


def _waiting_loop(spec: RobotSpec, arm: VirtualArm, margin_s: float) -> _core.Robot:
    """Without a supervisor: it would take the torque on a machine that stands still for a third of a second."""
    config = robot_config(spec, exit="release")
    buses = config.buses
    for bus in buses:
        bus.reply_margin_s = margin_s
    config.buses = buses
    return _core.Robot(config, [arm.emulator.port])


def test_leaving_an_arm_that_lost_its_cable_takes_seconds_not_minutes(arm: VirtualArm, quick: str) -> None:
    with open_robot(arm, quick) as robot:
        arm.emulator.unplug(4)
        start = time.monotonic()
        with pytest.raises(BusError, match="did not confirm that its torque is off"):
            robot.close()
    assert time.monotonic() - start < SPEC.exit.park_timeout_s + 8
    assert not arm.torque[:3].any()  # those that can hear have let go


def _lose_the_cable(arm: VirtualArm, quick: str) -> None:
    with open_robot(arm, quick) as robot:
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
