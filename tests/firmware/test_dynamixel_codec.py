"""Dynamixel protocol 2.0 framing: the manual's examples, a model in Python, and properties of the parser."""

from __future__ import annotations

import ctypes as c

import pytest
from dynamixel_codec import (
    BAD_CRC,
    BAD_LENGTH,
    BULK_READ,
    FAST_BULK_READ,
    FAST_SYNC_READ,
    MAX_PACKET,
    REG_WRITE,
    STATUS,
    SYNC_READ,
    WRITE,
    Stream,
    View,
    build,
    crc16,
    fast_reply,
    framed,
    items,
    parse,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

# Servo ids, parameters that are rich in what needs stuffing, and cuts of a stream.
SERVO = st.integers(0, 0xFC) | st.just(0xFE)
RICH = st.lists(
    st.sampled_from([b"\xff", b"\xfd", b"\x00", b"\xff\xff\xfd", b"\x55", b"\x07"]), max_size=60
).map(b"".join)
PARAMETERS = RICH | st.binary(max_size=120)
PIECE = st.integers(1, 40)


def test_published_instruction_packets(dynamixel):
    """Examples of the ROBOTIS e-manual, protocol 2.0."""
    assert build(dynamixel, "ping", 1).hex() == "fffffd0001030001194e"
    assert build(dynamixel, "ping", 0xFE).hex() == "fffffd00fe0300013142"
    assert build(dynamixel, "read", 1, 132, 4).hex() == "fffffd0001070002840004001d15"
    goal = (512).to_bytes(4, "little")
    assert build(dynamixel, "write", 1, WRITE, 116, goal, 4).hex() == "fffffd0001090003740000020000ca89"
    speed = (200).to_bytes(4, "little")
    later = build(dynamixel, "write", 1, REG_WRITE, 104, speed, 4)
    assert later.hex() == "fffffd00010900046800c8000000ae8e"
    assert build(dynamixel, "packet", 1, 5, b"", 0).hex() == "fffffd000103000502ce"
    assert build(dynamixel, "packet", 1, 6, b"\x01", 1).hex() == "fffffd000104000601a1e6"
    assert build(dynamixel, "reboot", 1).hex() == "fffffd00010300082f4e"
    assert build(dynamixel, "clear_turns", 1).hex() == "fffffd00010800100144584c22b1dc"


def test_published_group_packets(dynamixel):
    read = build(dynamixel, "sync_read", SYNC_READ, b"\x01\x02", 2, 132, 4)
    assert read.hex() == "fffffd00fe090082840004000102cefa"
    rows = (150).to_bytes(4, "little") + (170).to_bytes(4, "little")
    write = build(dynamixel, "sync_write", b"\x01\x02", 2, 116, 4, rows)
    assert write.hex() == "fffffd00fe11008374000400019600000002aa0000008287"
    bulk = build(dynamixel, "bulk_read", BULK_READ, items((1, 144, 2, b""), (2, 146, 1, b"")), 2)
    assert bulk.hex() == "fffffd00fe0d0092019000020002920001001a05"
    both = items((1, 32, 2, b"\xa0\x00"), (2, 31, 1, b"\x50"))
    assert build(dynamixel, "bulk_write", both, 2).hex() == "fffffd00fe1000930120000200a000021f00010050b768"


def test_published_status_packets(dynamixel):
    assert build(dynamixel, "status", 1, 0, b"\x06\x04\x26", 3).hex() == "fffffd000107005500060426655d"
    assert build(dynamixel, "status", 1, 0, b"", 0).hex() == "fffffd000104005500a10c"
    found, errors = parse(dynamixel, bytes.fromhex("fffffd0002080055001f080000babe"))
    assert (found, errors) == ([(2, STATUS, 0, b"\x1f\x08\x00\x00")], [])


@given(st.binary(max_size=200))
def test_the_checksum_is_the_one_defined(dynamixel, data):
    assert dynamixel.mtr_dxl_crc(0, data, c.c_size_t(len(data))) == crc16(data)


@given(SERVO, st.integers(0, 0xFC), PARAMETERS)
@example(1, 3, b"\xff\xff\xfd")
@example(1, 3, b"\xff\xff\xff\xfd\xfd")
def test_packets_are_those_of_the_model(dynamixel, servo, instruction, parameters):
    assert build(dynamixel, "packet", servo, instruction, parameters, len(parameters)) == framed(
        servo, instruction, parameters
    )


@given(st.integers(0, 0xFC), st.integers(0, 255), PARAMETERS, PIECE)
@example(1, 0x80, b"\xff\xff\xfd\xfd\xff\xff\xfd", 1)
def test_round_trip_in_any_pieces(dynamixel, servo, error, parameters, piece):
    built = build(dynamixel, "status", servo, error, parameters, len(parameters))
    assert b"\xff\xff\xfd\x00" not in built[4:-2]
    assert parse(dynamixel, built + built, piece=piece) == ([(servo, STATUS, error, parameters)] * 2, [])


@given(SERVO, st.sampled_from([1, 2, 3, 0x83, 0x92]), PARAMETERS, PIECE)
def test_instructions_round_trip(dynamixel, servo, instruction, parameters, piece):
    built = build(dynamixel, "packet", servo, instruction, parameters, len(parameters))
    assert parse(dynamixel, built, piece=piece) == ([(servo, instruction, 0, parameters)], [])


@given(st.binary(max_size=40).filter(lambda noise: b"\xff" not in noise), PARAMETERS, PIECE)
def test_packets_are_found_between_noise(dynamixel, noise, parameters, piece):
    good = build(dynamixel, "status", 7, 0, parameters, len(parameters))
    found, errors = parse(dynamixel, noise + good + noise + good, piece=piece)
    assert found == [(7, STATUS, 0, parameters)] * 2
    assert errors == []


def test_every_damage_to_every_byte_is_noticed_and_costs_one_packet(dynamixel):
    """All 255 wrong values of all bytes of a reply: never believed, and the reply behind it is not lost."""
    bad_data, good_data = b"\xff\xff\xfd\x11", b"\x01\x02\x03\x04"
    bad = build(dynamixel, "status", 3, 0, bad_data, 4)
    good = build(dynamixel, "status", 4, 0, good_data, 4)
    for at in range(len(bad)):
        for flip in range(1, 256):
            damaged = bytearray(bad)
            damaged[at] ^= flip
            stream = Stream(dynamixel, max_length=10)
            stream.push(bytes(damaged) + good)
            stream.finish()
            assert stream.found == [(4, STATUS, 0, good_data)], (at, flip)


@given(PARAMETERS, st.data())
def test_a_reply_cut_short_gives_way_to_the_next_at_once(dynamixel, parameters, data):
    whole = build(dynamixel, "status", 3, 0, parameters, len(parameters))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    good = build(dynamixel, "status", 4, 0, b"\x01\x02", 2)
    stream = Stream(dynamixel, max_length=MAX_PACKET)
    stream.push(cut + good)
    stream.finish()
    assert stream.found[-1] == (4, STATUS, 0, b"\x01\x02")
    if len(cut) >= 8:
        assert parse(dynamixel, cut + good)[0][-1:] == [(4, STATUS, 0, b"\x01\x02")]


HEADERS = st.sampled_from(
    [
        b"\xff\xff\xfd\x00",
        b"\xff\xff\xfd",
        b"\xff\xff\xfd\x00\xfe\x19\x00\x55",
        b"\xff\xff\xfd\x00\x01\x04\x00",
    ]
)


@settings(max_examples=200)
@given(
    st.lists(st.binary(max_size=60) | HEADERS, max_size=30).map(b"".join),
    PIECE,
    st.just(0) | st.integers(5, 60),
)
def test_any_stream_is_survived_and_a_packet_behind_it_found(dynamixel, noise, piece, max_length):
    stream = Stream(dynamixel, max_length)
    stream.push(noise, piece)
    stream.finish()
    good = build(dynamixel, "status", 9, 0, b"\x2a", 1)
    stream.push(good, piece)
    stream.finish()
    assert stream.found[-1] == (9, STATUS, 0, b"\x2a")


def test_errors_are_named(dynamixel):
    good = build(dynamixel, "status", 3, 0, b"\x01\x02", 2)
    assert parse(dynamixel, good[:-1] + bytes([good[-1] ^ 1]))[1] == [BAD_CRC]
    assert parse(dynamixel, good, max_length=5)[1] == [BAD_LENGTH]
    assert parse(dynamixel, b"\xff\xff\xfd\x00\x01\x02\x00\x55")[1] == [BAD_LENGTH]
    assert parse(dynamixel, b"\xff\xff\xfd\x00\xfd\x04\x00\x55")[1] == [BAD_LENGTH]  # an id that nobody has


def test_builders_refuse_what_cannot_be_framed(dynamixel):
    assert build(dynamixel, "ping", 0xFD) == build(dynamixel, "ping", 0xFF) == b""
    assert build(dynamixel, "ping", 1, capacity=9) == b""
    assert len(build(dynamixel, "ping", 1, capacity=10)) == 10
    assert build(dynamixel, "read", 1, 0, 0) == b""
    assert build(dynamixel, "write", 1, WRITE, 0, b"", 0) == b""
    assert len(build(dynamixel, "write", 1, WRITE, 0, bytes(1012), 1012)) == MAX_PACKET
    assert build(dynamixel, "write", 1, WRITE, 0, bytes(1013), 1013) == b""
    assert build(dynamixel, "write", 1, WRITE, 0, b"\xff\xff\xfd" * 300, 900) == b""  # stuffing counts
    assert build(dynamixel, "sync_read", SYNC_READ, b"", 0, 132, 4) == b""
    assert build(dynamixel, "sync_write", bytes(253), 253, 116, 4, bytes(1012)) == b""
    assert build(dynamixel, "bulk_read", BULK_READ, items(), 0) == b""
    assert build(dynamixel, "bulk_read", BULK_READ, items((1, 0, 0, b"")), 1) == b""
    assert build(dynamixel, "status", 1, 0, b"\xff\xff\xfd", 3, capacity=14) == b""
    assert len(build(dynamixel, "status", 1, 0, b"\xff\xff\xfd", 3, capacity=15)) == 15


BLOCKS = st.integers(1, 12).flatmap(
    lambda size: st.lists(
        st.tuples(
            st.integers(0, 0xFC), st.sampled_from([0, 0x80, 3]), st.binary(min_size=size, max_size=size)
        ),
        min_size=1,
        max_size=8,
    )
)


def blocks_of(lib: c.CDLL, parameters: bytes, size: int) -> list[tuple[int, int, bytes]]:
    """Blocks of a whole fast reply."""
    data = (c.c_uint8 * max(1, len(parameters)))(*parameters)
    reply = View(0xFE, STATUS, 0, len(parameters), c.cast(data, c.POINTER(c.c_uint8)))
    block, offset, found = View(), 0, []
    while offset := lib.mtr_dxl_fast_next(
        c.byref(reply), c.c_size_t(offset), c.c_size_t(size), c.byref(block)
    ):
        servo, _, error, row = block.plain()
        found.append((servo, error, row))
    return found


@given(BLOCKS, PIECE)
@example([(1, 0, b"\xff\xff\xfd\x00\x01\x04\x00\x55"), (2, 0, bytes(8))], 3)  # not stuffed, and not misread
def test_fast_replies_round_trip(dynamixel, blocks, piece):
    whole = fast_reply(dynamixel, blocks)
    size = len(blocks[0][2])
    assert len(whole) == 8 + len(blocks) * (4 + size)
    found, errors = parse(dynamixel, whole, piece=piece)
    assert errors == []
    assert [view[:3] for view in found] == [(0xFE, STATUS, 0)]
    assert blocks_of(dynamixel, found[0][3], size) == blocks


@given(BLOCKS, st.data())
def test_of_a_broken_fast_reply_the_leading_blocks_are_kept(dynamixel, blocks, data):
    """Each servo confirms all that was sent before it: what lies in front of the damage is good."""
    whole, size = bytearray(fast_reply(dynamixel, blocks)), len(blocks[0][2])
    at = data.draw(st.integers(8, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    stream = Stream(dynamixel)
    dynamixel.mtr_dxl_push(c.byref(stream.parser), bytes(whole), c.c_size_t(len(whole)))
    before = (at - 8) // (4 + size)
    assert dynamixel.mtr_dxl_fast_intact(c.byref(stream.parser), c.c_size_t(size)) == before
    for i in range(before):
        block = View()
        dynamixel.mtr_dxl_fast_block(c.byref(stream.parser), c.c_size_t(i), c.c_size_t(size), c.byref(block))
        servo, _, error, row = block.plain()
        assert (servo, error, row) == blocks[i]


@given(BLOCKS, st.data())
def test_of_an_unfinished_fast_reply_the_blocks_so_far_are_known(dynamixel, blocks, data):
    whole, size = fast_reply(dynamixel, blocks), len(blocks[0][2])
    cut = data.draw(st.integers(0, len(whole)))
    stream = Stream(dynamixel)
    dynamixel.mtr_dxl_push(c.byref(stream.parser), whole[:cut], c.c_size_t(cut))
    assert dynamixel.mtr_dxl_fast_intact(c.byref(stream.parser), c.c_size_t(size)) == max(0, cut - 8) // (
        4 + size
    )


@pytest.mark.parametrize(("name", "code"), [("sync_read", FAST_SYNC_READ), ("bulk_read", FAST_BULK_READ)])
def test_fast_requests_differ_by_their_instruction_alone(dynamixel, name, code):
    request = items((1, 126, 10, b"")), 1
    built = (
        build(dynamixel, "sync_read", code, b"\x01\x02", 2, 126, 10)
        if name == "sync_read"
        else build(dynamixel, "bulk_read", code, *request)
    )
    (found,), errors = parse(dynamixel, built)
    assert found[:2] == (0xFE, code)
    assert errors == []
