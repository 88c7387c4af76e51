"""Waiting for a condition without sleeping longer than it takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Whether the condition came true in time."""
    give_up = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.002)
    return True
