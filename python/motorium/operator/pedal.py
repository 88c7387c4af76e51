"""Foot pedals: Linux input devices, read with the kernel's own time stamps.

A foot switch is a keyboard with up to three keys to Linux (a, b and c as they leave the factory). Its events carry the
time of the press; asked for (EVIOCSCLOCKID, linux/input.h), that is CLOCK_MONOTONIC, and no wait in a queue blurs it.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ..errors import MotoriumError
from ..timeline.events import Event, EventKind, EventLog
from ..units import NS_PER_S
from .marks import MEANINGS, Mark

if TYPE_CHECKING:
    from typing_extensions import Self

INPUT_EVENT = struct.Struct("llHHi")  # struct input_event with the platform's long
EV_KEY = 1
KEY_A, KEY_B, KEY_C = 30, 48, 46
EVIOCSCLOCKID = 0x400445A0
STAMP_WINDOW_NS = 1_000_000_000


DEFAULT_MARKS: Mapping[int, Mark] = {
    KEY_A: Mark(EventKind.CONTACT, EventKind.RELEASE),
    KEY_B: Mark(EventKind.SUBTASK),
    KEY_C: Mark(),  # held to move: see `held`
}
HELD_S = 0.8
"""A key that is down for so long was held, and not tapped."""


def marks_for(meanings: Sequence[str]) -> Mapping[int, Mark]:
    """Return what each pedal means, from one word of `MEANINGS` for each, the first pedal first.

    Raises MotoriumError for another word, or more than the three keys there are.
    """
    codes = (KEY_A, KEY_B, KEY_C)
    unknown = [word for word in meanings if word not in MEANINGS]
    if unknown or not 1 <= len(meanings) <= len(codes):
        raise MotoriumError(
            f"keys of the pedal: {','.join(meanings)!r}; give one word for each of up to {len(codes)} keys, from "
            f"{', '.join(MEANINGS)}"
        )
    return {code: MEANINGS[word] for code, word in zip(codes, meanings, strict=False)}


class Pedal:
    """One foot switch; a thread reads it into a log between `with` and the end of the block.

    Attributes:
        log: what was marked.
        lost: the device went away.
    """

    def __init__(
        self,
        device: str | Path | int,
        *,
        log: EventLog | None = None,
        marks: Mapping[int, Mark] = DEFAULT_MARKS,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Open it.

        Args:
            device: such as /dev/input/by-id/usb-...-event-kbd, or an open descriptor.
            log: to add to.
            marks: key code (linux/input-event-codes.h) -> what it means.
            on_event: called in the reading thread for each mark.

        Raises:
            MotoriumError: absent, or this user may not read it.
        """
        try:
            self._fd = device if isinstance(device, int) else os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise MotoriumError(
                f"cannot read the pedal {device}: {error}; is your user in the group input?"
            ) from error
        self.log = log if log is not None else EventLog()
        self.lost = False
        self._marks, self._on_event = marks, on_event
        self._held: set[int] = set()
        self._down_ns: dict[int, int] = {}
        self._monotonic = _use_monotonic(self._fd)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pedal", daemon=True)

    def held(self, code: int = KEY_C) -> bool:
        """Return whether a pedal is down; False when the device is lost, so that it works as a dead-man switch."""
        return code in self._held and not self.lost

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._fd)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        rest = b""
        while not self._stop.is_set():
            if not poll.poll(50):
                continue
            try:
                data = os.read(self._fd, 64 * INPUT_EVENT.size)
            except OSError:
                data = b""
            if not data:
                self.lost = True
                return
            rest += data
            whole = len(rest) - len(rest) % INPUT_EVENT.size
            for fields in INPUT_EVENT.iter_unpack(rest[:whole]):
                self._take(*fields)
            rest = rest[whole:]

    def _take(self, seconds: int, microseconds: int, kind: int, code: int, value: int) -> None:
        if kind != EV_KEY or value == 2:  # 2 repeats a held key
            return
        t_ns = self._time_ns(seconds, microseconds)
        (self._held.add if value else self._held.discard)(code)
        down_ns = t_ns if value else self._down_ns.pop(code, t_ns)
        if value:
            self._down_ns[code] = t_ns
        mark = self._marks.get(code, Mark())
        meant = mark.press if value else mark.release
        if mark.held and not value:
            t_ns, meant = down_ns, mark.held if t_ns - down_ns >= HELD_S * NS_PER_S else meant
        if not meant:
            return
        event = Event(t_ns, meant, "pedal")
        self.log.add(event)
        if self._on_event is not None:
            self._on_event(event)

    def _time_ns(self, seconds: int, microseconds: int) -> int:
        now_ns = time.monotonic_ns()
        t_ns = seconds * NS_PER_S + microseconds * 1000
        return t_ns if self._monotonic and 0 <= now_ns - t_ns <= STAMP_WINDOW_NS else now_ns


def _use_monotonic(fd: int) -> bool:
    try:
        fcntl.ioctl(fd, EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))
    except OSError:
        return False  # no input device: a pipe in a test
    return True
