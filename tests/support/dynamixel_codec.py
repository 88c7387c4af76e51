"""The Dynamixel codec through ctypes, and a model of it in Python that shares no code with it."""

from __future__ import annotations

import ctypes as c
import random
from collections.abc import Sequence

MORE, GOOD, BAD_CRC, BAD_LENGTH = range(4)
MAX_PACKET = 1024
PING, READ, WRITE, REG_WRITE, CLEAR, STATUS = 0x01, 0x02, 0x03, 0x04, 0x10, 0x55
SYNC_READ, FAST_SYNC_READ, BULK_READ, FAST_BULK_READ = 0x82, 0x8A, 0x92, 0x9A


class View(c.Structure):
    _fields_ = [
        ("id", c.c_uint8),
        ("instruction", c.c_uint8),
        ("error", c.c_uint8),
        ("n_parameters", c.c_uint16),
        ("parameters", c.POINTER(c.c_uint8)),
    ]

    def plain(self) -> tuple[int, int, int, bytes]:
        return self.id, self.instruction, self.error, bytes(self.parameters[: self.n_parameters])


class Parser(c.Structure):
    _fields_ = [
        ("bytes", c.c_uint8 * MAX_PACKET),
        ("begin", c.c_uint16),
        ("end", c.c_uint16),
        ("max_length", c.c_uint16),
    ]


class Item(c.Structure):
    _fields_ = [
        ("id", c.c_uint8),
        ("address", c.c_uint16),
        ("size", c.c_uint16),
        ("data", c.c_char_p),
    ]


class Writer(c.Structure):
    _fields_ = [
        ("out", c.c_void_p),
        ("capacity", c.c_size_t),
        ("n", c.c_size_t),
        ("ff", c.c_uint8),
        ("ok", c.c_bool),
        ("plain", c.c_bool),
    ]


def build(lib: c.CDLL, name: str, *args: object, capacity: int = MAX_PACKET) -> bytes:
    """What a builder writes; it may not touch the byte behind its capacity."""
    out = (c.c_uint8 * (capacity + 1))(*[0xA5] * (capacity + 1))
    values = [c.c_size_t(arg) if isinstance(arg, int) and not isinstance(arg, bool) else arg for arg in args]
    n = getattr(lib, f"mtr_dxl_{name}")(out, c.c_size_t(capacity), *values)
    assert out[capacity] == 0xA5, "wrote past the capacity"
    return bytes(out[:n])


def items(*rows: tuple[int, int, int, bytes]) -> c.Array[Item]:
    return (Item * len(rows))(*[Item(*row) for row in rows])


def fast_reply(lib: c.CDLL, blocks: Sequence[tuple[int, int, bytes]]) -> bytes:
    """A fast reply as servos put it together, block by block."""
    out = (c.c_uint8 * MAX_PACKET)()
    writer = Writer()
    total = sum(len(data) for _, _, data in blocks)
    lib.mtr_dxl_begin_fast(
        c.byref(writer), out, c.c_size_t(MAX_PACKET), c.c_size_t(len(blocks)), c.c_size_t(total)
    )
    n = 0
    for servo, error, data in blocks:
        n = lib.mtr_dxl_put_block(c.byref(writer), servo, error, data, c.c_size_t(len(data)))
    return bytes(out[:n])


