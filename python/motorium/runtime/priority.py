"""Real-time priority for what must not wait for a processor, where the system permits it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

SERVO_PRIORITY = 40
"""Of emulated servos: below a control thread's, which must be free to preempt its own robot."""


@contextlib.contextmanager
def real_time(priority: int) -> Iterator[None]:
    """Let this thread, and threads made inside, go before all others (SCHED_FIFO), where that is permitted."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
