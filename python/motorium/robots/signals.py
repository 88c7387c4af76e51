"""Ctrl-C, SIGTERM and SIGHUP while an arm is under torque: they end the program, and never the park."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SignalGuard:
    """Turns signals into exceptions in the main thread until the arm is being brought to rest, then keeps them.

    SIGINT becomes KeyboardInterrupt; SIGTERM and SIGHUP become SystemExit(128 + number), so that `with` blocks and
    `finally` clauses run, which the default handlers would not allow. After `shield()` nothing is raised at all, and
    `lift()` restores the old handlers and raises what came in between. Outside the main thread, where Python allows no
    handlers, it does nothing.
    """

    def __init__(self) -> None:
        self._old: dict[signal.Signals, Any] = {}
        self._raised = False
        self._shielded = False
        self._pending: signal.Signals | None = None

    def install(self) -> None:
        """Take the signals over; handlers that the program set to be ignored stay ignored."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._old[number] = signal.signal(number, self._on_signal)

    def shield(self) -> None:
        """From here on signals are kept, not raised."""
        self._shielded = True

    def lift(self) -> None:
        """Give the handlers back, then raise the signal that came while shielded, if it is the first."""
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._old.clear()
        pending, self._pending = self._pending, None
        if pending is not None and not self._raised:
            self._raise(pending)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._shielded:
            self._pending = self._pending or signal.Signals(number)
            os.write(2, b"motorium: the arm is being brought to rest, please wait\n")
            return
        self._raise(signal.Signals(number))

    def _raise(self, number: signal.Signals) -> None:
        self._raised = True
        if number is signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)
