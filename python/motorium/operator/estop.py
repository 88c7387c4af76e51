"""Stop an arm from the keyboard of a terminal, or from a device of any kind."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ..errors import SafetyError
from ..types import Stoppable
from .terminal import ADVICE, STOP_KEYS, Terminal

__all__ = ["ADVICE", "STOP_KEYS", "check_device", "stop_device", "stop_keys"]


def check_device(path: str | None) -> None:
    """Raise SafetyError when the stop device at `path` is absent or may not be used; None is none."""
    if path is not None and not os.access(path, os.R_OK | os.W_OK):
        why = "this user may not read and write it" if os.path.lexists(path) else "it does not exist"
        raise SafetyError(f"the stop device {path} cannot be watched: {why}. Nothing has moved")


@contextlib.contextmanager
def stop_device(robot: Stoppable, path: str | None) -> Iterator[None]:
    """Stop the arm on whatever the device at `path` says, or on its absence, also while parking.

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


@contextlib.contextmanager
def stop_keys(robot: Stoppable, fd: int | None = None) -> Iterator[bool]:
    """Make space and Escape on the terminal `fd` an emergency stop while the block runs; Ctrl-C stays what it was.

    Args:
        robot: open.
        fd: None takes standard input. Where that is no terminal, or not this process's, nothing is watched.

    Yields:
        Whether keys are watched.
    """
    terminal = Terminal(fd)
    with terminal, terminal.watching(robot) as watched:
        try:
            yield watched
        finally:
            terminal.unwatch()
