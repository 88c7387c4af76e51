"""A running simulator, and the bare wire to its servos."""

from __future__ import annotations

import os
import select
import struct
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping

import pytest

from motorium.sim.backend import SimBackend, open_backend


class Wire:
    """Feetech protocol 0 by hand, so that the tests do not trust the driver they are about."""

    IDS = (1, 2, 3, 4, 5, 6)
    PAN, LIFT = 1, 2
    TORQUE, GOAL, SPEED, LIMIT, PRESENT, LOAD = 40, 42, 46, 48, 56, 60

    def __init__(self, port: str) -> None:
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)
        mode = termios.tcgetattr(self._fd)
        mode[4] = mode[5] = termios.B1000000  # the servos hear no other speed
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)

    def send(self, id_: int, instruction: int, parameters: bytes) -> None:
        body = bytes([id_, len(parameters) + 2, instruction]) + parameters
        os.write(self._fd, b"\xff\xff" + body + bytes([~sum(body) & 0xFF]))

    def sync_write(self, address: int, rows: Mapping[int, bytes]) -> None:
        size = len(next(iter(rows.values())))
        self.send(0xFE, 0x83, bytes([address, size]) + b"".join(bytes([i]) + row for i, row in rows.items()))

    def read(self, id_: int, address: int, size: int, timeout_s: float = 2.0) -> bytes:
        self.send(id_, 2, bytes([address, size]))
        reply, deadline = b"", time.monotonic() + timeout_s
        while len(reply) < 6 + size:
            assert select.select([self._fd], [], [], deadline - time.monotonic())[0], (
                f"no reply within {timeout_s} s"
            )
            reply += os.read(self._fd, 256)
        assert reply[:4] == bytes([0xFF, 0xFF, id_, size + 2])
        assert sum(reply[2:]) & 0xFF == 0xFF
        return reply[5:-1]

    def word(self, id_: int, address: int) -> int:
        return struct.unpack("<H", self.read(id_, address, 2))[0]

    def torque(self, on: bool) -> None:
        self.sync_write(self.TORQUE, {i: bytes([on]) for i in self.IDS})

    def goals(self, ticks: Mapping[int, int]) -> None:
        self.sync_write(self.GOAL, {i: struct.pack("<H", t) for i, t in ticks.items()})

    def positions(self) -> dict[int, int]:
        return {i: self.word(i, self.PRESENT) for i in self.IDS}

    def close(self) -> None:
        os.close(self._fd)


def _wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Poll; true as soon as `condition` is, false after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., bool]:
    """`wait_until(condition, timeout_s=10)`: poll; whether the condition came true in time."""
    return _wait_until


@pytest.fixture(scope="session")
def open_wire() -> Callable[[str], Wire]:
    """The bus at a port, by hand."""
    return Wire


@pytest.fixture(scope="module")
def _simulator() -> Iterator[SimBackend]:
    # Not for the session: it computes on, at a high priority, beside every later test of another room.
    with open_backend("sim:so101", seed=0) as backend:
        yield backend


@pytest.fixture
def sim(_simulator: SimBackend) -> SimBackend:
    """A simulator shared by the tests; the arm limp at its home pose, scene of seed 0."""
    wire = Wire(_simulator.port)
    wire.torque(False)
    wire.positions()  # the write before it has been carried out
    wire.close()
    _simulator.world.reset(0, arm="home")
    return _simulator


@pytest.fixture
def wire(sim: SimBackend) -> Iterator[Wire]:
    """The bus of `sim`, by hand."""
    line = Wire(sim.port)
    yield line
    line.torque(False)
    line.close()
