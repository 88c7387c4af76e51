"""Progress of long work on a terminal; files, pipes and logs do not get it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ._print import redraw

PATIENCE_S = 1.0
"""Work that is shorter says nothing."""
EVERY_S = 0.2


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function of (done, total) that keeps one line on standard error, which is gone at the end."""
    began = time.monotonic()
    shown = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - began >= PATIENCE_S and now - shown >= EVERY_S and sys.stderr.isatty():
            shown = now
            redraw(f"{what}: {100 * done // max(total, 1)} % ", err=True)

    try:
        yield tell
    finally:
        if shown:
            redraw("", err=True)
