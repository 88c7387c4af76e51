"""Keys of the terminal, without a display: they work over SSH. A terminal tells of presses, never of releases."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from ..errors import MotoriumError

if TYPE_CHECKING:
    from typing_extensions import Self

HELD_S = 0.6
"""A key counts as held for so long after its last byte: keyboards repeat after 0.25 to 0.5 s."""
JOG_PAIRS = ("qa", "ws", "ed", "rf", "tg", "yh", "uj", "ik")
"""Forward and backward key of each joint, in joint order."""
STOP, PAUSE, END = "\x1b", " ", "\r"
HELP = "q/a w/s e/d r/f t/g y/h move joints 1 to 6, space pauses, Escape is the emergency stop, Return ends"


class Keys:
    """The terminal in raw mode between `with` and the end of the block; Ctrl-C still interrupts."""

    def __init__(self, fd: int | None = None) -> None:
        """Read from descriptor `fd`, by default the program's input. Raises MotoriumError when it is no terminal."""
        self._fd = sys.stdin.fileno() if fd is None else fd
        if not os.isatty(self._fd):
            raise MotoriumError("keys need a terminal: run this in one, also over SSH (ssh -t)")
        self._old = termios.tcgetattr(self._fd)
        self._pressed: dict[str, float] = {}

    def __enter__(self) -> Self:
        tty.setcbreak(self._fd, termios.TCSANOW)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(self._fd, termios.TCSANOW, self._old)

    def poll(self) -> list[str]:
        """Keys since the last call, in order; an arrow or function key is none."""
        found = list(_keys(self._read()))
        now = time.monotonic()
        self._pressed.update(dict.fromkeys(found, now))
        return found

    def held(self, key: str) -> bool:
        """Whether `key` was pressed, or repeated, a moment ago."""
        return time.monotonic() - self._pressed.get(key, float("-inf")) < HELD_S

    def jog(self, joints: int) -> Sequence[float]:
        """J numbers, -1, 0 or 1, from the keys of JOG_PAIRS."""
        pairs = JOG_PAIRS[:joints] + ("",) * max(0, joints - len(JOG_PAIRS))
        return [float(self.held(p[0])) - float(self.held(p[1])) if p else 0.0 for p in pairs]

    def _read(self) -> bytes:
        if not select.select([self._fd], [], [], 0)[0]:
            return b""
        try:
            return os.read(self._fd, 1024)
        except OSError:
            return b""


def _keys(data: bytes) -> Iterator[str]:
    """Printable keys, space, Return, and Escape where no sequence of an arrow or function key follows."""
    at = 0
    while at < len(data):
        if data[at : at + 1] == b"\x1b" and data[at + 1 : at + 2] in (b"[", b"O"):
            at += 3
            while at < len(data) and data[at - 1 : at] in b"0123456789;":
                at += 1
            continue
        key = chr(data[at])
        if key in (STOP, PAUSE) or 0x21 <= data[at] <= 0x7E:
            yield key
        elif key in "\r\n":
            yield END
        at += 1
