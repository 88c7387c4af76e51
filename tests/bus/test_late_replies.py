"""A reply that comes after it was given up is never taken for the answer to a later request."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from motorium import _core
from motorium._core import BusStatus, ServoFault

HASTE_S = 0.002
"""Reply margin: what comes a millisecond late is given up."""
TICKS = 1000
"""Position in the first cycle; one more in each that follows."""
DELAYS_S = [0.008, 0.03]
"""From the next request to some ten requests later."""


@pytest.fixture(params=["feetech", "feetech_in_turn", "dynamixel", "dynamixel_fast"])
def hasty_arm(request, open_arm, open_dynamixel_arm) -> Any:
    """An arm that gives up soon."""
    if request.param.startswith("feetech"):
        return open_arm(reply_margin_s=HASTE_S, sync_read=request.param == "feetech")
    return open_dynamixel_arm(reply_margin_s=HASTE_S, health_period_s=60.0)


def cycles(arm: Any, count: int) -> tuple[int, int]:
    """How many readings were of this cycle, and how many joints were stale; no reading is of an earlier one."""
    fresh = stale = 0
    for k in range(count):
        arm.place(*[TICKS + k] * 6)
        status, state = arm.read()
        assert status in (BusStatus.OK, BusStatus.STALE_JOINTS)
        new = state["joint_t_ns"] == state["t_ns"]
        shown = np.rint(state["position_rad"] * 4096 / (2 * np.pi) + 2048).astype(int)
        np.testing.assert_array_equal(shown[new], TICKS + k)
        fresh += int(new.sum())
        stale += int((~new).sum())
    return fresh, stale


@pytest.mark.parametrize("delay_s", DELAYS_S)
@pytest.mark.parametrize("period", [1, 7])
def test_a_reading_is_never_of_an_earlier_cycle(hasty_arm, delay_s, period):
    hasty_arm.emulator.set_fault(ServoFault.DELAY, 3, period=period, delay_s=delay_s)
    fresh, stale = cycles(hasty_arm, 25)
    assert stale > 0
    assert fresh > 0


def arm_recovers(arm: Any) -> None:
    """Every joint is read again once the fault is gone."""
    give_up = time.monotonic() + 5
    while cycles(arm, 1)[1] > 0:
        assert time.monotonic() < give_up


def test_all_replies_late_at_random(hasty_arm):
    rng = np.random.default_rng(5)
    for _ in range(10):
        hasty_arm.emulator.set_fault(
            ServoFault.DELAY, period=int(rng.integers(1, 9)), delay_s=rng.uniform(0.001, 0.03)
        )
        cycles(hasty_arm, 2)
    assert hasty_arm.bus.counters().late_replies > 0


def test_a_dead_servo_that_comes_back_is_heard_again(hasty_arm):
    hasty_arm.emulator.set_fault(ServoFault.DROP, 3)
    assert cycles(hasty_arm, 40)[1] >= 40
    hasty_arm.emulator.set_fault(ServoFault.NONE)
    arm_recovers(hasty_arm)


def test_one_late_reply_costs_no_later_tick_a_joint(open_arm):
    arm = open_arm(reply_margin_s=0.04)
    arm.emulator.set_fault(ServoFault.DELAY, 6, period=4, delay_s=0.03)
    lost = []
    for k in range(12):
        arm.place(*[TICKS + k] * 6)
        lost.append(arm.read()[0] == BusStatus.STALE_JOINTS)
    assert 0 < sum(lost) <= 3


@pytest.mark.parametrize("family", ["feetech", "dynamixel"])
def test_raw_reads_wait_for_what_may_still_come(family, emulator, dynamixels):
    servos, at = (emulator, 56) if family == "feetech" else (dynamixels, 132)
    raw = _core.ServiceBus(family, servos.port, reply_margin_us=2000)
    place(servos, 111)
    servos.set_fault(ServoFault.DELAY, 1, delay_s=0.03)
    assert raw.read(1, at, 2) is None
    servos.set_fault(ServoFault.NONE)
    place(servos, 222)
    assert int.from_bytes(raw.read(1, at, 2), "little") == 222


def place(servos: _core.ServoEmulator, ticks: int) -> None:
    """All servos stand there."""
    servos.update([ticks] * 6, [0] * 6, [0] * 6)


def test_torque_is_not_confirmed_by_an_answer_from_before(open_arm):
    arm = open_arm(reply_margin_s=HASTE_S)
    assert arm.bus.set_torque(True) == BusStatus.OK
    began: Callable[[], float] = time.monotonic
    for on in (False, True, False):
        arm.emulator.set_fault(ServoFault.DELAY, 2, period=2, delay_s=0.03)
        arm.read()
        start = began()
        assert arm.bus.set_torque(on) == BusStatus.OK
        assert began() - start < 5
        arm.emulator.set_fault(ServoFault.NONE)
        assert arm.settle().torque_enable.tolist() == [on] * 6


def test_a_late_reply_that_has_come_is_waited_for_no_more(open_arm):
    arm = open_arm(reply_margin_s=HASTE_S, present_room=0)  # no length left to tell it by
    arm.emulator.set_fault(ServoFault.DELAY, 3, delay_s=0.02)
    assert arm.read()[0] == BusStatus.STALE_JOINTS
    arm.emulator.set_fault(ServoFault.NONE)
    time.sleep(0.03)
    assert arm.read()[0] == BusStatus.OK
    assert arm.bus.counters().late_replies == 1
