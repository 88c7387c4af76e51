"""Both families of virtual servos suffer the same troubles: on the line, in the cable, and in the servo itself."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from dynamixel_arm import DynamixelArm, chain
from servo_arm import IDS, Arm

from motorium import _core
from motorium._core import BusStatus

OVERLOAD, OVERHEAT = 1 << 5, 1 << 2
MARGIN_S = 0.08
LINE_FAULTS = [
    "drop",
    "corrupt",
    "truncate",
    "delay",
    "duplicate",
    "wrong_id",
    "wrong_length",
    "garbage_before",
]
LINE_FAULTS += ["garbage_after", "echo"]


@pytest.fixture(params=["feetech", "dynamixel", "dynamixel-fast"])
def family(request: pytest.FixtureRequest) -> Any:
    """An arm of either family; Dynamixel once with each servo answering for itself, once with fast reads."""
    if request.param == "feetech":
        servos = _core.ServoEmulator(IDS)
        yield Arm(servos, reply_margin_s=MARGIN_S)
    else:
        servos = chain(50 if request.param.endswith("fast") else 44)
        yield DynamixelArm(servos, reply_margin_s=MARGIN_S, health_period_s=0.0)
    servos.close()


@pytest.mark.parametrize("fault", LINE_FAULTS)
def test_any_line_fault_costs_at_most_freshness(family, fault):
    """Values are the servo's or the last good ones; afterwards all is as before."""
    family.place(*[2048] * 6)
    assert family.read()[0] == BusStatus.OK
    family.emulator.set_fault(fault, None, period=2, delay_s=0.3)
    for _ in range(4):
        family.place(*[2148] * 6)
        status, state = family.read()
        assert status in (BusStatus.OK, BusStatus.STALE_JOINTS)
        shown = state["position_rad"] * 4096 / (2 * np.pi)
        assert all(np.isclose(value, 0, atol=0.1) or np.isclose(value, 100, atol=0.1) for value in shown)
    assert family.emulator.stats().faults > 0
    family.emulator.set_fault("none")
    deadline = time.monotonic() + 20
    while family.read()[0] != BusStatus.OK:  # a late reply may still be under way
        assert time.monotonic() < deadline
    np.testing.assert_allclose(family.read()[1]["position_rad"] * 4096 / (2 * np.pi), 100, atol=0.1)


def test_a_late_reply_is_no_answer_to_the_next_request(family):
    family.place(*[2048] * 6)
    family.read()
    family.emulator.set_fault("delay", 6, delay_s=MARGIN_S + 0.05)
    assert family.read()[0] == BusStatus.STALE_JOINTS
    family.emulator.set_fault("none")
    time.sleep(0.2)  # longer than the delay: the reply lies in the input now
    family.place(*[3000] * 6)
    status, state = family.read()
    assert status == BusStatus.OK
    np.testing.assert_allclose(state["position_rad"] * 4096 / (2 * np.pi), 952, atol=0.1)


def test_a_loose_cable_and_back(family):
    assert family.bus.set_torque(True) == BusStatus.OK
    family.emulator.unplug(5)
    for _ in range(2):
        status, state = family.read()
        assert status == BusStatus.STALE_JOINTS
        np.testing.assert_array_equal(state["joint_t_ns"] < state["t_ns"], [False] * 4 + [True] * 2)
    family.emulator.replug()
    assert family.read()[0] == BusStatus.OK
    np.testing.assert_array_equal(family.settle().torque_enable, [True] * 4 + [False] * 2)
    assert family.bus.set_torque(True) == BusStatus.OK


def test_an_overload_is_latched_until_torque_is_given_anew(family):
    assert family.bus.set_torque(True) == BusStatus.OK
    family.emulator.set_condition(2, overload=True)
    family.read()
    status = family.read()[1]["status"]
    assert status[1] & OVERLOAD
    weak = family.settle()
    assert not weak.torque_enable[1] or weak.torque_limit_permille[1] < 300
    family.emulator.set_condition(2)
    family.place(*[2048] * 6)
    assert family.read()[1]["status"][1] & OVERLOAD
    assert family.bus.set_torque(False) == BusStatus.OK
    assert family.bus.set_torque(True) == BusStatus.OK
    family.place(*[2048] * 6)
    assert not family.read()[1]["status"].any()
    strong = family.settle()
    assert strong.torque_enable.all()
    assert (strong.torque_limit_permille == 1000).all()


def test_heat_and_sag_show(family):
    family.emulator.set_condition(1, overheat=True)
    family.emulator.set_condition(None if isinstance(family, Arm) else 3, sag_dv=20, overheat=True)
    for _ in range(20):
        _, state = family.read()
    assert state["temperature_c"][2] > 70
    assert state["status"][2] & OVERHEAT
    assert state["voltage_v"][2] == pytest.approx(5.4)


def test_one_servo_restarts(family):
    assert family.bus.set_torque(True) == BusStatus.OK
    family.emulator.power_cycle(4)
    np.testing.assert_array_equal(family.settle().torque_enable, [True] * 3 + [False] + [True] * 2)


def test_wire_time_is_spent(family):
    family.emulator.set_wire(230_400)  # a byte takes 43 us
    start = time.perf_counter()
    assert family.read()[0] == BusStatus.OK
    slow = time.perf_counter() - start
    family.emulator.set_wire(0)
    least_bytes = 14 + 6 * 16 if isinstance(family, Arm) else 20 + 8 + 6 * 14
    assert slow >= least_bytes * 10 / 230_400


def test_silence_trips_the_watchdog_of_virtual_dynamixels(dynamixels):
    raw = _core.ServiceBus("dynamixel", dynamixels.port, reply_margin_us=300_000)
    dynamixels.poke(1, 98, b"\x02")  # 40 ms
    assert raw.ping(2)
    deadline = time.monotonic() + 10
    while dynamixels.registers(1)[98] != 0xFF:
        dynamixels.goals()  # the physics looks, the bus is silent
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert raw.configure(1, 9, b"\x00")  # it still answers
