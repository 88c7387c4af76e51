"""The Feetech codec at its edges, and against a parser written from the definition. Kills mutants: `make mutants`."""

from __future__ import annotations

import ctypes as c
import random

import pytest
from feetech_codec import (
    BAD_CHECKSUM,
    BAD_LENGTH,
    GOOD,
    MAX_PACKET,
    MORE,
    Parser,
    View,
    build,
    framed,
    packet,
    parse,
    sync_read,
    sync_write,
)

ROOM = 2 * MAX_PACKET


class Model:
    """What a parser must say, from what has come so far."""

    def __init__(self, max_parameters: int = 0) -> None:
        self.bytes, self.max_parameters = b"", max_parameters

    def next(self) -> tuple:
        """(GOOD, id, instruction, parameters), or what is wrong, or that there is nothing whole."""
        while not b"\xff\xff".startswith(self.bytes[:2]) or self.bytes[2:3] == b"\xff":
            self.bytes = self.bytes[1:]
        if len(self.bytes) < 4:
            return (MORE,)
        length = self.bytes[3]
        whole = self.bytes[: length + 4]
        if length < 2 or (self.max_parameters and length - 2 > self.max_parameters):
            self.bytes = self.bytes[1:]
            return (BAD_LENGTH,)
        if len(whole) < length + 4:
            return (MORE,)
        good = whole == framed(whole[2], whole[4], whole[5:-1])
        self.bytes = self.bytes[len(whole) if good else 1 :]
        return (GOOD, whole[2], whole[4], whole[5:-1]) if good else (BAD_CHECKSUM,)


def listen(lib: c.CDLL, pieces: list[bytes], max_parameters: int = 0) -> None:
    """The parser under test says what its model says, and looks at the same byte."""
    parser, view, model = Parser(max_parameters=max_parameters), View(), Model(max_parameters)
    for some in pieces:
        assert lib.mtr_ft_push(c.byref(parser), some, c.c_size_t(len(some))) == len(some)
        model.bytes += some
        said: tuple = ()
        while said != (MORE,):
            event = lib.mtr_ft_next(c.byref(parser), c.byref(view))
            good = (
                (view.id, view.instruction, bytes(view.parameters[: view.n_parameters]))
                if event == GOOD
                else ()
            )
            said = (event, *good)
            assert said == model.next()
            kept = bytes(parser.bytes[parser.begin : parser.end])
            assert event in (BAD_LENGTH, BAD_CHECKSUM) or kept == model.bytes


def noise(rng: random.Random) -> bytes:
    """Bytes of which headers, false lengths and whole packets are made."""
    parts = []
    for _ in range(rng.randint(1, 12)):
        servo, parameters = rng.choice([0, 1, 0xFC, 0xFE]), rng.randbytes(rng.choice([0, 1, 2, 3, 9]))
        good = framed(servo, rng.choice([0, 1, 0xFF]), parameters)
        at = rng.randrange(len(good))
        damaged = good[:at] + bytes([good[at] ^ rng.randint(1, 255)]) + good[at + 1 :]
        parts.append(
            rng.choice(
                [
                    good,
                    good,
                    good,
                    damaged,
                    good[:at],
                    b"\xff",
                    b"\xff\xff",
                    b"\xff\xff\x01",
                    rng.randbytes(3),
                ]
            )
        )
    return b"".join(parts)


def test_streams_of_all_kinds_are_understood_as_defined(feetech):
    rng = random.Random(1)
    for _ in range(300):
        stream, most = noise(rng), rng.choice([0, 1, 2, 3, 9])
        for step in (1, 3, len(stream) or 1):
            listen(feetech, [stream[at : at + step] for at in range(0, len(stream), step)], most)


def test_packets_of_every_size_round_trip(feetech):
    rng = random.Random(2)
    for n in (*range(20), 100, 251, 252, 253):
        parameters = rng.randbytes(n)
        built = packet(feetech, n % 255, n % 256, parameters)
        assert built == framed(n % 255, n % 256, parameters)
        assert parse(feetech, built + built, piece=7) == ([(n % 255, n % 256, parameters)] * 2, [])
    assert feetech.mtr_ft_packet(bytes(600), c.c_size_t(600), 1, 1, bytes(254), c.c_size_t(254)) == 0


BUILT = {
    "ping": (lambda lib, **o: build(lib, "ping", 254, **o), framed(254, 1, b"")),
    "read": (lambda lib, **o: build(lib, "read", 3, 56, 8, **o), framed(3, 2, bytes([56, 8]))),
    "write": (
        lambda lib, **o: build(lib, "write", 3, 42, b"\x11\x22", c.c_size_t(2), **o),
        framed(3, 3, b"\x2a\x11\x22"),
    ),
    "write 1": (
        lambda lib, **o: build(lib, "write", 254, 40, b"\x01", c.c_size_t(1), **o),
        framed(254, 3, b"\x28\x01"),
    ),
    "packet": (
        lambda lib, **o: build(lib, "packet", 7, 9, b"\x01\x02\x03", c.c_size_t(3), **o),
        framed(7, 9, b"\x01\x02\x03"),
    ),
    "sync read": (
        lambda lib, **o: sync_read(lib, b"\x05\x06\x07", 56, 2, **o),
        framed(254, 0x82, b"\x38\x02\x05\x06\x07"),
    ),
    "sync read 1": (lambda lib, **o: sync_read(lib, b"\x05", 56, 2, **o), framed(254, 0x82, b"\x38\x02\x05")),
    "sync write": (
        lambda lib, **o: sync_write(lib, b"\x05\x06", 42, [b"\x10\x20\x30", b"\x40\x50\x60"], **o),
        framed(254, 0x83, b"\x2a\x03\x05\x10\x20\x30\x06\x40\x50\x60"),
    ),
    "sync write 1": (
        lambda lib, **o: sync_write(lib, b"\x05", 42, [b"\x10"], **o),
        framed(254, 0x83, b"\x2a\x01\x05\x10"),
    ),
}


