"""A bad line makes Dynamixel joints stale and counters rise; it never raises, hangs or invents a value."""

from __future__ import annotations

import time

import numpy as np
import pytest
from dynamixel_arm import IDS, DynamixelArm, chain, make_joint
from dynamixel_codec import crc16, framed
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
    "delay": "timeouts",
}
NEVER_S = 60.0


@pytest.fixture
def plain_arm():
    """Servos whose firmware knows no fast reads: each answers for itself."""
    servos = chain(firmware=44)
    yield DynamixelArm(servos, reply_margin_s=0.08, health_period_s=NEVER_S)
    servos.close()


@pytest.mark.parametrize("fault", sorted(COUNTED))
def test_one_bad_reply_makes_one_joint_stale(plain_arm, fault):
    plain_arm.loses_one_reply(fault, COUNTED[fault], delay_s=0.5)


@pytest.mark.parametrize("fault", ["garbage_before", "garbage_after", "duplicate", "echo"])
@pytest.mark.parametrize("firmware", [50, 44], ids=["fast", "plain"])
def test_noise_around_good_replies_costs_nothing(firmware, fault):
    servos = chain(firmware)
    arm = DynamixelArm(servos, health_period_s=NEVER_S)
    servos.set_fault(ServoFault(fault))
    arm.reads_through_noise(1e-5)
    servos.close()


@pytest.mark.parametrize("fault", ["drop", "corrupt", "truncate", "wrong_id"])
def test_of_a_broken_fast_reply_what_stands_in_front_is_kept(dynamixels, fault):
    """And from the next tick on everybody answers alone, so that one bad servo is one stale joint again."""
    arm = DynamixelArm(dynamixels, reply_margin_s=0.08, health_period_s=NEVER_S)
    assert arm.bus.fast
    dynamixels.set_fault(ServoFault(fault), 4)
    status, state = arm.read()
    assert status == BusStatus.STALE_JOINTS
    stale = state["joint_t_ns"] < state["t_ns"]
    assert not stale[:3].any()
    assert stale[3]
    status, state = arm.read()
    assert status == BusStatus.STALE_JOINTS
    stale = state["joint_t_ns"] < state["t_ns"]
    np.testing.assert_array_equal(stale, [False, False, False, True, False, False])


def test_fast_reads_come_back_after_a_while(dynamixels):
    arm = DynamixelArm(dynamixels, reply_margin_s=0.3, health_period_s=NEVER_S)

    def read_s() -> float:
        """On a slow wire a fast read is seen to be shorter."""
        dynamixels.set_wire(57_600)
        took = []
        for _ in range(8):
            start = time.perf_counter()
            arm.read()
            took.append(time.perf_counter() - start)
        dynamixels.set_wire(0)
        return min(took)

    saved_s = (6 * 21 - (8 + 6 * 14)) * 10 / 57_600
    fast_s = read_s()
    dynamixels.set_fault(ServoFault.DROP, 1)
    arm.read()
    dynamixels.set_fault(ServoFault.NONE)
    plain_s = read_s()
    assert plain_s > fast_s + saved_s / 2
    for _ in range(60):
        assert arm.read()[0] == BusStatus.OK
    assert read_s() < plain_s - saved_s / 2


def test_every_seventh_reply_lost_is_counted_exactly(plain_arm):
    plain_arm.emulator.set_fault(ServoFault.DROP, 2, period=7)
    before = plain_arm.bus.counters().timeouts
    statuses = [plain_arm.read()[0] for _ in range(70)]
    assert statuses.count(BusStatus.STALE_JOINTS) == 10
    assert plain_arm.bus.counters().timeouts - before == 10


def test_a_loose_cable_silences_what_is_behind_it_and_a_power_cycle_loses_ram(plain_arm):
    arm = plain_arm
    assert arm.bus.set_torque(True) == BusStatus.OK
    arm.emulator.unplug(4)
    status, state = arm.read()
    assert status == BusStatus.STALE_JOINTS
    np.testing.assert_array_equal(state["joint_t_ns"] < state["t_ns"], [False] * 3 + [True] * 3)
    arm.emulator.replug()
    assert arm.read()[0] == BusStatus.OK
    np.testing.assert_array_equal(arm.settle().torque_enable, [True] * 3 + [False] * 3)


def test_a_pulled_adapter_is_a_status(dynamixel_arm, gated):
    goal = gated(*[0.0] * 6)
    _, before = dynamixel_arm.read()
    dynamixel_arm.emulator.close()
    status, state = dynamixel_arm.read()
    assert status == BusStatus.CLOSED
    np.testing.assert_array_equal(state["joint_t_ns"], before["joint_t_ns"])
    assert dynamixel_arm.bus.write_goal(goal) == BusStatus.CLOSED
    assert dynamixel_arm.bus.set_torque(True) == BusStatus.CLOSED
    assert dynamixel_arm.bus.set_torque(False) == BusStatus.CLOSED


HEADERS = [
    b"\xff\xff\xfd\x00\x01\x08\x00\x55\x00",
    b"\xff\xff\xfd\x00\xfe\x1d\x00\x55",
    b"\xff\xff\xfd",
    framed(1, 0x55, b"\x00\x01\x02"),
    framed(1, 0x55, b"\x07"),
]


