"""A bad line makes joints stale and counters rise; it never raises, hangs or invents a value."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from line_stranger import must_survive, stranger, streams_of

from motorium import _core
from motorium._core import BusStatus, ServoFault

COUNTED = {
    "drop": "timeouts",
    "corrupt": "crc_errors",
    "truncate": "timeouts",
    "wrong_id": "wrong_id",
    "wrong_length": "length_errors",
}


@pytest.mark.parametrize("fault", sorted(COUNTED))
def test_one_bad_reply_makes_one_joint_stale(arm, fault):
    arm.loses_one_reply(fault, COUNTED[fault])


@pytest.mark.parametrize("fault", ["garbage_before", "garbage_after", "echo"])
@pytest.mark.parametrize("period", [1, 2])
def test_noise_around_good_replies_costs_nothing(arm, fault, period):
    arm.emulator.set_fault(ServoFault(fault), None, period)
    arm.reads_through_noise(1e-6)


def test_every_seventh_reply_lost_is_counted_exactly(arm):
    arm.emulator.set_fault(ServoFault.DROP, 2, period=7)
    statuses = [arm.read()[0] for _ in range(70)]
    counters = arm.bus.counters()
    assert counters.timeouts == 10
    # So many reads in so little time run out of lengths: what may be one that was lost is not taken.
    assert statuses.count(BusStatus.STALE_JOINTS) == 10 + counters.late_replies


def test_a_lost_reply_in_the_middle_waits_for_nobody(arm):
    def duration(servo: int) -> float:
        arm.emulator.set_fault(ServoFault.DROP, servo)
        start = time.perf_counter()
        assert arm.read()[0] == BusStatus.STALE_JOINTS
        return time.perf_counter() - start

    last = duration(6)  # has to wait out the margin of 0.3 s
    middle = min(duration(servo) for servo in (1, 2, 3))
    assert last > 3 * middle


def test_time_out_follows_the_margin_and_how_late_answers_were(open_arm):
    def duration(margin_s: float) -> float:
        arm = open_arm(reply_margin_s=margin_s)
        arm.emulator.set_fault(ServoFault.DROP, 6)
        start = time.perf_counter()
        assert arm.read()[0] == BusStatus.STALE_JOINTS
        arm.emulator.set_fault(ServoFault.NONE)
        return time.perf_counter() - start

    margin_s = 0.6  # answers came at once so far: a quarter of it is enough
    short, long = duration(0.02), duration(margin_s)
    assert margin_s / 4 <= long < margin_s
    assert long > 3 * short


def test_a_slow_adapter_gets_all_the_margin_again(open_arm):
    arm = open_arm(reply_margin_s=0.3)
    arm.emulator.set_fault(ServoFault.DELAY, delay_s=0.2)  # beyond the quarter that suffices so far
    statuses = [arm.read()[0] for _ in range(6)]
    assert BusStatus.STALE_JOINTS in statuses[:2]
    assert statuses[-1] == BusStatus.OK


def test_a_pulled_cable_is_a_status(arm, gated):
    goal = gated(*[0.0] * 6)
    _, before = arm.read()
    arm.emulator.close()
    status, state = arm.read()
    assert status == BusStatus.CLOSED
    np.testing.assert_array_equal(state["joint_t_ns"], before["joint_t_ns"])
    assert arm.bus.write_goal(goal) == BusStatus.CLOSED
    assert arm.bus.set_torque(True) == BusStatus.CLOSED
    assert arm.bus.set_torque(False) == BusStatus.CLOSED
    assert arm.bus.counters().io_errors >= 4


def test_a_cable_pulled_while_waiting_ends_the_wait(open_arm):
    arm = open_arm(reply_margin_s=1.0)
    arm.emulator.set_fault(ServoFault.DROP)
    puller = threading.Timer(0.05, arm.emulator.close)
    puller.start()
    assert arm.read()[0] == BusStatus.CLOSED
    puller.join()


def test_raw_access_reports_a_pulled_cable(emulator):
    raw = _core.ServiceBus("feetech", emulator.port, reply_margin_us=300_000)
    assert raw.ping(1)
    emulator.close()
    with pytest.raises(_core.BusError, match="went away"):
        raw.ping(1)


def reply(servo_id: int, data: bytes) -> bytes:
    """A well-formed status packet."""
    body = bytes([servo_id, len(data) + 2, 0]) + data
    return b"\xff\xff" + body + bytes([~sum(body) & 0xFF])


HEADERS = [b"\xff\xff\x01\x04\x00", b"\xff\xff\x01\x02\x00\xfc", b"\xff\xff", b"\xff\xff\x02\xff"]


@settings(max_examples=60, deadline=None)
@given(streams_of(HEADERS))
def test_any_answer_is_survived(streams):
    must_survive(
        lambda port: _core.ServiceBus("feetech", port, reply_margin_us=1000, fresh=False), streams, 56, 2
    )


def test_late_replies_do_not_answer_the_next_request():
    fresh, stale = reply(1, b"\x22\x22"), reply(1, b"\x11\x11")
    answers = iter([fresh + stale, fresh])
    with stranger(lambda _request: next(answers)) as port:
        raw = _core.ServiceBus("feetech", port, reply_margin_us=300_000)
        assert raw.read(1, 56, 2) == b"\x22\x22"
        assert raw.read(1, 56, 2) == b"\x22\x22"


def test_a_servo_that_never_stops_talking_cannot_hold_the_bus():
    near, far = os.openpty()
    tty.setraw(far)
    stop = threading.Event()

    def babble() -> None:
        while not stop.is_set():
            if select.select([], [near], [], 0.01)[1]:
                with suppress(BlockingIOError):
                    os.write(near, b"\xff\xff\x01\x04" * 64)

    os.set_blocking(near, False)
    thread = threading.Thread(target=babble, daemon=True)
    thread.start()
    raw = _core.ServiceBus("feetech", os.ttyname(far), reply_margin_us=5000)
    assert raw.read(1, 56, 2) is None
    for _ in range(100):  # until the babbler got a word in between two requests
        assert raw.sync_read([1, 2, 3], 56, 10) == {1: None, 2: None, 3: None}
        if raw.counters().flushed_bytes:
            break
    else:
        pytest.fail("nothing was flushed before a request")
    stop.set()
    thread.join()
    del raw
    os.close(far)
    os.close(near)


@pytest.mark.parametrize(("address", "size"), [(40, 1), (42, 2), (49, 1), (39, 2), (0, 60)])
def test_raw_access_cannot_move_a_motor(emulator, address, size):
    before = emulator.registers(1)
    raw = _core.ServiceBus("feetech", emulator.port)
    with pytest.raises(ValueError, match=r"raw access writes registers 0\.\.32, 34\.\.39, not"):
        raw.configure(1, address, bytes(size))
    assert emulator.registers(1) == before


def test_raw_access_writes_what_does_not_move(emulator):
    raw = _core.ServiceBus("feetech", emulator.port, reply_margin_us=300_000)
    assert raw.configure(1, 21, b"\x10")
    assert raw.read(1, 21, 1) == b"\x10"
    with pytest.raises(ValueError, match="not a valid request"):
        raw.read(253, 21, 1)
