"""All families of virtual servos suffer the same troubles: on the line, in the cable, and in the servo itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from families import OLD_FIRMWARE, FamilyArm

from motorium import _core
from motorium._core import BusStatus, ServoFault
from motorium.specs.servo_family import SCANNED

OVERLOAD, OVERHEAT = 1 << 5, 1 << 2
MARGIN_S = 0.08
LEAST_BYTES = {"feetech": 14 + 6 * 16, "dynamixel": 20 + 8 + 6 * 14}
"""Of a cycle of six servos; in another protocol each says its id and a position at least."""
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


@pytest.fixture(params=[*SCANNED, "dynamixel-plain"])
def arm(request: pytest.FixtureRequest) -> Iterator[FamilyArm]:
    """An arm of each family; of Dynamixel also one whose servos answer each for itself."""
    family, _, plain = request.param.partition("-")
    made = FamilyArm(family, OLD_FIRMWARE if plain else None, reply_margin_s=MARGIN_S, health_period_s=0.0)
    yield made
    made.emulator.close()


def counts(arm: FamilyArm, state: dict[str, Any]) -> np.ndarray:
    """Positions of a state, in counts from the middle of the turn."""
    return np.asarray(state["position_rad"]) * arm.turn / (2 * np.pi)


@pytest.mark.parametrize("fault", LINE_FAULTS)
def test_any_line_fault_costs_at_most_freshness(arm, fault):
    """Values are the servo's or the last good ones; afterwards all is as before."""
    arm.place(*[arm.turn // 2] * 6)
    assert arm.read()[0] == BusStatus.OK
    arm.emulator.set_fault(ServoFault(fault), None, period=2, delay_s=0.3)
    for _ in range(4):
        arm.place(*[arm.turn // 2 + 100] * 6)
        status, state = arm.read()
        assert status in (BusStatus.OK, BusStatus.STALE_JOINTS)
        shown = counts(arm, state)
        assert all(np.isclose(value, 0, atol=0.1) or np.isclose(value, 100, atol=0.1) for value in shown)
    assert arm.emulator.stats().faults > 0
    arm.emulator.set_fault(ServoFault.NONE)
    deadline = time.monotonic() + 20
    while arm.read()[0] != BusStatus.OK:  # a late reply may still be under way
        assert time.monotonic() < deadline
    np.testing.assert_allclose(counts(arm, arm.read()[1]), 100, atol=0.1)


def test_a_late_reply_is_no_answer_to_the_next_request(arm):
    arm.place(*[arm.turn // 2] * 6)
    arm.read()
    arm.emulator.set_fault(ServoFault.DELAY, 6, delay_s=MARGIN_S + 0.05)
    assert arm.read()[0] == BusStatus.STALE_JOINTS
    arm.emulator.set_fault(ServoFault.NONE)
    time.sleep(0.2)  # longer than the delay: the reply lies in the input now
    arm.place(*[arm.turn // 2 + 952] * 6)
    status, state = arm.read()
    assert status == BusStatus.OK
    np.testing.assert_allclose(counts(arm, state), 952, atol=0.1)


def test_a_loose_cable_and_back(arm):
    assert arm.bus.set_torque(True) == BusStatus.OK
    arm.emulator.unplug(5)
    for _ in range(2):
        status, state = arm.read()
        assert status == BusStatus.STALE_JOINTS
        np.testing.assert_array_equal(state["joint_t_ns"] < state["t_ns"], [False] * 4 + [True] * 2)
    arm.emulator.replug()
    assert arm.read()[0] == BusStatus.OK
    np.testing.assert_array_equal(arm.settle().torque_enable, [True] * 4 + [False] * 2)
    assert arm.bus.set_torque(True) == BusStatus.OK


def test_an_overload_is_latched_until_torque_is_given_anew(arm):
    assert arm.bus.set_torque(True) == BusStatus.OK
    arm.emulator.set_condition(2, overload=True)
    arm.read()
    status = arm.read()[1]["status"]
    assert status[1] & OVERLOAD
    weak = arm.settle()
    assert not weak.torque_enable[1] or weak.torque_limit_permille[1] < 300
    arm.emulator.set_condition(2)
    arm.place(*[arm.turn // 2] * 6)
    assert arm.read()[1]["status"][1] & OVERLOAD
    assert arm.bus.set_torque(False) == BusStatus.OK
    assert arm.bus.set_torque(True) == BusStatus.OK
    arm.place(*[arm.turn // 2] * 6)
    assert not arm.read()[1]["status"].any()
    strong = arm.settle()
    assert strong.torque_enable.all()
    assert (strong.torque_limit_permille == 1000).all()


def test_heat_and_sag_show(arm):
    arm.emulator.set_condition(1, overheat=True)
    arm.emulator.set_condition(3, sag_dv=20, overheat=True)
    for _ in range(20):
        _, state = arm.read()
    assert state["temperature_c"][2] > 70
    assert state["status"][2] & OVERHEAT
    assert state["voltage_v"][2] == pytest.approx(5.4)


def test_one_servo_restarts(arm):
    assert arm.bus.set_torque(True) == BusStatus.OK
    arm.emulator.power_cycle(4)
    np.testing.assert_array_equal(arm.settle().torque_enable, [True] * 3 + [False] + [True] * 2)


def test_wire_time_is_spent(arm):
    arm.emulator.set_wire(230_400)  # a byte takes 43 us
    start = time.perf_counter()
    assert arm.read()[0] == BusStatus.OK
    slow = time.perf_counter() - start
    arm.emulator.set_wire(0)
    least_bytes = LEAST_BYTES.get(arm.family, 6 * 4)
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
