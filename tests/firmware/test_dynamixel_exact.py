"""The Dynamixel codec at its edges, and against a parser written from the definition. Kills mutants: `make mutants`."""

from __future__ import annotations

import ctypes as c
import itertools
import random

import pytest
from dynamixel_codec import (
    BAD_LENGTH,
    BULK_READ,
    CLEAR,
    GOOD,
    HEADER,
    MAX_PACKET,
    MORE,
    PING,
    READ,
    STATUS,
    SYNC_READ,
    WRITE,
    Model,
    Parser,
    View,
    Writer,
    build,
    crc16,
    fast_reply,
    framed,
    items,
    parse,
    rich,
)


class Both:
    """The parser under test beside its model."""

    def __init__(self, lib: c.CDLL, max_length: int = 0) -> None:
        self.lib, self.parser, self.model = lib, Parser(max_length=max_length), Model(max_length)

    def next(self) -> tuple:
        view = View()
        event = self.lib.mtr_dxl_next(c.byref(self.parser), c.byref(view))
        said = (event, *view.plain()) if event == GOOD else (event,)
        assert said == self.model.next()
        if event != GOOD:  # a packet that came out was unpacked in place
            assert bytes(self.parser.bytes[self.parser.begin : self.parser.end]) == self.model.bytes
        return said

    def push(self, some: bytes) -> None:
        assert self.lib.mtr_dxl_push(c.byref(self.parser), some, c.c_size_t(len(some))) == len(some)
        self.model.bytes += some
        assert (self.parser.begin, self.parser.end) == (0, len(self.model.bytes))

    def drain(self) -> None:
        while self.next() != (MORE,):
            pass

    def give_up(self) -> bool:
        found = self.lib.mtr_dxl_give_up(c.byref(self.parser))
        assert found == self.model.give_up()
        return bool(found)


def noise(rng: random.Random, lib: c.CDLL) -> bytes:
    """Packets, whole, damaged and cut off, fast replies, and bytes that look like headers."""
    parts = []
    for _ in range(rng.randint(1, 8)):
        servo = rng.choice([0, 1, 0xFC, 0xFE, 0xFD, 0xFF])
        good = framed(servo, rng.choice([1, 2, STATUS, STATUS, 0xFF, 0x83]), rich(rng, 12))
        fast = fast_reply(
            lib, [(1, 0, rng.choice([HEADER, b"\x01\x02\x03\x04"])), (2, 0x80, rng.randbytes(4))]
        )
        at = rng.randrange(len(good))
        damaged = good[:at] + bytes([good[at] ^ rng.randint(1, 255)]) + good[at + 1 :]
        parts.append(
            rng.choice(
                [
                    good,
                    good,
                    damaged,
                    good[:at],
                    fast,
                    fast[:at],
                    HEADER,
                    HEADER[: at % 4],
                    rich(rng, 9),
                    rng.randbytes(3),
                ]
            )
        )
    return b"".join(parts)


def test_streams_of_all_kinds_are_understood_as_defined(dynamixel):
    rng = random.Random(4)
    for _ in range(300):
        stream, most = noise(rng, dynamixel), rng.choice([0, 0, 3, 4, 7, 12, 300])
        for step in (1, 5, len(stream) or 1):
            both = Both(dynamixel, most)
            for at in range(0, len(stream), step):
                both.push(stream[at : at + step])
                both.drain()
            while both.give_up():
                both.drain()


def test_the_checksum_is_the_one_defined(dynamixel):
    for byte in range(256):
        assert dynamixel.mtr_dxl_crc(0, bytes([byte]), c.c_size_t(1)) == crc16(bytes([byte]))
    whole = random.Random(5).randbytes(300)
    first = dynamixel.mtr_dxl_crc(0, whole, c.c_size_t(100))
    assert dynamixel.mtr_dxl_crc(first, whole[100:], c.c_size_t(200)) == crc16(whole)
    assert dynamixel.mtr_dxl_crc(7, b"", c.c_size_t(0)) == 7