def crc16(data: bytes) -> int:
    """Bit by bit, from the definition."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def framed(servo: int, instruction: int, parameters: bytes) -> bytes:
    """A packet made by the rules of the manual."""
    body = bytes([instruction]) + parameters
    body = body.replace(b"\xff\xff\xfd", b"\xff\xff\xfd\xfd")
    packet = b"\xff\xff\xfd\x00" + bytes([servo]) + (len(body) + 2).to_bytes(2, "little") + body
    return packet + crc16(packet).to_bytes(2, "little")


class Stream:
    """A parser and all it has found."""

    def __init__(self, lib: c.CDLL, max_length: int = 0) -> None:
        self.lib, self.parser = lib, Parser(max_length=max_length)
        self.found: list[tuple[int, int, int, bytes]] = []
        self.errors: list[int] = []

    def push(self, data: bytes, piece: int = 1000) -> None:
        for start in range(0, len(data), piece):
            rest = data[start : start + piece]
            while rest:
                taken = self.lib.mtr_dxl_push(c.byref(self.parser), rest, c.c_size_t(len(rest)))
                assert taken > 0
                rest = rest[taken:]
                self.drain()

    def drain(self) -> None:
        view = View()
        while (event := self.lib.mtr_dxl_next(c.byref(self.parser), c.byref(view))) != MORE:
            if event == GOOD:
                self.found.append(view.plain())
            else:
                self.errors.append(event)

    def finish(self) -> None:
        """The line is silent: whatever hides behind a packet that will never be whole comes out."""
        while self.lib.mtr_dxl_give_up(c.byref(self.parser)):
            self.drain()


def parse(lib: c.CDLL, data: bytes, *, piece: int = 1000, max_length: int = 0) -> tuple[list, list[int]]:
    """All packets in `data`, and the errors on the way."""
    stream = Stream(lib, max_length)
    stream.push(data, piece)
    return stream.found, stream.errors


HEADER = b"\xff\xff\xfd\x00"
RICH = (b"\xff", b"\xfd", b"\x00", b"\xff\xff\xfd", b"\xff\xff\xff\xfd\xfd", b"\x55", b"\x07\x80")


def rich(rng: random.Random, most: int) -> bytes:
    """Bytes that need stuffing and look like headers, at most so many."""
    return b"".join(rng.choice(RICH) for _ in range(rng.randint(0, most)))[:most]


def unstuffed(body: bytes) -> bytes:
    return body.replace(b"\xff\xff\xfd\xfd", b"\xff\xff\xfd")


def header_at(stream: bytes, at: int) -> int:
    """Where the next header begins, be it cut off by the end."""
    while not HEADER.startswith(stream[at : at + 4]):
        at += 1
    return at


def is_possible(packet: bytes, max_length: int) -> bool:
    length = int.from_bytes(packet[5:7], "little")
    return (packet[4] <= 0xFC or packet[4] == 0xFE) and 3 <= length <= min(
        max_length or MAX_PACKET, MAX_PACKET - 7
    )


def understood(packet: bytes) -> tuple:
    """A whole packet with a good CRC, in plain words."""
    servo, body = packet[4], packet[7:-2]
    if servo == 0xFE and body[:1] == bytes([STATUS]):
        return GOOD, servo, STATUS, 0, body[1:]
    body = unstuffed(body)
    if body[0] == STATUS and len(body) > 1:
        return GOOD, servo, STATUS, body[1], body[2:]
    return GOOD, servo, body[0], 0, body[1:]


class Model:
    """What a parser must say, from what has come so far."""

    def __init__(self, max_length: int = 0) -> None:
        self.bytes, self.max_length = b"", max_length

    def next(self) -> tuple:
        self.bytes = self.bytes[header_at(self.bytes, 0) :]
        if len(self.bytes) < 7:
            return (MORE,)
        length = int.from_bytes(self.bytes[5:7], "little")
        if not is_possible(self.bytes, self.max_length):
            self.bytes = self.bytes[1:]
            return (BAD_LENGTH,)
        if len(self.bytes) < length + 7:
            return self.unfinished()
        packet = self.bytes[: length + 7]
        if crc16(packet[:-2]) != int.from_bytes(packet[-2:], "little"):
            self.bytes = self.bytes[1:]
            return (BAD_CRC,)
        self.bytes = self.bytes[len(packet) :]
        return understood(packet)

    def unfinished(self) -> tuple:
        """A header further on says that this packet was cut short; fast replies may hold one."""
        fast = self.bytes[4] == 0xFE and self.bytes[7:8] == bytes([STATUS])
        second = header_at(self.bytes, 7)
        if len(self.bytes) == 7 or fast or len(self.bytes) - second < 4:
            return (MORE,)
        self.bytes = self.bytes[second:]
        return (BAD_LENGTH,)

    def give_up(self) -> bool:
        self.bytes = self.bytes[header_at(self.bytes, 0) :]
        if not self.bytes:
            return False
        self.bytes = self.bytes[1:]
        self.bytes = self.bytes[header_at(self.bytes, 0) :]
        return bool(self.bytes)
