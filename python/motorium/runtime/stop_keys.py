"""Emergency stop from the keyboard of a terminal, whose settings are given back whatever happens."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import SafetyError

if TYPE_CHECKING:
    from ..robots.robot import Robot

STOP_KEYS = b" \x1b\r\n"
"""Space, Escape (so every arrow and function key too) and Enter: what a startled hand hits."""
ADVICE = "Space, Escape or Enter stops the arm at once; Ctrl-C parks it."


@contextlib.contextmanager
def stop_keys(robot: Robot, fd: int | None = None) -> Iterator[bool]:
    """While the block runs, a stop key on the terminal `fd` is an emergency stop; Ctrl-C stays what it was.

    The control thread itself reads the terminal, so a Python program that hangs can be stopped too.

    Args:
        robot: open.
        fd: None takes standard input. Where that is no terminal, nothing is watched.

    Yields:
        Whether keys are watched.
    """
    if fd is None:
        try:
            fd = sys.stdin.fileno()
        except (AttributeError, OSError, ValueError):  # closed, replaced, or none at all
            fd = -1
    if fd < 0 or not os.isatty(fd):
        yield False
        return
    import termios

    before = termios.tcgetattr(fd)
    now = termios.tcgetattr(fd)
    now[3] &= ~(termios.ICANON | termios.ECHO)  # a key counts when it goes down, not at the end of a line
    try:
        termios.tcsetattr(fd, termios.TCSANOW, now)
        robot.watch_estop(fd, STOP_KEYS)
        yield True
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)


def check_device(path: str | None) -> None:
    """Raise SafetyError when the stop device at `path` is absent or may not be used; None is none."""
    if path is not None and not os.access(path, os.R_OK | os.W_OK):
        why = "this user may not read and write it" if os.path.lexists(path) else "it is not there"
        raise SafetyError(f"the stop device {path} cannot be watched: {why}. Nothing has moved")


@contextlib.contextmanager
def stop_device(robot: Robot, path: str | None) -> Iterator[None]:
    """While the block runs, whatever the device at `path` says, or its absence, is an emergency stop.

    Args:
        robot: open.
        path: a FIFO, a serial pedal, a character device; None watches nothing.

    Raises:
        OSError: there is no such device.
    """
    if path is None:
        yield
        return
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)  # writing too: a FIFO then never hangs up
    try:
        robot.watch_estop(fd)
        yield
    finally:
        os.close(fd)
