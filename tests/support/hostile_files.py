"""Damage to checkpoints, done on purpose: configs and safetensors files that lie, are cut, or nest for ever.

Mutations know the two formats (lengths, offsets, shapes, names, nesting), so that they get past the first checks;
the generator is seeded, so that a failure can be repeated from its number.
"""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motorium.errors import CheckpointError

WORDS = ("NaN", "Infinity", "1e999", "-" * 9, "\x00", "9" * 5000)
BIG = (2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 10**400)
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    0.5,
    -0.0,
    1e308,
    "",
    "x",
    "F32",
    [],
    {},
    [[]],
    [1, 2],
    "\ud800",
    *BIG,
)


def nodes(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    found = []
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        found.append((document, key))
        if isinstance(value, (dict, list)):
            found += nodes(value)
    return found


def mutate_document(document: Any, source: random.Random) -> None:
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        container, key = source.choice(nodes(document))
        action = source.randrange(5)
        if action == 0:
            container[key] = copy.deepcopy(source.choice(ODD))
        elif action == 1:
            del container[key]
        elif action == 2 and isinstance(container, list):
            container.extend(copy.deepcopy(container) * source.choice((1, 3)))
        elif action == 3 and isinstance(container[key], (int, float)):
            container[key] = container[key] * source.choice((-1, 2, 1000, 0)) + source.choice((0, 1, -1))
        else:
            container[key] = [container[key]] if source.random() < 0.5 else {"a": container[key]}
        if not document:
            return


def mutate_text(text: str, source: random.Random) -> bytes:
    """Damage below the level of values: cut, repeated, nested, numbers that Python reads and JSON has not."""
    action = source.randrange(7)
    at = source.randrange(len(text))
    if action == 0:
        return text[:at].encode()
    if action == 1:
        return (text[:at] + source.choice(WORDS) + text[at:]).encode()
    if action == 2:
        depth = source.choice((100, 2000, 20_000))
        return (text[:at] + "[" * depth + "]" * depth + text[at:]).encode()
    if action == 3:
        depth = source.choice((2000, 20_000))
        return ('{"a":' * depth + "1" + "}" * depth).encode()
    if action == 4:
        return text.replace('"name"', '"format"', 1).encode()  # a key twice
    data = bytearray(text.encode())
    for _ in range(source.choice((1, 3, 30))):
        data[source.randrange(len(data))] = source.randrange(256)
    return bytes(data)


def refused_or_sound(act: Callable[[], Any]) -> bool:
    """True when refused; any exception but CheckpointError goes up, and fails the test."""
    try:
        act()
    except CheckpointError:
        return True
    return False


class Container:
    """A safetensors file taken apart: header as a list of pairs (so that a name may come twice), and data."""

    def __init__(self, content: bytes) -> None:
        (length,) = struct.unpack("<Q", content[:8])
        self.entries = list(json.loads(content[8 : 8 + length]).items())
        self.data = content[8 + length :]

    def header(self) -> bytes:
        parts = (f"{json.dumps(name)}:{json.dumps(value)}" for name, value in self.entries)
        return ("{" + ",".join(parts) + "}").encode()

    def content(self) -> bytes:
        header = self.header()
        return struct.pack("<Q", len(header)) + header + self.data


def mutate_entry(container: Container, source: random.Random) -> None:
    at = source.randrange(1, len(container.entries))  # 0 is the metadata
    name, value = container.entries[at]
    begin, end = value["data_offsets"]
    action = source.randrange(9)
    if action == 0:  # beyond the file, or overlapping a neighbour
        value["data_offsets"] = [begin, end + source.choice((1, 4, 4096, *BIG))]
    elif action == 1:
        value["data_offsets"] = [source.choice((0, begin + 4, end, end + 4, *BIG)), end]
    elif action == 2:
        value["data_offsets"] = [end, begin]
    elif action == 3:
        value["data_offsets"] = container.entries[source.randrange(1, len(container.entries))][1][
            "data_offsets"
        ]
    elif action == 4:
        value["shape"] = source.choice(([], [0], [2**62, 4], [2**32] * 4, [-1], list(BIG), [1] * 1000))
    elif action == 5:
        value["dtype"] = source.choice(("F16", "F64", "BF16", "U8", "BOOL", "F8_E4M3", "C64", "x", None, 7))
    elif action == 6:
        container.entries.append((name, value))
    elif action == 7:
        container.entries[at] = (source.choice(("", "x" * 20_000, "\ud800", "../../x", name + " ")), value)
    else:
        key, odd = source.choice(sorted(value)), copy.deepcopy(source.choice(ODD))
        value[key] = odd


def mutate_bytes(content: bytes, source: random.Random) -> bytes:
    (length,) = struct.unpack("<Q", content[:8])
    action = source.randrange(5)
    if action == 0:
        return content[: source.randrange(len(content))]
    if action == 1:
        claimed = source.choice((0, 1, length - 1, length + 1, 8 * length, *(b for b in BIG if b < 2**64)))
        return struct.pack("<Q", claimed) + content[8:]
    if action == 2:
        return content + bytes(source.choice((1, 4, 4096)))
    if action == 3:
        depth = source.choice((1000, 20_000))
        header = b'{"a":' * depth + b"1" + b"}" * depth
        return struct.pack("<Q", len(header)) + header + content[8 + length :]
    data = bytearray(content)
    for _ in range(source.choice((1, 10))):
        data[source.randrange(8 + length)] = source.randrange(256)
    return bytes(data)


@contextmanager
def memory_limit(room: int) -> Iterator[None]:
    """This process may hold `room` bytes more than now, whoever asks: Python, numpy or the parser of tensors."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):  # whose own bookkeeping reserves terabytes
        yield
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def runs(usual: int) -> int:
    """How many inputs a test tries; MOTORIUM_FUZZ_RUNS asks for more."""
    return max(usual, int(os.environ.get("MOTORIUM_FUZZ_RUNS", "0")))
