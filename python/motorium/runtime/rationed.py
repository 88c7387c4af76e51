"""Ration a warning that recurs with every plan, so that the log stays readable."""

from __future__ import annotations

import logging
import time

EVERY_S = 5.0


class RationedWarning:
    """A warning logged at once, then at most every `EVERY_S`, with the number left out meanwhile."""

    def __init__(self, log: logging.Logger) -> None:
        """Through `log`."""
        self._log = log
        self._silent = 0
        self._next_s = 0.0

    def say(self, text: str) -> None:
        """Warn of `text`, now or with a later one."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._silent += 1
            return
        more = f" (and {self._silent} times since the last warning)" if self._silent else ""
        self._log.warning("%s%s", text, more)
        self._silent, self._next_s = 0, now_s + EVERY_S