def test_packets_are_those_of_the_model(dynamixel):
    rng = random.Random(6)
    for _ in range(400):
        parameters, servo, code = (
            rich(rng, rng.choice([0, 1, 3, 30])),
            rng.choice([0, 1, 0xFC, 0xFE]),
            rng.randrange(0xFD),
        )
        built = build(dynamixel, "packet", servo, code, parameters, len(parameters))
        assert built == framed(servo, code, parameters), parameters.hex()
        answer = build(dynamixel, "status", servo, code, parameters, len(parameters))
        assert answer == framed(servo, STATUS, bytes([code]) + parameters)
    for code in (0xFD, 0xFF):
        for body in (b"\xff\xfd", b"\xfd\xfd"):
            assert build(dynamixel, "packet", 1, code, body, 2) == framed(1, code, body)


def test_every_short_body_that_needs_stuffing_or_looks_so_comes_back(dynamixel):
    for code in (2, 0xFD, 0xFF):
        bodies = [bytes(body) for n in range(5) for body in itertools.product((0xFF, 0xFD, 0), repeat=n)]
        found, errors = parse(dynamixel, b"".join(framed(1, code, body) for body in bodies))
        assert found == [(1, code, 0, body) for body in bodies]
        assert errors == []


def unstuffed_packet(parameters: bytes) -> bytes:
    """As a sender writes it that knows of no stuffing."""
    packet = HEADER + b"\x01" + two_bytes(len(parameters) + 3) + b"\x02" + parameters
    return packet + two_bytes(crc16(packet))


def test_what_was_not_stuffed_is_left_as_it_is(dynamixel):
    """Nor is a checksum taken for stuffing."""
    ends = (unstuffed_packet(bytes([i, j]) + b"\xff\xff\xfd") for i in range(256) for j in range(256))
    for packet in (unstuffed_packet(b"\xff\xff\xfd\x10"), next(end for end in ends if end[-2] == 0xFD)):
        assert parse(dynamixel, packet)[0] == [(1, 2, 0, packet[8:-2])]


def two_bytes(value: int) -> bytes:
    return value.to_bytes(2, "little")


ROWS = b"\xff\xff\xfd\x10\x20\x30"
WRITES = (1, 32, 2, b"\xa0\x00"), (2, 31, 1, b"\x50")
BUILT = {
    "ping": (("ping", 0xFE), (0xFE, PING, b"")),
    "reboot": (("reboot", 3), (3, 8, b"")),
    "clear": (("clear_turns", 0), (0, CLEAR, b"\x01DXL\x22")),
    "packet": (("packet", 2, 6, b"\x01", 1), (2, 6, b"\x01")),
    "stuffed": (("packet", 2, 6, ROWS[:3], 3), (2, 6, ROWS[:3])),
    "status": (("status", 2, 0x80, b"\x01\x02", 2), (2, STATUS, b"\x80\x01\x02")),
    "read": (("read", 0xFC, 0x1234, 0x0301), (0xFC, READ, two_bytes(0x1234) + two_bytes(0x0301))),
    "read 1": (("read", 0xFC, 0xFFFF, 1), (0xFC, READ, b"\xff\xff\x01\x00")),
    "read most": (("read", 1, 0, 1024), (1, READ, b"\x00\x00\x00\x04")),
    "write": (("write", 1, WRITE, 0x1234, b"\xff\xff\xfd", 3), (1, WRITE, b"\x34\x12\xff\xff\xfd")),
    "write 1": (("write", 1, WRITE, 64, b"\x01", 1), (1, WRITE, b"\x40\x00\x01")),
    "sync read": (
        ("sync_read", SYNC_READ, b"\x01\x02", 2, 132, 4),
        (0xFE, SYNC_READ, b"\x84\x00\x04\x00\x01\x02"),
    ),
    "sync read 1": (("sync_read", SYNC_READ, b"\x01", 1, 132, 4), (0xFE, SYNC_READ, b"\x84\x00\x04\x00\x01")),
    "sync write": (
        ("sync_write", b"\x01\x02", 2, 116, 3, ROWS),
        (0xFE, 0x83, b"\x74\x00\x03\x00\x01\xff\xff\xfd\x02\x10\x20\x30"),
    ),
    "sync write 1": (("sync_write", b"\x01", 1, 116, 1, b"\x09"), (0xFE, 0x83, b"\x74\x00\x01\x00\x01\x09")),
    "bulk read": (
        ("bulk_read", BULK_READ, items(*WRITES), 2),
        (0xFE, BULK_READ, b"\x01\x20\x00\x02\x00\x02\x1f\x00\x01\x00"),
    ),
    "bulk read 1": (("bulk_read", BULK_READ, items(*WRITES), 1), (0xFE, BULK_READ, b"\x01\x20\x00\x02\x00")),
    "bulk write": (
        ("bulk_write", items(*WRITES), 2),
        (0xFE, 0x93, b"\x01\x20\x00\x02\x00\xa0\x00\x02\x1f\x00\x01\x00\x50"),
    ),
}


