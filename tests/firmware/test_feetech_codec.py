"""Feetech protocol 0 framing: vectors worked out by hand, and properties of the parser."""

from __future__ import annotations

import ctypes as c

import pytest
from feetech_codec import BAD_CHECKSUM, BAD_LENGTH, MAX_PACKET, build, packet, parse, sync_read, sync_write
from hypothesis import given, settings
from hypothesis import strategies as st


def test_vectors_worked_out_by_hand(feetech):
    assert build(feetech, "ping", 1) == bytes.fromhex("FFFF010201FB")
    assert build(feetech, "read", 1, 56, 2) == bytes.fromhex("FFFF0104023802BE")
    assert build(feetech, "write", 1, 42, b"\x00\x08", c.c_size_t(2)) == bytes.fromhex("FFFF0105032A0008C4")
    assert build(feetech, "write", 254, 40, b"\x01", c.c_size_t(1)) == bytes.fromhex("FFFFFE04032801D1")
    assert sync_read(feetech, b"\x01\x02", 56, 8) == bytes.fromhex("FFFFFE06823808010236")
    rows = [b"\x00\x08", b"\xff\x07"]
    assert sync_write(feetech, b"\x01\x02", 42, rows) == bytes.fromhex("FFFFFE0A832A0201000802FF0737")


def test_checksum_is_the_inverted_sum(feetech):
    for built in (sync_read(feetech, b"\x01\x02", 56, 8), sync_write(feetech, b"\x03", 42, [b"\x10\x20"])):
        assert sum(built[2:]) & 0xFF == 0xFF
        assert built[3] == len(built) - 4


def test_builders_refuse_what_cannot_be_framed(feetech):
    assert build(feetech, "ping", 255) == b""
    assert build(feetech, "ping", 1, capacity=5) == b""
    assert len(build(feetech, "ping", 1, capacity=6)) == 6
    assert build(feetech, "write", 1, 0, b"", c.c_size_t(0)) == b""
    assert build(feetech, "write", 1, 0, bytes(253), c.c_size_t(253)) == b""
    assert len(build(feetech, "write", 1, 0, bytes(252), c.c_size_t(252))) == MAX_PACKET
    assert sync_read(feetech, b"", 56, 8) == b""
    assert sync_read(feetech, bytes(252), 56, 8) == b""
    assert sync_write(feetech, bytes(84), 42, [b"\0\0"] * 84) == b""
    assert len(sync_write(feetech, bytes(83), 42, [b"\0\0"] * 83)) == 6 + 2 + 83 * 3
    assert build(feetech, "sync_write", b"\x01", c.c_size_t(2**63), 42, 255, b"") == b""


@given(st.integers(0, 254), st.integers(0, 255), st.binary(max_size=253), st.integers(1, 20))
def test_round_trip_in_any_pieces(feetech, servo_id, instruction, parameters, piece):
    built = packet(feetech, servo_id, instruction, parameters)
    found, errors = parse(feetech, built, piece=piece)
    assert found == [(servo_id, instruction, parameters)]
    assert errors == []


NO_HEADER = st.binary(max_size=40).filter(lambda noise: b"\xff" not in noise)


@given(NO_HEADER, st.binary(max_size=20), NO_HEADER, st.integers(1, 9))
def test_packets_are_found_between_noise(feetech, before, parameters, after, piece):
    good = packet(feetech, 7, 0, parameters)
    found, errors = parse(feetech, before + good + after + good, piece=piece)
    assert found == [(7, 0, parameters)] * 2
    assert errors == []


@given(st.integers(0, 7), st.integers(1, 255))
def test_one_damaged_byte_loses_one_packet_only(feetech, at, flip):
    good = packet(feetech, 3, 0, b"\x01\x02")
    bad = bytearray(good)
    bad[at] ^= flip
    found, _ = parse(feetech, bytes(bad) + good + good, max_parameters=2)
    assert found[-1] == (3, 0, b"\x01\x02")
    assert len(found) in (1, 2)  # a lengthened packet may take its neighbour along, never more


def test_a_false_header_does_not_hide_the_packet_behind_it(feetech):
    good = packet(feetech, 3, 0, b"\x01")
    for noise in (
        b"\xff",
        b"\xff\xff",
        b"\xff\xff\xff",
        b"\xff\xff\x01\xfa",
        b"\xff\xff\x01\x01",
        b"\xff\xff\x01\x03\x00",
    ):
        found, _ = parse(feetech, noise + good + bytes(260) + good)
        assert found[0] == (3, 0, b"\x01"), noise.hex()


def test_errors_are_named(feetech):
    good = packet(feetech, 3, 0, b"\x01\x02")
    assert parse(feetech, good[:-1] + bytes([good[-1] ^ 1]))[1] == [BAD_CHECKSUM]
    assert parse(feetech, good, max_parameters=1) == ([], [BAD_LENGTH])
    assert parse(feetech, b"\xff\xff\x03\x01") == ([], [BAD_LENGTH])


@settings(max_examples=300)
@given(st.binary(max_size=1200), st.integers(1, 600), st.integers(0, 255))
def test_any_stream_is_survived(feetech, stream, piece, max_parameters):
    found, errors = parse(feetech, stream, piece=piece, max_parameters=max_parameters)
    assert len(found) + len(errors) <= len(stream)
    # Then a good packet still gets through once the noise has been flushed by its own length.
    good = packet(feetech, 9, 0, b"\x05")
    assert (9, 0, b"\x05") in parse(feetech, stream + bytes(260) + good, piece=piece)[0]


@pytest.mark.parametrize("sign_bit", [10, 11, 15])
@given(value=st.integers(-(2**31), 2**31 - 1))
def test_sign_magnitude_round_trip_and_saturation(feetech, sign_bit, value):
    raw = feetech.mtr_ft_encode_signed(c.c_int32(value), sign_bit)
    most = 2**sign_bit - 1
    assert raw < 2 ** (sign_bit + 1)
    assert feetech.mtr_ft_decode_signed(c.c_uint16(raw), sign_bit) == max(-most, min(most, value))


def test_sign_magnitude_vectors(feetech):
    assert feetech.mtr_ft_decode_signed(c.c_uint16(0x8001), 15) == -1
    assert feetech.mtr_ft_decode_signed(c.c_uint16(0x0401), 10) == -1
    assert feetech.mtr_ft_decode_signed(c.c_uint16(0xF801), 10) == 1  # bits above the sign are not part of it
    assert feetech.mtr_ft_encode_signed(-2047, 11) == 0x0FFF
    assert feetech.mtr_ft_get16(b"\x34\x12") == 0x1234
