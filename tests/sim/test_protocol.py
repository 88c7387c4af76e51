"""The control channel: any bytes in, a request or one error that names the valid choices out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motorium.sim import protocol
from motorium.sim.protocol import ProtocolError, Request, bounded_lines, encode, parse_request


@given(st.binary(max_size=300))
def test_any_line_is_a_request_or_a_protocol_error(line):
    try:
        op = parse_request(line).op
    except ProtocolError:
        return
    assert op in protocol.OPTIONS


def test_nesting_bomb_is_a_protocol_error():
    with pytest.raises(ProtocolError):
        parse_request(b"[" * 60_000)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"op": "fly"}, "unknown op 'fly'; valid ops: quit, reset, status, truth"),
        ({"op": ["reset"]}, "valid ops"),
        ({}, "valid ops"),
        ({"op": "reset", "speed": 3}, "unknown option 'speed' of op 'reset'; valid options: seed, task, arm"),
        ({"op": "status", "seed": 3}, "valid options: none"),
        ({"op": "reset", "seed": -1}, "seed must be"),
        ({"op": "reset", "seed": 1.5}, "seed must be"),
        ({"op": "reset", "seed": True}, "seed must be"),
        ({"op": "reset", "seed": 2**63}, "seed must be"),
        ({"op": "reset", "task": 5}, "task must be"),
        ({"op": "reset", "task": "x" * 201}, "task must be"),
        ({"op": "reset", "arm": "fly"}, "valid choices: keep, home"),
        ({"op": "status", "id": "one"}, "id must be"),
    ],
)
def test_errors_name_the_valid_choices(message, complaint):
    with pytest.raises(ProtocolError, match=complaint):
        parse_request(json.dumps(message).encode())


def test_numbers_that_are_not_finite_are_refused_both_ways():
    with pytest.raises(ProtocolError, match="finite"):
        parse_request(b'{"op": "reset", "seed": NaN}')
    with pytest.raises(ValueError, match="JSON"):
        encode({"x": float("inf")})


def test_request_round_trip():
    line = encode({"id": 4, "op": "reset", "seed": 9, "task": None, "arm": "home"})
    assert parse_request(line) == Request("reset", 4, {"seed": 9, "task": None, "arm": "home"})


def _lines(data: bytes, sizes: list[int], limit: int) -> list[bytes | None]:
    blocks, start = [], 0
    for size in sizes:
        blocks.append(data[start : start + size])
        start += size
    blocks = [b for b in [*blocks, data[start:]] if b]
    return list(bounded_lines(lambda: blocks.pop(0) if blocks else b"", limit))


@given(
    st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"?")), max_size=6),
    st.lists(st.integers(1, 9), max_size=20),
)
def test_lines_do_not_depend_on_how_the_bytes_arrive(lines, sizes):
    data = b"".join(line + b"\n" for line in lines)
    expected = [None if len(line) > 8 else line for line in lines if len(line) > 8 or line.strip()]
    assert _lines(data, sizes, 8) == expected


def test_an_endless_line_is_dropped_up_to_its_newline():
    blocks = iter([*[b"x" * 1000] * 500, b"x\nok\n", b""])
    assert list(bounded_lines(blocks.__next__, 4096)) == [None, b"ok"]


@pytest.mark.parametrize("key", ["robot", "port", "pid", "task", "cameras"])
def test_handshake_without_a_key_is_refused(key):
    whole = {
        "robot": "so101",
        "port": "/dev/pts/9",
        "pid": 1,
        "task": "t",
        "cameras": {"front": {"shm": "/x", "height": 2, "width": 3, "fps": 20.0}},
    }
    assert protocol.parse_handshake(whole).cameras["front"].width == 3
    with pytest.raises(ProtocolError, match=key):
        protocol.parse_handshake({k: v for k, v in whole.items() if k != key})