@pytest.mark.parametrize("name", list(BUILT))
def test_a_packet_needs_as_much_room_as_it_is_long(dynamixel, name):
    call, fields = BUILT[name]
    expected = framed(*fields)
    for capacity in range(len(expected)):
        assert build(dynamixel, *call, capacity=capacity) == b""
    for capacity in (len(expected), len(expected) + 1, MAX_PACKET, 2 * MAX_PACKET):
        assert build(dynamixel, *call, capacity=capacity) == expected


def test_no_packet_is_longer_than_the_bound_however_much_room_there_is(dynamixel):
    for n, fits in ((1014, True), (1015, False), (1016, False), (1017, False), (1500, False)):
        built = build(dynamixel, "packet", 1, 2, bytes(n), n, capacity=2000)
        assert built == (framed(1, 2, bytes(n)) if fits else b"")
    for n, fits in ((1013, True), (1014, False)):
        assert bool(build(dynamixel, "status", 1, 0, bytes(n), n, capacity=2000)) is fits


def test_what_is_out_of_range_is_refused(dynamixel):
    for servo, ok in ((0xFC, True), (0xFD, False), (0xFE, True), (0xFF, False)):
        assert bool(build(dynamixel, "ping", servo)) is ok
        assert bool(build(dynamixel, "read", servo, 0, 1)) is ok
    assert build(dynamixel, "read", 1, 0, 0) == build(dynamixel, "read", 1, 0, 1025) == b""
    assert build(dynamixel, "write", 1, WRITE, 0, b"", 0) == b""
    assert build(dynamixel, "sync_read", SYNC_READ, b"", 0, 1, 1) == b""
    assert build(dynamixel, "sync_write", b"", 0, 1, 1, b"") == b""
    assert build(dynamixel, "sync_write", b"\x01", 1, 1, 0, b"") == b""
    assert build(dynamixel, "bulk_read", BULK_READ, items((1, 0, 1025, b"")), 1) == b""
    assert build(dynamixel, "bulk_read", BULK_READ, items((1, 0, 1, b""), (1, 0, 0, b"")), 2) == b""
    assert build(dynamixel, "bulk_write", items(), 0) == b""


def test_bytes_beyond_the_room_are_left_to_be_pushed_later(dynamixel):
    parser, view = Parser(), View()
    first, second = framed(1, 2, bytes(500)), framed(2, 2, bytes(500))
    stream = first + second + first[:50]
    assert dynamixel.mtr_dxl_push(c.byref(parser), stream, c.c_size_t(len(stream))) == MAX_PACKET
    assert (parser.begin, parser.end) == (0, MAX_PACKET)
    assert dynamixel.mtr_dxl_push(c.byref(parser), stream, c.c_size_t(9)) == 0
    assert dynamixel.mtr_dxl_next(c.byref(parser), c.byref(view)) == GOOD
    assert (parser.begin, parser.end) == (len(first), MAX_PACKET)
    assert dynamixel.mtr_dxl_push(c.byref(parser), b"", c.c_size_t(0)) == 0
    assert (parser.begin, parser.end) == (0, MAX_PACKET - len(first))
    rest = stream[MAX_PACKET:]
    assert dynamixel.mtr_dxl_push(c.byref(parser), rest, c.c_size_t(len(rest))) == len(rest)
    assert bytes(parser.bytes[: parser.end]) == stream[len(first) :]
    assert dynamixel.mtr_dxl_next(c.byref(parser), c.byref(view)) == GOOD
    assert view.id == 2
    dynamixel.mtr_dxl_parser_clear(c.byref(parser))
    assert (parser.begin, parser.end) == (0, 0)
    assert dynamixel.mtr_dxl_next(c.byref(parser), c.byref(view)) == MORE