@pytest.mark.parametrize("name", list(BUILT))
def test_a_packet_needs_as_much_room_as_it_is_long(feetech, name):
    make, expected = BUILT[name]
    for capacity in range(len(expected)):
        assert make(feetech, capacity=capacity) == b""
    for capacity in (len(expected), len(expected) + 1, 255):
        assert make(feetech, capacity=capacity) == expected


def test_the_longest_packets(feetech):
    assert len(sync_read(feetech, bytes(251), 56, 8)) == MAX_PACKET
    assert sync_read(feetech, bytes(252), 56, 8, capacity=600) == b""
    assert len(build(feetech, "write", 1, 0, bytes(252), c.c_size_t(252), capacity=600)) == MAX_PACKET
    assert build(feetech, "write", 1, 0, bytes(253), c.c_size_t(253), capacity=600) == b""
    whole = sync_write(feetech, b"\x01", 0, [bytes(range(250))])
    assert whole == framed(254, 0x83, bytes([0, 250, 1, *range(250)]))
    assert sync_write(feetech, b"\x01", 0, [bytes(251)], capacity=600) == b""
    assert build(feetech, "sync_write", b"\x01", c.c_size_t(1), 0, 0, b"") == b""
    assert build(feetech, "sync_write", b"", c.c_size_t(0), 0, 1, b"") == b""
    for n in (254, 2**32, 2**63, 2**64 - 1):
        assert build(feetech, "sync_write", b"\x01", c.c_size_t(n), 0, 255, b"") == b""


def test_bytes_beyond_the_room_are_left_to_be_pushed_later(feetech):
    parser, view = Parser(), View()
    rng = random.Random(3)
    first, second = framed(1, 0, rng.randbytes(253)), framed(2, 0, rng.randbytes(253))
    stream = first + second + first[:50]
    assert feetech.mtr_ft_push(c.byref(parser), stream, c.c_size_t(len(stream))) == ROOM
    assert (parser.begin, parser.end) == (0, ROOM)
    assert feetech.mtr_ft_push(c.byref(parser), stream, c.c_size_t(9)) == 0
    assert feetech.mtr_ft_next(c.byref(parser), c.byref(view)) == GOOD
    assert (parser.begin, parser.end) == (len(first), ROOM)
    assert feetech.mtr_ft_push(c.byref(parser), b"", c.c_size_t(0)) == 0
    assert (parser.begin, parser.end) == (0, ROOM - len(first))
    assert feetech.mtr_ft_push(c.byref(parser), first, c.c_size_t(50)) == 50
    assert (parser.begin, parser.end) == (0, ROOM - len(first) + 50)
    assert bytes(parser.bytes[: parser.end]) == second + first[:50]
    assert feetech.mtr_ft_next(c.byref(parser), c.byref(view)) == GOOD
    assert view.id == 2
    feetech.mtr_ft_parser_clear(c.byref(parser))
    assert (parser.begin, parser.end) == (0, 0)
    assert feetech.mtr_ft_next(c.byref(parser), c.byref(view)) == MORE


def test_the_bound_on_parameters_is_inclusive_and_only_that(feetech):
    for most in (1, 2, 200, 252):
        good = framed(3, 0, bytes(most))
        assert parse(feetech, good, max_parameters=most)[0] == [(3, 0, bytes(most))]
        assert parse(feetech, framed(3, 0, bytes(most + 1)), max_parameters=most) == ([], [BAD_LENGTH])
    assert parse(feetech, framed(3, 0, bytes(253)))[0] == [(3, 0, bytes(253))]


def test_values_of_two_bytes(feetech):
    for value in (0, 1, 0x80, 0xFF, 0x100, 0x1234, 0x8000, 0xFFFF):
        for name, order in (("", "little"), ("_high_first", "big")):
            row = value.to_bytes(2, order)
            assert getattr(feetech, f"mtr_ft_get16{name}")(row) == value
            out = (c.c_uint8 * 3)(7, 7, 7)
            getattr(feetech, f"mtr_ft_put16{name}")(out, c.c_uint16(value))
            assert bytes(out) == row + b"\x07"


@pytest.mark.parametrize("sign_bit", [1, 10, 11, 15])
def test_sign_and_magnitude(feetech, sign_bit):
    most, sign = 2**sign_bit - 1, 2**sign_bit
    for value in (0, 1, -1, most, -most, most - 1, most + 1, -most - 1, 2**31 - 1, -(2**31)):
        magnitude = min(abs(value), most)
        raw = magnitude | (sign if value < 0 else 0)
        assert feetech.mtr_ft_encode_signed(c.c_int32(value), sign_bit) == raw
        for above in (0, 0xFFFF & ~(2 * sign - 1)):
            found = feetech.mtr_ft_decode_signed(c.c_uint16(raw | above), sign_bit)
            assert found == (-magnitude if value < 0 else magnitude)