@settings(max_examples=60, deadline=None)
@given(streams_of(HEADERS))
def test_any_answer_is_survived(streams):
    must_survive(
        lambda port: _core.ServiceBus("dynamixel", port, reply_margin_us=1000, fresh=False), streams, 132, 4
    )


def test_late_replies_do_not_answer_the_next_request():
    fresh, stale = framed(1, 0x55, b"\x00\x22\x22\x00\x00"), framed(1, 0x55, b"\x00\x11\x11\x00\x00")
    answers = iter([fresh + stale, fresh])
    with stranger(lambda _request: next(answers)) as port:
        raw = _core.ServiceBus("dynamixel", port, reply_margin_us=300_000)
        assert raw.read(1, 132, 4) == b"\x22\x22\x00\x00"
        assert raw.read(1, 132, 4) == b"\x22\x22\x00\x00"


def fast_packet(blocks: list[tuple[int, bytes]], *, vouched: bool) -> bytes:
    """A fast reply; `vouched`: with the right CRC behind each block, not only behind the last."""
    length = 1 + sum(4 + len(data) for _, data in blocks)
    packet = b"\xff\xff\xfd\x00\xfe" + length.to_bytes(2, "little") + b"\x55"
    for i, (servo, data) in enumerate(blocks):
        packet += bytes([0, servo]) + data
        last = i == len(blocks) - 1
        packet += crc16(packet).to_bytes(2, "little") if vouched or last else b"\x00\x00"
    return packet


@pytest.mark.parametrize("vouched", [True, False])
def test_a_whole_fast_reply_counts_even_where_blocks_lack_their_own_checksum(vouched):
    blocks = [(1, b"\x01\x02"), (2, b"\xff\xff"), (3, b"\xfd\x00")]
    with stranger(lambda _request: fast_packet(blocks, vouched=vouched)) as port:
        raw = _core.ServiceBus("dynamixel", port, reply_margin_us=300_000)
        assert raw.sync_read([1, 2, 3], 132, 2, fast=True) == dict(blocks)
        assert raw.counters().wrong_id == 0
        del raw


def test_half_a_fast_reply_gives_the_blocks_that_vouch_for_themselves():
    blocks = [(1, b"\x01\x02"), (2, b"\x03\x04"), (3, b"\x05\x06")]
    with stranger(lambda _request: fast_packet(blocks, vouched=True)[:-3]) as port:
        raw = _core.ServiceBus("dynamixel", port, reply_margin_us=30_000)
        assert raw.sync_read([1, 2, 3], 132, 2, fast=True) == {1: b"\x01\x02", 2: b"\x03\x04", 3: None}
        del raw


@pytest.mark.parametrize(("address", "size"), [(64, 1), (116, 4), (119, 1), (63, 2), (0, 128)])
def test_raw_access_cannot_move_a_motor(dynamixels, address, size):
    before = dynamixels.registers(1)
    raw = _core.ServiceBus("dynamixel", dynamixels.port)
    with pytest.raises(ValueError, match=r"raw access writes registers 0\.\.9, 13\.\.23, not"):
        raw.configure(1, address, bytes(size))
    assert dynamixels.registers(1) == before


def test_raw_access_writes_what_does_not_move(dynamixels):
    raw = _core.ServiceBus("dynamixel", dynamixels.port, reply_margin_us=300_000)
    assert raw.configure(1, 9, b"\x10")
    assert raw.read(1, 9, 1) == b"\x10"
    assert not raw.configure(1, 0, b"\x10")  # read-only: refused, and counted
    assert raw.counters().refusals == 1
    assert raw.counters().timeouts == 0
    assert raw.reboot(1)


def test_time_out_follows_the_return_delay():
    """Servos that may wait 0.5 ms each are waited for that much longer."""
    servos = chain(firmware=44)
    seconds = []
    for delay in (0, 250):
        for servo in IDS:
            servos.poke(servo, 9, bytes([delay]))
        arm = DynamixelArm(servos, reply_margin_s=0.001, health_period_s=NEVER_S)
        servos.set_fault(ServoFault.DROP)
        took = []
        for _ in range(15):
            start = time.perf_counter()
            arm.read()
            took.append(time.perf_counter() - start)
        seconds.append(float(np.median(took)))
        servos.set_fault(ServoFault.NONE)
        del arm
    assert 0.0025 < seconds[1] - seconds[0] < 0.02
    servos.close()


def test_an_emulated_wire_takes_its_time(dynamixels):
    """1 Mbit/s: a fast read of six servos is 20 bytes out and 92 back."""
    arm = DynamixelArm(dynamixels, health_period_s=NEVER_S, joints=[make_joint(i, m) for i, m in _chain()])
    for servo in IDS:
        dynamixels.poke(servo, 9, b"\x00")

    def best(n: int = 60) -> float:
        took = []
        for _ in range(n):
            start = time.perf_counter()
            assert arm.read()[0] == BusStatus.OK
            took.append(time.perf_counter() - start)
        return min(took)

    free = best()
    dynamixels.set_wire(1_000_000)
    wire = best()
    limit_s = (20 + 8 + 6 * 14) * 10e-6
    assert limit_s <= wire
    assert free < wire


def _chain() -> list[tuple[int, str]]:
    from dynamixel_arm import MODELS

    return list(zip(IDS, MODELS, strict=True))