def test_the_longest_packet_is_understood(dynamixel):
    longest = framed(1, 2, bytes(1014))
    assert len(longest) == MAX_PACKET
    assert parse(dynamixel, longest, piece=100) == ([(1, 2, 0, bytes(1014))], [])
    longer = HEADER + b"\x01" + two_bytes(1018)
    assert parse(dynamixel, longer) == ([], [BAD_LENGTH])
    assert parse(dynamixel, HEADER + b"\x01" + two_bytes(1017)) == ([], [])


def test_the_bound_on_the_length_is_inclusive(dynamixel):
    good = framed(1, STATUS, b"\x00\x01\x02")
    for most, ok in ((6, True), (5, False), (7, True), (1, False)):
        assert parse(dynamixel, good, max_length=most)[0] == ([(1, STATUS, 0, b"\x01\x02")] if ok else [])


def test_a_status_without_an_error_byte_is_shown_as_it_is(dynamixel):
    assert parse(dynamixel, framed(1, STATUS, b""))[0] == [(1, STATUS, 0, b"")]
    assert parse(dynamixel, framed(1, STATUS, b"\x81"))[0] == [(1, STATUS, 0x81, b"")]
    assert parse(dynamixel, framed(1, PING, b"\x81"))[0] == [(1, PING, 0, b"\x81")]


def blocks_of(size: int, n: int) -> list[tuple[int, int, bytes]]:
    rng = random.Random(7)
    stuffable = b"\xff\xff\xfd"  # in a fast reply it stays as it is
    return [(i + 1, (0, 0x80, 3)[i % 3], (stuffable + rng.randbytes(size))[:size]) for i in range(n)]


@pytest.mark.parametrize("size", [0, 1, 4, 10])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_fast_reply_is_put_together_and_taken_apart(dynamixel, size, n):
    blocks = blocks_of(size, n)
    whole = HEADER + b"\xfe" + two_bytes(1 + n * (4 + size)) + b"\x55"
    ends = []
    for servo, error, data in blocks:
        whole += bytes([error, servo]) + data
        whole += two_bytes(crc16(whole))
        ends.append(len(whole))
    assert fast_reply(dynamixel, blocks) == whole
    for cut in range(len(whole) + 1):
        parser = Parser()
        data = b"\x01" + whole[:cut] + b"\xff" * (cut == len(whole))
        dynamixel.mtr_dxl_push(c.byref(parser), data, c.c_size_t(len(data)))
        there = sum(end <= cut for end in ends)
        assert dynamixel.mtr_dxl_fast_intact(c.byref(parser), c.c_size_t(size)) == there
        for i in range(there):
            block = View()
            dynamixel.mtr_dxl_fast_block(c.byref(parser), c.c_size_t(i), c.c_size_t(size), c.byref(block))
            servo, instruction, error, row = block.plain()
            assert ((servo, error, row), instruction) == (blocks[i], STATUS)
    (found,), errors = parse(dynamixel, whole)
    assert (found, errors) == ((0xFE, STATUS, 0, whole[8:-2]), [])
    row = (c.c_uint8 * (len(found[3]) + 1))(*found[3])
    reply = View(0xFE, STATUS, 0, len(found[3]), c.cast(row, c.POINTER(c.c_uint8)))
    offset = 0
    for wanted in blocks:
        block = View()
        at, offset = (
            offset,
            dynamixel.mtr_dxl_fast_next(c.byref(reply), c.c_size_t(offset), c.c_size_t(size), c.byref(block)),
        )
        assert offset == at + 4 + size
        servo, instruction, error, data = block.plain()
        assert ((servo, error, data), instruction) == (wanted, STATUS)
    for behind in (offset, offset - 1, offset + 1, offset - 2 - size + 1, 60000):
        assert (
            dynamixel.mtr_dxl_fast_next(c.byref(reply), c.c_size_t(behind), c.c_size_t(size), c.byref(block))
            == 0
        )
    assert (
        dynamixel.mtr_dxl_fast_next(c.byref(reply), c.c_size_t(0), c.c_size_t(len(row) + 9), c.byref(block))
        == 0
    )


