"""An adapter that hears itself sends a request back: behind a stray byte, twice, late. It is never a reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from dynamixel_codec import framed
from hypothesis import given, settings
from hypothesis import strategies as st
from line_stranger import stranger

from motorium import _core
from motorium.motors.scan import scan

HERE = 1
"""The id of the one servo on the line."""
PATIENT_US, HASTY_US = 300_000, 2000
PING, READ, WRITE = 1, 2, 3


def packet(servo: int, error: int, data: bytes) -> bytes:
    """A Feetech frame: a reply with this error, or a request with this instruction."""
    body = bytes([servo, len(data) + 2, error]) + data
    return b"\xff\xff" + body + bytes([~sum(body) & 0xFF])


class Servo:
    """One Feetech servo: answers pings, reads and writes with its error byte."""

    def __init__(self, servo: int = HERE, error: int = 0) -> None:
        self.id, self.error = servo, error
        self.table = bytearray(256)
        self.table[3:5], self.table[5] = (777).to_bytes(2, "little"), servo

    def __call__(self, request: bytes) -> bytes:
        if request[2] != self.id:
            return b""
        data = b""
        if request[4] == READ:
            data = bytes(self.table[request[5] : request[5] + request[6]])
        elif request[4] == WRITE:
            self.table[request[5] : request[5] + len(request) - 7] = request[6:-1]
        return packet(self.id, self.error, data)


Shape = Callable[[bytes, bytes], bytes]
SHAPES: dict[str, Shape] = {
    "clean": lambda _request, reply: reply,
    "echo": lambda request, reply: request + reply,
    "stray, reply": lambda _request, reply: b"\x00" + reply,
    "stray, echo": lambda request, reply: b"\x00" + request + reply,
    "stray like a header, echo": lambda request, reply: b"\xff" + request + reply,
    "half an echo, echo": lambda request, reply: request[:4] + request + reply,
    "echo, stray, reply": lambda request, reply: request + b"\x00" + reply,
    "echo twice": lambda request, reply: request + request + reply,
    "echo before and after": lambda request, reply: request + reply + request,
    "stray, echo, stray, echo": lambda request, reply: b"\xff\xff" + request + b"\x01" + request + reply,
}


@contextmanager
def line(servo: Servo, shape: Shape, margin_us: int = PATIENT_US) -> Iterator[_core.ServiceBus]:
    """Raw access to a servo behind an adapter that sends back what `shape` makes of request and reply."""
    with stranger(lambda request: shape(request, servo(request))) as port:
        raw = _core.ServiceBus("feetech", port, reply_margin_us=margin_us, fresh=False)
        yield raw
        del raw


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("error", [0, 1, 2, 0x20])
def test_what_the_servo_says_is_read_through_any_echo(shape, error):
    servo = Servo(error=error)
    servo.table[56:59] = bytes([56, 2, 7])  # with error 2 the reply to a read of two bytes is its request
    with line(servo, SHAPES[shape]) as raw:
        assert raw.ping(HERE)
        assert raw.read(HERE, 3, 2) == b"\x09\x03"
        assert raw.read(HERE, 56, 2) == bytes([56, 2])
        assert raw.read(HERE, 56, 1) == bytes([56])
        assert raw.configure(HERE, 21, b"\x10")
        assert servo.table[21] == 0x10


@pytest.mark.parametrize("shape", SHAPES)
def test_nobody_is_there_behind_any_echo(shape):
    with line(Servo(HERE + 1), SHAPES[shape], HASTY_US) as raw:
        assert not raw.ping(HERE)
        assert raw.read(HERE, 56, 2) is None
        assert raw.read(HERE, 5, 1) is None
        assert not raw.configure(HERE, 21, b"\x10")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_scan_lists_the_servos_that_are_there(shape):
    servo = Servo(error=1)
    with stranger(lambda request: SHAPES[shape](request, servo(request))) as port:
        found = scan(port, protocols=["feetech"], bauds=[1_000_000], ids=range(4), patience_s=0.02)
    assert [(servo.id, servo.model) for servo in found.servos] == [(HERE, "sts3215")]


def test_an_echo_that_comes_with_the_next_request_lists_nobody_either():
    late = b""

    def answer(request: bytes) -> bytes:
        nonlocal late
        before, late = late, request
        return before

    with stranger(answer) as port:
        found = scan(port, protocols=["feetech"], bauds=[1_000_000], ids=range(6), patience_s=0.001)
    assert found.servos == ()


def test_the_echo_of_an_earlier_request_is_no_reply():
    """Of a write its echo has the form of a reply with four bytes."""
    held = b""

    def answer(request: bytes) -> bytes:
        nonlocal held
        before, held = held, request
        return before if request[4] == READ else b""

    with stranger(answer) as port:
        raw = _core.ServiceBus("feetech", port, reply_margin_us=HASTY_US, fresh=False)
        assert not raw.configure(HERE, 21, b"\x10\x11\x12")
        assert raw.read(HERE, 56, 4) is None
        assert raw.read(HERE, 60, 2) is None  # the echo of the read before has two bytes
        del raw


STRAY = st.one_of(
    st.just(b""), st.binary(max_size=3), st.sampled_from([b"\xff", b"\xff\xff", b"\xff\xff\x01"])
)
"""Too short for a frame of its own."""
MIX = st.tuples(STRAY, st.integers(0, 2), STRAY, st.integers(0, 2), STRAY)
"""Stray bytes and echoes before, between and behind."""
REQUEST = st.one_of(
    st.tuples(st.just(PING), st.just(0), st.just(0)),
    st.tuples(st.just(READ), st.sampled_from([3, 5, 56]), st.sampled_from([1, 2, 3, 10])),
    st.tuples(st.just(WRITE), st.just(21), st.integers(1, 4)),
)


def mixed(mix: tuple[bytes, int, bytes, int, bytes], request: bytes, reply: bytes) -> bytes:
    """Everything that came back for one request."""
    first, before, between, after, last = mix
    return first + request * before + between + reply + request * after + last


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(REQUEST, MIX), min_size=1, max_size=6),
    st.sampled_from([0, 1, 2, 3, 0x20, 0x23]),
    st.binary(min_size=3, max_size=3),
)
def test_any_mix_of_strays_echoes_and_replies_gives_the_right_value(exchanges, error, shown):
    servo = Servo(error=error)
    mixes: list[tuple[bytes, int, bytes, int, bytes]] = []
    with line(servo, lambda request, reply: mixed(mixes[-1], request, reply)) as raw:
        for (what, address, size), mix in exchanges:
            mixes.append(mix)
            servo.table[56:59] = bytes([address, size, 0]) if shown[0] < 128 else shown
            if what == PING:
                assert raw.ping(HERE)
            elif what == READ:
                assert raw.read(HERE, address, size) == bytes(servo.table[address : address + size])
            else:
                assert raw.configure(HERE, address, bytes(size))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(REQUEST, MIX), min_size=1, max_size=4))
def test_any_mix_of_strays_and_echoes_alone_gives_no_value(exchanges):
    mixes: list[tuple[bytes, int, bytes, int, bytes]] = []
    with line(Servo(HERE + 1), lambda request, reply: mixed(mixes[-1], request, reply), HASTY_US) as raw:
        for (what, address, size), mix in exchanges:
            mixes.append(mix)
            if what == PING:
                assert not raw.ping(HERE)
            elif what == READ:
                assert raw.read(HERE, address, size) is None
            else:
                assert not raw.configure(HERE, address, bytes(size))


@settings(max_examples=20, deadline=None)
@given(st.lists(MIX, min_size=1, max_size=4), st.sampled_from([0, 0x80, 0x87]), st.booleans())
def test_any_mix_around_dynamixel_replies_gives_the_right_value(mixes, error, there):
    turn = iter(mixes * 3)

    def answer(request: bytes) -> bytes:
        reply = framed(HERE, 0x55, bytes([error]) + b"\x84\x00\x04\x00") if there else b""
        return mixed(next(turn), request, reply)

    with stranger(answer) as port:
        raw = _core.ServiceBus(
            "dynamixel", port, reply_margin_us=PATIENT_US if there else HASTY_US, fresh=False
        )
        for _ in mixes:
            assert raw.read(HERE, 132, 4) == (b"\x84\x00\x04\x00" if there else None)
        del raw


@pytest.mark.parametrize("shape", SHAPES)
def test_dynamixel_replies_are_marked_and_survive_the_same(shape):
    position = (1024).to_bytes(4, "little")

    def answer(request: bytes) -> bytes:
        ping = request[7] == PING
        data = b"\x00" + ((1200).to_bytes(2, "little") + b"\x32" if ping else position)
        return SHAPES[shape](request, framed(HERE, 0x55, data) if request[4] == HERE else b"")

    with stranger(answer) as port:
        raw = _core.ServiceBus("dynamixel", port, reply_margin_us=PATIENT_US, fresh=False)
        assert raw.ping(HERE)
        assert raw.read(HERE, 132, 4) == position
        del raw
        raw = _core.ServiceBus("dynamixel", port, reply_margin_us=HASTY_US, fresh=False)
        assert not raw.ping(HERE + 1)
        assert raw.read(HERE + 1, 132, 4) is None
        del raw
