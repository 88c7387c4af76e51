"""Show a sweep in progress: bars on a terminal, and when it ends."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import CalibrationError
from ._print import redraw_lines

if TYPE_CHECKING:
    from ..robots.sweep import Sweep

STILL_S = 3.0
"""Complete, and nothing has reached further for this long: the sweep is over."""
REDRAW_S = 0.1


def until_done(limit_s: float, *, quiet: bool) -> Callable[[Sweep, float], bool]:
    """Return what `robots.calibrate.calibrate` asks after every reading; draws the sweep on a terminal unless `quiet`.

    Raises CalibrationError when joints are missing after `limit_s`.
    """
    begin_s = drawn_s = time.monotonic()
    live = not quiet and sys.stdout.isatty()
    if at_the_keyboard():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed ahead ends no sweep

    def finished(sweep: Sweep, still_s: float) -> bool:
        nonlocal drawn_s
        now_s = time.monotonic()
        if live and now_s - drawn_s > REDRAW_S:
            drawn_s = now_s
            _draw(sweep)
        if now_s - begin_s > limit_s:
            missing = sweep.incomplete()
            if missing:
                raise CalibrationError(
                    f"the time limit of {limit_s:g} s was up: {'; '.join(missing)}. Give it more with --limit"
                )
            return True
        return (sweep.complete and still_s > STILL_S) or (live and _enter_pressed())

    return finished


def _draw(sweep: Sweep) -> None:
    lines = [
        f"  {name:<16}{'#' * min(20, round(20 * share)):<20}  {share:4.0%}"
        for name, share in sweep.shares().items()
    ]
    redraw_lines(*lines, "  Enter when every joint has been at both its stops")


def at_the_keyboard() -> bool:
    """Whether stdin is a terminal with this process in its foreground; reading it from behind would stop us."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def _enter_pressed() -> bool:
    if not at_the_keyboard() or not select.select([sys.stdin], [], [], 0.0)[0]:
        return False
    sys.stdin.readline()
    return True