def test_of_a_damaged_fast_reply_the_blocks_in_front_are_intact(dynamixel):
    blocks = blocks_of(4, 3)
    whole = fast_reply(dynamixel, blocks)
    for at in range(len(whole)):
        parser = Parser()
        damaged = whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]
        dynamixel.mtr_dxl_push(c.byref(parser), damaged, c.c_size_t(len(damaged)))
        assert dynamixel.mtr_dxl_fast_intact(c.byref(parser), c.c_size_t(4)) == max(0, at - 8) // 8


def test_bytes_that_have_not_come_yet_make_no_block(dynamixel):
    """Old ones lie in the buffer behind those that have come."""
    whole = fast_reply(dynamixel, blocks_of(4, 3))
    for cut in range(len(whole)):
        parser = Parser()
        dynamixel.mtr_dxl_push(c.byref(parser), whole, c.c_size_t(len(whole)))
        dynamixel.mtr_dxl_parser_clear(c.byref(parser))
        dynamixel.mtr_dxl_push(c.byref(parser), whole, c.c_size_t(cut))
        assert dynamixel.mtr_dxl_fast_intact(c.byref(parser), c.c_size_t(4)) == max(0, cut - 8) // 8


def test_bytes_behind_a_fast_reply_are_no_block_of_it(dynamixel):
    whole = fast_reply(dynamixel, blocks_of(4, 1))
    more = whole + bytes([0, 9, 1, 2, 3, 4])
    more += two_bytes(crc16(more))
    parser = Parser()
    dynamixel.mtr_dxl_push(c.byref(parser), more, c.c_size_t(len(more)))
    assert dynamixel.mtr_dxl_fast_intact(c.byref(parser), c.c_size_t(4)) == 1


def test_only_a_fast_reply_has_blocks(dynamixel):
    for servo, instruction in ((0xFE, 0x83), (1, STATUS)):
        body = HEADER + bytes([servo]) + two_bytes(11) + bytes([instruction, 0, 1, 9, 9, 9, 9])
        body += two_bytes(crc16(body)) + b"\x00\x00"
        parser = Parser()
        dynamixel.mtr_dxl_push(c.byref(parser), body, c.c_size_t(len(body)))
        assert dynamixel.mtr_dxl_fast_intact(c.byref(parser), c.c_size_t(4)) == 0
    whole = fast_reply(dynamixel, blocks_of(4, 2))
    for most, expected in ((16, 0), (17, 2)):
        parser = Parser(max_length=most)
        dynamixel.mtr_dxl_push(c.byref(parser), whole, c.c_size_t(len(whole)))
        assert dynamixel.mtr_dxl_fast_intact(c.byref(parser), c.c_size_t(4)) == expected


@pytest.mark.parametrize(
    ("n", "total", "ok"),
    [
        (0, 0, False),
        (1, 4, True),
        (1, 1012, True),
        (1, 1013, False),
        (4, 1000, True),
        (4, 1001, False),
        (300, 0, False),
    ],
)
def test_a_fast_reply_has_blocks_and_fits_into_a_packet(dynamixel, n, total, ok):
    out, writer = (c.c_uint8 * 2000)(), Writer()
    dynamixel.mtr_dxl_begin_fast(c.byref(writer), out, c.c_size_t(2000), c.c_size_t(n), c.c_size_t(total))
    assert writer.ok is ok
    assert writer.plain
    if ok:
        assert bytes(out[:8]) == HEADER + b"\xfe" + two_bytes(1 + 4 * n + total) + b"\x55"
    else:
        assert dynamixel.mtr_dxl_put_block(c.byref(writer), 1, 0, b"\x01", c.c_size_t(1)) == 0


def test_a_block_that_does_not_fit_is_refused(dynamixel):
    for capacity, ok in ((15, False), (16, True)):
        out, writer = (c.c_uint8 * 17)(*[0xA5] * 17), Writer()
        dynamixel.mtr_dxl_begin_fast(c.byref(writer), out, c.c_size_t(capacity), c.c_size_t(1), c.c_size_t(4))
        n = dynamixel.mtr_dxl_put_block(c.byref(writer), 1, 0, b"\x01\x02\x03\x04", c.c_size_t(4))
        assert n == (16 if ok else 0)
        assert out[capacity] == 0xA5
    out, writer = (c.c_uint8 * 8)(), Writer()
    dynamixel.mtr_dxl_begin_fast(c.byref(writer), out, c.c_size_t(7), c.c_size_t(1), c.c_size_t(4))
    assert not writer.ok
