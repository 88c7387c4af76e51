"""Radians in, ticks on the wire, radians out, on a chain of mixed Dynamixel models; connecting and enabling."""

from __future__ import annotations

import time

import numpy as np
import pytest
from dynamixel_arm import (
    GOAL,
    GOAL_PWM,
    HARDWARE_ERROR,
    IDS,
    MODE,
    MODELS,
    PRESENT,
    TORQUE,
    WATCHDOG,
    DynamixelArm,
    chain,
    make_config,
    make_joint,
    setting,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from servo_arm import TICKS_PER_RAD, make_gate

from motorium import _core
from motorium._core import BusStatus, ServoFault

TORQUE_LOST, ALERT, OVERLOAD, OVERHEATING = 1 << 6, 1 << 7, 1 << 5, 1 << 2
VELOCITY_UNIT_TICKS_S = 0.229 * 4096 / 60
NEVER_S = 60.0


def joints(**values) -> list[_core.ServoJoint]:
    """All joints, with a list of six per attribute."""
    return [
        make_joint(servo, model, **{name: row[i] for name, row in values.items()})
        for i, (servo, model) in enumerate(zip(IDS, MODELS, strict=True))
    ]


@pytest.mark.parametrize("firmware", [50, 44], ids=["fast", "plain"])
def test_state_arrives_in_si_units(firmware):
    servos = chain(firmware)
    arm = DynamixelArm(
        servos, joints=joints(zero_ticks=[2048, 2048, 1000, 2048, 2048, 3000.5], sign=[1, -1, 1, -1, 1, 1])
    )
    assert arm.bus.fast is (firmware == 50)
    speed = (np.array([0, 10, -10, 300, 1, -1]) * VELOCITY_UNIT_TICKS_S).round().astype(int)
    servos.update([2048, 2148, 0, 4095, 2048, 3000], speed, [0, 300, -1000, 500, 1, -1], moving=[0] * 6)
    status, state = arm.read()
    assert status == BusStatus.OK
    ticks = np.array([0, -100, -1000, -2047, 0, -0.5])
    np.testing.assert_allclose(state["position_rad"], ticks / TICKS_PER_RAD, atol=1e-6)
    turns = np.array([0, -10, -10, -300, 1, -1]) * 0.229 / 60
    np.testing.assert_allclose(state["velocity_rad_s"], turns * 2 * np.pi, atol=1e-3)
    np.testing.assert_allclose(state["effort"], [0, -0.3, -1, -0.5, 0.001, -0.001], atol=1e-3)
    assert (state["joint_t_ns"] == state["t_ns"]).all()
    servos.close()


def test_voltage_and_temperature_are_known_from_the_start_and_kept_up(open_dynamixel_arm):
    arm = open_dynamixel_arm(health_period_s=0.0)
    _, state = arm.read()
    np.testing.assert_allclose(state["voltage_v"], 7.4, rtol=1e-6)
    np.testing.assert_array_equal(state["temperature_c"], 30)
    arm.emulator.update([2048] * 6, [0] * 6, [0] * 6, voltage_dv=[50] * 6, temperature_c=list(range(40, 46)))
    for _ in range(13):  # one servo in a tick
        _, state = arm.read()
    np.testing.assert_allclose(state["voltage_v"], 5.0, rtol=1e-6)
    np.testing.assert_array_equal(state["temperature_c"], range(40, 46))


def test_slow_values_cost_one_exchange_in_a_period(open_dynamixel_arm):
    arm = open_dynamixel_arm(health_period_s=NEVER_S)
    arm.read()
    before = arm.emulator.stats().requests
    for _ in range(20):
        arm.read()
    assert arm.emulator.stats().requests - before == 20


def test_goal_becomes_ticks(open_dynamixel_arm, gated):
    arm = open_dynamixel_arm(
        joints=joints(zero_ticks=[2048, 2048, 1000, 2048, 2048, 2048], sign=[1, -1, 1, 1, 1, 1])
    )
    arm.place(*[2048] * 6)
    arm.read()
    assert arm.bus.write_goal(gated(0.0, 1.0, 0.5, -1.0, 3.0, -3.0)) == BusStatus.OK
    arm.read()
    signs, zeros = np.array([1, -1, 1, 1, 1, 1]), np.array([2048, 2048, 1000, 2048, 2048, 2048])
    wanted = np.round(zeros + signs * np.array([0, 1, 0.5, -1, 3, -3]) * TICKS_PER_RAD)
    np.testing.assert_array_equal([arm.register(i, GOAL, 4) for i in IDS], wanted)


@pytest.fixture(scope="module")
def pair():
    servos = _core.ServoEmulator.of(
        "dynamixel", [(i, model) for i, model in zip((11, 12), _models(), strict=True)]
    )
    config = {"joints": [make_joint(11, MODELS[0]), make_joint(12, MODELS[-1], zero_ticks=1024.0, sign=-1)]}
    yield DynamixelArm(servos, **config, settings=[setting(i, MODE, 4, eeprom=True) for i in range(2)])
    servos.close()


def _models() -> list[_core.ServoModel]:
    from motorium.motors.emulated import servo_model
    from motorium.specs.servo import MotorSpec

    return [servo_model(MotorSpec.load(name)) for name in (MODELS[0], MODELS[-1])]


@settings(max_examples=50)
@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_a_goal_reached_reads_back_within_half_a_tick(pair, first, second):
    gate = make_gate(n=2)
    gate.arm([first, second])
    goal, _, _ = gate.apply([first, second], [first, second], [0, 0], 0, 0, 0)
    pair.bus.write_goal(goal)
    pair.place(*pair.settle().goal_position_ticks)
    _, state = pair.read()
    np.testing.assert_allclose(state["position_rad"], [first, second], atol=0.51 / TICKS_PER_RAD)


def test_positions_go_on_over_the_seam_of_the_encoder(dynamixel_arm, gated):
    """Zero in the middle of the scale, the joint walks over 4095/0: no jump, and goals follow it."""
    for ticks in range(2048, 4196 + 1, 100):
        dynamixel_arm.place(*[ticks] * 6)
        _, state = dynamixel_arm.read()
        np.testing.assert_allclose(state["position_rad"], (ticks - 2048) / TICKS_PER_RAD, atol=1e-4)
    dynamixel_arm.bus.write_goal(gated(*[3.1] * 6))
    wanted = round(2048 + 3.1 * TICKS_PER_RAD)
    np.testing.assert_array_equal(dynamixel_arm.settle().goal_position_ticks, wanted)


def test_a_servo_that_restarted_in_another_turn_is_where_it_was(dynamixel_arm, gated):
    there = (2048, 2500, 3000, 3500, 4000, 4120)  # the last one is over the seam
    for places in ((2048, 2500, 3000, 3500, 4000, 4000), there):
        dynamixel_arm.place(*places)
        _, before = dynamixel_arm.read()
    dynamixel_arm.emulator.power_cycle(6)
    assert dynamixel_arm.register(6, PRESENT, 4) == 24
    status, after = dynamixel_arm.read()
    assert status == BusStatus.OK
    np.testing.assert_allclose(after["position_rad"], before["position_rad"], atol=1e-6)
    dynamixel_arm.bus.write_goal(gated(*before["position_rad"]))
    assert dynamixel_arm.settle().goal_position_ticks[5] == 4120


def test_enabling_starts_from_where_the_arm_is(dynamixel_arm):
    dynamixel_arm.place(100, 1000, 2048, 3000, 4000, 4095)
    assert not dynamixel_arm.settle().torque_enable.any()
    assert dynamixel_arm.bus.set_torque(True) == BusStatus.OK
    goals = dynamixel_arm.settle()
    assert goals.torque_enable.all()
    np.testing.assert_array_equal(goals.goal_position_ticks, [100, 1000, 2048, 3000, 4000, 4095])
    assert dynamixel_arm.bus.set_torque(False) == BusStatus.OK
    assert not dynamixel_arm.settle().torque_enable.any()


def test_nothing_is_enabled_unless_every_joint_answers(open_dynamixel_arm):
    arm = open_dynamixel_arm(reply_margin_s=0.01)
    arm.emulator.set_fault(ServoFault.DROP, 4)
    assert arm.bus.set_torque(True) == BusStatus.IO_ERROR
    assert not arm.settle().torque_enable.any()
    arm.emulator.set_fault(ServoFault.NONE)
    assert arm.bus.set_torque(True) == BusStatus.OK


def test_passive_joints_are_read_but_never_driven(open_dynamixel_arm, gated):
    """A leader: all limp but its gripper."""
    arm = open_dynamixel_arm(joints=joints(passive=[True] * 5 + [False]))
    assert arm.bus.set_torque(True) == BusStatus.OK
    np.testing.assert_array_equal(arm.settle().torque_enable, [False] * 5 + [True])
    before = [arm.register(i, GOAL, 4) for i in IDS]
    arm.bus.write_goal(gated(*[0.5] * 6))
    arm.read()
    after = [arm.register(i, GOAL, 4) for i in IDS]
    assert after[:5] == before[:5]
    assert after[5] != before[5]
    arm.place(*range(2000, 2006))
    assert arm.read()[0] == BusStatus.OK
    assert arm.bus.set_torque(False) == BusStatus.OK


SETTINGS = [
    setting(0, 9, 0, eeprom=True),
    setting(0, MODE, 4, eeprom=True),
    setting(5, MODE, 5, eeprom=True),
    setting(5, 102, 300, size=2),
    setting(1, GOAL_PWM, 700, size=2),
    setting(2, 84, 800, size=2),
]


def test_connecting_brings_registers_to_their_settings(open_dynamixel_arm):
    arm = open_dynamixel_arm(settings=SETTINGS)
    assert arm.register(1, 9) == 0
    assert arm.register(2, 9) == 250  # untouched
    assert [arm.register(i, MODE) for i in IDS] == [4, 3, 3, 3, 3, 5]
    assert arm.register(6, 102, 2) == 300
    assert arm.register(2, GOAL_PWM, 2) == 700
    np.testing.assert_array_equal(
        arm.settle().torque_limit_permille, [1000, round(700 / 0.885), 1000, 1000, 1000, round(300 / 1.47)]
    )


def test_eeprom_is_not_worn_by_connecting_again(open_dynamixel_arm, dynamixels):
    first = open_dynamixel_arm(settings=SETTINGS)
    del first
    before = dynamixels.stats().requests
    second = open_dynamixel_arm(settings=SETTINGS)
    registers = len({setting.address for setting in SETTINGS})  # each asked of all servos at once
    reads = (
        6 + 1 + registers + 6 + 6 + 1 + 6
    )  # models, watchdogs, settings, delays, firmware, a fast read, slow values
    assert dynamixels.stats().requests - before == reads
    assert second.bus.fast


def test_torque_is_let_go_before_the_eeprom_is_written(open_dynamixel_arm, dynamixels):
    dynamixels.poke(1, TORQUE, b"\x01")
    dynamixels.poke(4, TORQUE, b"\x01")
    arm = open_dynamixel_arm(settings=SETTINGS)
    assert [arm.register(i, TORQUE) for i in (1, 4)] == [
        0,
        1,
    ]  # left as found where nothing had to be written


def test_a_setting_that_the_servo_refuses_is_named(open_dynamixel_arm):
    with pytest.raises(_core.BusError, match=r"servo 1 .* refused to write register 11 \(error 4\)"):
        open_dynamixel_arm(settings=[setting(0, MODE, 5, eeprom=True)])  # an XL430 has no current control
    with pytest.raises(_core.BusError, match=r"servo 2 .* refused to write register 100 \(error 6\)"):
        open_dynamixel_arm(settings=[setting(1, GOAL_PWM, 886, size=2)])


def test_a_hardware_error_is_read_when_a_reply_alerts(open_dynamixel_arm):
    arm = open_dynamixel_arm(health_period_s=0.0)
    arm.bus.set_torque(True)
    arm.emulator.set_condition(3, overload=True)
    seen = [int(arm.read()[1]["status"][2]) for _ in range(3)]
    assert seen[0] == ALERT  # the reply itself says no more
    assert seen[-1] == OVERLOAD
    assert not arm.settle().torque_enable[2]  # it shut down
    arm.emulator.set_condition(3)
    assert arm.read()[1]["status"][2] == OVERLOAD  # latched
    assert arm.bus.set_torque(True) == BusStatus.OK  # restarts that servo: no power cycle is needed
    assert arm.read()[1]["status"][2] == 0
    assert arm.register(3, HARDWARE_ERROR) == 0


def test_a_servo_with_another_hardware_error_takes_no_torque_until_it_is_restarted(open_dynamixel_arm):
    arm = open_dynamixel_arm()
    arm.emulator.set_condition(5, overheat=True)
    assert arm.bus.set_torque(True) == BusStatus.IO_ERROR
    assert arm.register(5, HARDWARE_ERROR) == OVERHEATING
    arm.emulator.set_condition(5)  # it has cooled down
    assert arm.bus.set_torque(True) == BusStatus.IO_ERROR
    assert arm.bus.reboot(4) == BusStatus.OK
    assert arm.bus.set_torque(True) == BusStatus.OK


def test_a_servo_that_does_not_come_back_is_named_by_the_status(open_dynamixel_arm):
    arm = open_dynamixel_arm(reply_margin_s=0.01)
    arm.emulator.unplug(6)
    assert arm.bus.reboot(5) == BusStatus.IO_ERROR


def test_heat_and_sagging_voltage_are_reported(open_dynamixel_arm):
    arm = open_dynamixel_arm(health_period_s=0.0)
    arm.emulator.set_condition(5, overheat=True)
    arm.emulator.set_condition(6, sag_dv=30)
    for _ in range(16):
        _, state = arm.read()
    assert state["status"][4] == OVERHEATING
    assert state["temperature_c"][4] > 70
    np.testing.assert_allclose(state["voltage_v"], [7.4] * 5 + [4.4], rtol=1e-6)


def test_a_restart_that_lost_torque_and_settings_is_noticed_and_mended(open_dynamixel_arm):
    arm = open_dynamixel_arm(health_period_s=0.0, settings=[*SETTINGS, setting(3, 84, 900, size=2)])
    assert arm.bus.set_torque(True) == BusStatus.OK
    for _ in range(12):
        _, state = arm.read()
    assert not state["status"].any()
    arm.emulator.power_cycle(6)
    assert arm.register(6, 102, 2) == 1750  # RAM is lost, EEPROM is not
    assert arm.register(6, MODE) == 5
    for _ in range(13):
        _, state = arm.read()
    np.testing.assert_array_equal(state["status"], [0, 0, 0, 0, 0, TORQUE_LOST])
    assert arm.bus.set_torque(True) == BusStatus.OK
    assert arm.register(6, 102, 2) == 300
    assert arm.settle().torque_enable.all()
    assert not arm.read()[1]["status"].any()


def test_servos_stop_by_themselves_when_the_master_falls_silent(open_dynamixel_arm, gated):
    arm = open_dynamixel_arm(watchdog_units=1, health_period_s=0.0)
    assert arm.bus.set_torque(True) == BusStatus.OK
    assert arm.register(1, WATCHDOG) == 1
    arm.emulator.poke(1, WATCHDOG, b"\xff")  # as after 20 ms of silence
    before = arm.register(1, GOAL, 4)
    arm.bus.write_goal(gated(*[0.5] * 6))
    for _ in range(13):
        _, state = arm.read()
    assert arm.register(1, GOAL, 4) == before  # it takes no goals
    assert state["status"][0] == TORQUE_LOST
    assert arm.bus.set_torque(True) == BusStatus.OK
    assert arm.register(1, WATCHDOG) in (1, 0xFF)
    assert arm.bus.set_torque(False) == BusStatus.OK
    arm.read()
    assert arm.register(1, WATCHDOG) == 0


def test_a_master_that_slept_longer_than_the_watchdog_knows_that_its_servos_stopped(open_dynamixel_arm):
    """A frozen process that goes on: no goal is believed to arrive until torque is given anew."""
    arm = open_dynamixel_arm(watchdog_units=15)
    assert arm.bus.set_torque(True) == BusStatus.OK
    time.sleep(0.6)
    status, state = arm.read()
    assert status == BusStatus.IO_ERROR
    assert (state["status"] & TORQUE_LOST).all()
    assert arm.read()[0] == BusStatus.IO_ERROR
    assert arm.register(1, WATCHDOG) == 0xFF
    assert arm.bus.set_torque(True) == BusStatus.OK
    status, state = arm.read()
    assert status == BusStatus.OK
    assert not state["status"].any()


def test_missing_servos_and_other_models_are_named(dynamixels):
    wanted = [make_joint(i, MODELS[0]) for i in (1, 8, 9)]
    with pytest.raises(_core.BusError, match=r"missing ids: 8, 9 of 1, 8, 9.*cable"):
        _core.DynamixelBus(dynamixels.port, make_config(joints=wanted, settings=[], reply_margin_s=0.06))
    wanted = [make_joint(3, MODELS[0])]
    with pytest.raises(_core.BusError, match=r"servo 3 .* model number 1200, expected 1060"):
        _core.DynamixelBus(dynamixels.port, make_config(joints=wanted, settings=[]))


@pytest.mark.parametrize(
    "bad",
    [
        {"joints": []},
        {"joints": [make_joint(1, MODELS[0])] * 2, "settings": []},
        {"joints": joints(sign=[0] * 6)},
        {"joints": joints(zero_ticks=[float("nan")] * 6)},
        {"joints": joints(ticks_per_rad=[0.0] * 6)},
        {"joints": joints(effort_full_scale=[-1.0] * 6)},
        {"joints": joints(min_ticks=[5] * 6, max_ticks=[5] * 6)},
        {"reply_margin_s": 0.0}, {"baud": 0}, {"health_period_s": -1.0}, {"watchdog_units": 200},
        {"settings": [setting(6, 9, 0)]}, {"settings": [setting(0, 9, 0, size=3)]},
    ],
    ids="-".join,
)  # fmt: skip
def test_contradictory_configuration_is_refused(dynamixels, bad):
    with pytest.raises(ValueError, match=r"\w"):
        _core.DynamixelBus(dynamixels.port, make_config(**bad))


def test_a_goal_for_another_arm_is_not_written(dynamixel_arm, gated):
    before = dynamixel_arm.settle().goal_position_ticks
    assert dynamixel_arm.bus.write_goal(gated(0.1, 0.1)) == BusStatus.IO_ERROR
    np.testing.assert_array_equal(dynamixel_arm.settle().goal_position_ticks, before)


@pytest.mark.parametrize("baud", [57_600, 115_200, 1_000_000, 2_000_000, 3_000_000, 4_000_000])
def test_every_baud_rate_of_the_family_can_be_set(dynamixels, baud):
    assert _core.ServiceBus("dynamixel", dynamixels.port, baud, 300_000).ping(1)


def test_latency_is_reported(dynamixel_arm):
    assert dynamixel_arm.bus.latency().as_dict() == {"setting": "not_applicable", "timer_ms": -1}
