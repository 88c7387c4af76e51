"""The Feetech codec through ctypes, and a model of it in Python that shares no code with it."""

from __future__ import annotations

import ctypes as c

MORE, GOOD, BAD_CHECKSUM, BAD_LENGTH = range(4)
MAX_PACKET = 259


class View(c.Structure):
    _fields_ = [
        ("id", c.c_uint8),
        ("instruction", c.c_uint8),
        ("n_parameters", c.c_uint8),
        ("parameters", c.POINTER(c.c_uint8)),
    ]


class Parser(c.Structure):
    _fields_ = [
        ("bytes", c.c_uint8 * (2 * MAX_PACKET)),
        ("begin", c.c_uint16),
        ("end", c.c_uint16),
        ("max_parameters", c.c_uint8),
    ]


def build(lib, name: str, *args, capacity: int = MAX_PACKET) -> bytes:
    out = (c.c_uint8 * (capacity + 1))(*[0xA5] * (capacity + 1))
    n = getattr(lib, f"mtr_ft_{name}")(out, c.c_size_t(capacity), *args)
    assert out[capacity] == 0xA5, "wrote past the capacity"
    return bytes(out[:n])


def sync_read(lib, ids: bytes, address: int, size: int, **options) -> bytes:
    return build(lib, "sync_read", ids, c.c_size_t(len(ids)), address, size, **options)


def sync_write(lib, ids: bytes, address: int, rows: list[bytes], **options) -> bytes:
    data = b"".join(rows)
    return build(lib, "sync_write", ids, c.c_size_t(len(ids)), address, len(rows[0]), data, **options)


def packet(lib, servo_id: int, instruction: int, parameters: bytes) -> bytes:
    return build(lib, "packet", servo_id, instruction, parameters, c.c_size_t(len(parameters)))


def parse(lib, stream: bytes, *, piece: int = 1000, max_parameters: int = 0) -> tuple[list, list[int]]:
    """All (id, instruction, parameters) found, and the errors on the way."""
    parser, view = Parser(max_parameters=max_parameters), View()
    found, errors = [], []
    for start in range(0, len(stream), piece):
        rest = stream[start : start + piece]
        while rest:
            taken = lib.mtr_ft_push(c.byref(parser), rest, c.c_size_t(len(rest)))
            assert taken > 0
            rest = rest[taken:]
            while (event := lib.mtr_ft_next(c.byref(parser), c.byref(view))) != MORE:
                if event == GOOD:
                    found.append((view.id, view.instruction, bytes(view.parameters[: view.n_parameters])))
                else:
                    errors.append(event)
    return found, errors


def framed(servo: int, instruction: int, parameters: bytes) -> bytes:
    """A packet made by the rules of the manual."""
    body = bytes([servo, len(parameters) + 2, instruction]) + parameters
    return b"\xff\xff" + body + bytes([~sum(body) & 0xFF])
