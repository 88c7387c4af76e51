"""What every family of servos must do, whatever its protocol; what one alone does is tested in files of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from families import OLD_FIRMWARE, FamilyArm, six_joints
from hypothesis import given, settings
from line_stranger import must_survive, streams_of
from servo_arm import IDS

from motorium import _core
from motorium._core import BusStatus, ServoFault
from motorium.errors import SpecError
from motorium.robots.bus import bus_config, open_joints
from motorium.specs.servo_family import SCANNED
from motorium.specs.zero import JointZero

COUNTED = {
    "drop": "timeouts",
    "corrupt": "crc_errors",
    "truncate": "timeouts",
    "wrong_id": "wrong_id",
    "wrong_length": "length_errors",
}
SET_UP_WITH = {"id", "baud_rate", "lock"}
"""What raw access must be able to write."""
WITH_RESTART = {"dynamixel"}
MOVES = {"torque_enable", "goal_position", "goal_velocity", "goal_current", "goal_pwm", "operating_mode"}


@pytest.fixture(params=SCANNED)
def arm(request: pytest.FixtureRequest) -> Iterator[FamilyArm]:
    """An arm of each family, whose servos answer each for itself."""
    made = FamilyArm(request.param, OLD_FIRMWARE, health_period_s=60.0)
    yield made
    made.emulator.close()


def test_the_tables_of_both_languages_name_the_same_families():
    assert set(SCANNED) == set(_core.emulated_families()) == set(_core.bus_families()) - {"relay"}


@pytest.mark.parametrize("fault", sorted(COUNTED))
def test_one_bad_reply_makes_one_joint_stale(arm, fault):
    arm.loses_one_reply(fault, COUNTED[fault])


@pytest.mark.parametrize("fault", ["garbage_before", "garbage_after", "echo"])
def test_noise_around_good_replies_costs_nothing(arm, fault):
    arm.emulator.set_fault(ServoFault(fault))
    arm.reads_through_noise(1e-5)


def test_state_arrives_in_si_units(arm):
    per_rad = arm.turn / (2 * np.pi)
    middle = arm.turn // 2
    arm.emulator.update(
        [middle, middle + 100, middle - 300, middle, middle, middle], [0, 500, -500, 0, 0, 0],
        [0, 300, -1000, 1000, 0, 0], voltage_dv=[74] * 6, temperature_c=[20, 30, 40, 50, 60, 70],
    )  # fmt: skip
    status, state = arm.read()
    assert status == BusStatus.OK
    np.testing.assert_allclose(state["position_rad"], np.array([0, 100, -300, 0, 0, 0]) / per_rad, atol=1e-5)
    speed = np.array([0, 500, -500, 0, 0, 0]) / per_rad
    np.testing.assert_allclose(state["velocity_rad_s"], speed, atol=0.02)
    np.testing.assert_allclose(state["effort"], [0, 0.3, -1, 1, 0, 0], atol=1e-3)


def test_a_goal_becomes_counts_and_never_leaves_the_range(arm, gated):
    assert arm.bus.set_torque(True) == BusStatus.OK
    wanted = np.array([0.0, 1.0, 0.5, -1.0, 3.1, -3.1])
    assert arm.bus.write_goal(gated(*wanted)) == BusStatus.OK
    ticks = np.asarray(arm.settle().goal_position_ticks) - arm.turn // 2
    expected = np.rint(wanted * arm.turn / (2 * np.pi))
    low = np.array([joint.min_ticks for joint in arm.config.joints]) - arm.turn // 2
    high = np.array([joint.max_ticks for joint in arm.config.joints]) - arm.turn // 2
    np.testing.assert_allclose(ticks, np.clip(expected, low, high), atol=1)
    assert arm.bus.write_goal(gated(0.0)) == BusStatus.IO_ERROR


def test_torque_starts_from_where_the_arm_is(arm):
    places = arm.turn // 2 + np.array([0, 100, -200, 300, -400, 500]) * arm.turn // 4096
    arm.place(*places)
    assert not arm.settle().torque_enable.any()
    assert arm.bus.set_torque(True) == BusStatus.OK
    goals = arm.settle()
    assert goals.torque_enable.all()
    np.testing.assert_array_equal(goals.goal_position_ticks, places)
    assert arm.bus.set_torque(False) == BusStatus.OK
    assert not arm.settle().torque_enable.any()


def test_nothing_is_enabled_unless_every_joint_answers(arm):
    arm.open_anew(reply_margin_s=0.06)
    arm.emulator.set_fault(ServoFault.DROP, 4)
    assert arm.bus.set_torque(True) == BusStatus.IO_ERROR
    arm.emulator.set_fault(ServoFault.NONE)
    assert not arm.settle().torque_enable.any()
    assert arm.bus.set_torque(True) == BusStatus.OK


def test_release_reaches_the_others_when_one_is_silent(arm):
    arm.open_anew(reply_margin_s=0.06)
    assert arm.bus.set_torque(True) == BusStatus.OK
    arm.emulator.set_fault(ServoFault.DROP, 6)
    assert arm.bus.set_torque(False) == BusStatus.IO_ERROR
    arm.emulator.set_fault(ServoFault.NONE)
    assert not arm.settle().torque_enable.any()


def test_a_pulled_adapter_is_a_status(arm, gated):
    goal = gated(*[0.0] * 6)
    arm.emulator.close()
    assert arm.read()[0] == BusStatus.CLOSED
    assert arm.bus.write_goal(goal) == BusStatus.CLOSED
    assert arm.bus.set_torque(True) == BusStatus.CLOSED
    assert arm.bus.set_torque(False) == BusStatus.CLOSED


def test_missing_servos_and_other_models_are_named(arm):
    port = arm.emulator.port
    del arm.bus
    config = arm.config
    config.reply_margin_s = 0.06
    arm.emulator.unplug(5)
    with pytest.raises(_core.BusError, match=r"missing ids: 5, 6 of 1, 2, 3, 4, 5, 6.*cable"):
        open_joints(port, config)
    arm.emulator.replug()
    joints = config.joints
    for joint in joints:
        joint.model_number += 1
    config.joints = joints
    with pytest.raises(_core.BusError, match=rf"servo 1 .* model number {arm.motor.model_number}, expected"):
        open_joints(port, config)


@pytest.mark.parametrize("name", ["goal_position", "torque_enable"])
def test_a_setting_moves_nothing(arm, name):
    before = arm.emulator.registers(1)
    del arm.bus
    register = arm.motor.register(name)
    config = arm.config
    config.settings = [_core.ServoSetting(joint=0, address=register.address, size=register.size, value=1)]
    with pytest.raises(ValueError, match=name):
        open_joints(arm.emulator.port, config)
    assert arm.emulator.registers(1) == before


def test_raw_access_sets_up_and_moves_nothing(arm):
    del arm.bus
    raw, before = arm.raw(), arm.emulator.registers(1)
    assert [raw.ping(servo) for servo in (*IDS, 9)] == [True] * 6 + [False]
    for name in MOVES & set(arm.motor.registers):
        register = arm.motor.register(name)
        with pytest.raises(ValueError, match="what moves a motor"):
            raw.configure(1, register.address, bytes(register.size))
    with pytest.raises(ValueError, match="one servo at a time"):
        raw.configure(254, arm.motor.register("id").address, b"\x00")
    assert arm.emulator.registers(1) == before
    for name in SET_UP_WITH & set(arm.motor.registers):
        register = arm.motor.register(name)
        kept = before[register.address : register.address + register.size]
        assert raw.configure(1, register.address, kept)
    delay = arm.motor.register("return_delay").address
    assert raw.configure(2, delay, b"\x10")
    assert raw.read(2, delay, 1) == b"\x10"


def test_raw_access_says_which_requests_a_protocol_lacks(arm):
    del arm.bus
    raw = arm.raw()
    if arm.family in WITH_RESTART:
        assert raw.reboot(1)
        return
    for request in (lambda: raw.sync_read([1, 2], 0, 2, fast=True), lambda: raw.reboot(1)):
        with pytest.raises(ValueError, match="has no such request"):
            request()


@pytest.mark.parametrize("family", SCANNED)
def test_a_robot_that_mixes_families_is_refused(family):
    spec = six_joints(family)
    other = next(six_joints(name) for name in SCANNED if name != family)
    mixed = replace(spec, joints=(replace(spec.joints[0], motor=other.bus.motor), *spec.joints[1:]))
    with pytest.raises(SpecError, match=f"its bus speaks {family}"):
        bus_config(mixed, [JointZero(joint.zero_ticks, 1) for joint in mixed.joints])


@pytest.mark.parametrize("family", SCANNED)
@settings(max_examples=30, deadline=None)
@given(
    streams=streams_of([b"\xff\xff\x01\x04\x00", b"\xff\xff\xfd\x00\x01\x08\x00\x55", b"\x5c\x01\x02\x00"])
)
def test_any_answer_is_survived(family, streams):
    must_survive(
        lambda port: _core.ServiceBus(family, port, reply_margin_us=1000, fresh=False), streams, 56, 2
    )
