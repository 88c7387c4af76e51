"""Radians in, ticks on the wire, radians out; what connecting and enabling do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servo_arm import TICKS_PER_RAD, Arm, make_config, make_gate

from motorium import _core
from motorium._core import BusStatus, ServoFault

LOCK, TORQUE, GOAL = 55, 40, 42


def test_state_arrives_in_si_units(open_arm):
    arm = open_arm(zero_ticks=[2048, 2048, 1000, 2048, 2048, 3000.5], sign=[1, -1, 1, -1, 1, 1])
    arm.emulator.update(
        [2048, 2148, 0, 4095, 2048, 3000], [0, 500, -500, 32767, 1, -1], [0, 300, -1000, 1000, 1, -1],
        voltage_dv=[74] * 6, temperature_c=[20, 30, 40, 50, 60, 70], status=[0, 1, 2, 4, 8, 32],
    )  # fmt: skip
    status, state = arm.read()
    assert status == BusStatus.OK
    ticks = np.array([0, -100, -1000, -2047, 0, -0.5])
    np.testing.assert_allclose(state["position_rad"], ticks / TICKS_PER_RAD, atol=1e-6)
    np.testing.assert_allclose(
        state["velocity_rad_s"], np.array([0, -500, -500, -32767, 1, -1]) / TICKS_PER_RAD, rtol=1e-6
    )
    np.testing.assert_allclose(state["effort"], [0, -0.3, -1, -1, 0.001, -0.001], rtol=1e-6)
    np.testing.assert_allclose(state["voltage_v"], 7.4, rtol=1e-6)
    np.testing.assert_array_equal(state["temperature_c"], [20, 30, 40, 50, 60, 70])
    np.testing.assert_array_equal(state["status"], [0, 1, 2, 4, 8, 32])
    assert (state["joint_t_ns"] == state["t_ns"]).all()


def test_goal_becomes_ticks(open_arm, gated):
    arm = open_arm(zero_ticks=[2048, 2048, 1000, 2048, 2048, 2048], sign=[1, -1, 1, 1, 1, 1])
    assert arm.bus.write_goal(gated(0.0, 1.0, 0.5, -1.0, 3.2, -3.2)) == BusStatus.OK
    expected = [
        2048,
        round(2048 - TICKS_PER_RAD),
        round(1000 + TICKS_PER_RAD / 2),
        round(2048 - TICKS_PER_RAD),
    ]
    np.testing.assert_array_equal(arm.settle().goal_position_ticks, [*expected, 4095, 0])


@pytest.fixture(scope="module")
def chain():
    servos = _core.ServoEmulator([11, 12])
    yield Arm(servos, ids=[11, 12], zero_ticks=[2048.0, 1024.0], sign=[1, -1])
    servos.close()


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_a_goal_reached_reads_back_within_half_a_tick(chain, first, second):
    gate = make_gate(n=2)
    gate.arm([first, second])
    goal, _, _ = gate.apply([first, second], [first, second], [0, 0], 0, 0, 0)
    chain.bus.write_goal(goal)
    chain.place(*chain.settle().goal_position_ticks)
    _, state = chain.read()
    np.testing.assert_allclose(state["position_rad"], [first, second], atol=0.51 / TICKS_PER_RAD)


def test_enabling_starts_from_where_the_arm_is(arm):
    arm.place(100, 1000, 2048, 3000, 4000, 4095)
    assert not arm.settle().torque_enable.any()
    assert arm.bus.set_torque(True) == BusStatus.OK
    goals = arm.settle()
    assert goals.torque_enable.all()
    np.testing.assert_array_equal(goals.goal_position_ticks, [100, 1000, 2048, 3000, 4000, 4095])
    assert arm.bus.set_torque(False) == BusStatus.OK
    assert not arm.settle().torque_enable.any()


def test_nothing_is_enabled_unless_every_joint_answers(open_arm):
    arm = open_arm(reply_margin_s=0.01)
    arm.emulator.set_fault(ServoFault.DROP, 4)
    assert arm.bus.set_torque(True) == BusStatus.IO_ERROR
    assert not arm.settle().torque_enable.any()
    arm.emulator.set_fault(ServoFault.DROP, None, period=5)  # a bad line is not a dead servo
    assert arm.bus.set_torque(True) in (BusStatus.OK, BusStatus.IO_ERROR)
    arm.emulator.set_fault(ServoFault.NONE)
    assert arm.bus.set_torque(True) == BusStatus.OK


def test_release_reaches_the_others_when_one_is_silent(open_arm):
    arm = open_arm(reply_margin_s=0.01)
    assert arm.bus.set_torque(True) == BusStatus.OK
    arm.emulator.set_fault(ServoFault.DROP, 6)
    assert arm.bus.set_torque(False) == BusStatus.IO_ERROR
    arm.emulator.set_fault(ServoFault.NONE)
    assert not arm.settle().torque_enable.any()


def setting(**values) -> _core.ServoSetting:
    return _core.ServoSetting(**{"joint": 0, "size": 1, "eeprom": True, **values})


SETTINGS = [
    setting(address=7, value=0),
    setting(address=18, value=0, mask=0x10),
    setting(joint=5, address=28, size=2, value=250),
    setting(address=41, value=254, eeprom=False),
]


def test_connecting_brings_registers_to_their_settings(open_arm, emulator):
    emulator.poke(1, 18, bytes([0x1C]))
    open_arm(settings=SETTINGS)
    first, last, other = emulator.registers(1), emulator.registers(6), emulator.registers(2)
    assert first[7] == 0
    assert first[18] == 0x0C  # the masked bit alone
    assert int.from_bytes(last[28:30], "little") == 250
    assert first[41] == 254
    assert other[7] == 250  # untouched
    assert first[LOCK] == 1  # EEPROM closed again
    emulator.power_cycle()
    assert emulator.registers(1)[7] == 0
    assert emulator.registers(1)[41] == 0


def test_eeprom_is_not_worn_by_connecting_again(open_arm, emulator):
    open_arm(settings=SETTINGS)
    before = emulator.stats().requests
    open_arm(settings=SETTINGS)
    reads = 6 + len(SETTINGS) + 6  # models, settings, return delays
    assert emulator.stats().requests - before == reads


def test_torque_is_let_go_before_the_eeprom_is_written(open_arm, emulator):
    emulator.poke(1, TORQUE, b"\x01")
    emulator.poke(2, TORQUE, b"\x01")
    open_arm(settings=SETTINGS)
    torque = [emulator.registers(i)[TORQUE] for i in (1, 2)]
    assert torque == [0, 1]  # left as found where nothing had to be written


def test_missing_servos_are_named(emulator):
    with pytest.raises(_core.BusError, match=r"missing ids: 8, 9 of 1, 8, 9.*cable"):
        _core.FeetechBus(emulator.port, make_config([1, 8, 9], reply_margin_s=0.06))
    with pytest.raises(_core.BusError, match=r"no servo answers on .*power supply"):
        _core.FeetechBus(emulator.port, make_config([8, 9], reply_margin_s=0.06))


def test_another_servo_model_is_refused(emulator):
    with pytest.raises(_core.BusError, match=r"servo 1 .* model number 777, expected 2825"):
        _core.FeetechBus(emulator.port, make_config(model_number=2825))
    _core.FeetechBus(emulator.port, make_config(model_number=0))


@pytest.mark.parametrize(
    "bad",
    [
        {"ids": []}, {"ids": [1, 1]}, {"ids": [253]}, {"sign": [1, 1, 1, 1, 1, 0]},
        {"zero_ticks": [float("nan")] * 6}, {"ticks_per_rad": 0.0}, {"min_ticks": 5000}, {"reply_margin_s": 0.0},
        {"baud": 0}, {"settings": [setting(joint=6, address=7, value=0)]},
        {"settings": [setting(address=7, value=0, size=3)]}, {"traits": {"present": 56}}, {"traits": {"lock": 256}},
        {"passive": True},
    ],
    ids="-".join,  # no address of an object: workers compare these names
)  # fmt: skip
def test_contradictory_configuration_is_refused(emulator, bad):
    with pytest.raises(ValueError, match=r"\w"):
        _core.FeetechBus(emulator.port, make_config(**bad))


def test_a_goal_of_another_size_is_not_sent(arm, gated):
    before = arm.settle().goal_position_ticks
    assert arm.bus.write_goal(gated(0.1, 0.1)) == BusStatus.IO_ERROR
    np.testing.assert_array_equal(arm.settle().goal_position_ticks, before)
