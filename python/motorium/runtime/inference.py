"""The inference thread of one run; nobody waits for it before the arm holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ..errors import SafetyError
from ..logs import logger
from ..units import NS_PER_S

T = TypeVar("T")

LEAVE_AFTER_S = 1.0
"""An inference still going on so long after the end of its run is left to itself: the arm holds already."""
MAX_BUSY_S = 10.0
"""A new run waits this long for a policy that is still busy with an inference of the run before."""

_log = logger(__name__)
_left: list[tuple[threading.Thread, object]] = []
"""Threads left to themselves, with the policy each of them is in."""


class InferenceThread:
    """Prepares, then keeps planning until told to end.

    Whatever it does to the arm needs a permit (`allowed`), and `withdraw` takes that away for good. A policy cannot be
    interrupted, so one that hangs keeps its thread; but its late answer goes nowhere. The thread is a daemon: it keeps
    no process alive.

    Attributes:
        error: what the thread died of; None while it has not.
    """

    def __init__(self, policy: object, prepare: Callable[[], None], plan: Callable[[], int]) -> None:
        """Of `policy`; `plan` returns when it is to be called again, CLOCK_MONOTONIC ns."""
        self.error: BaseException | None = None
        self._policy = policy
        self._prepare, self._plan = prepare, plan
        self._permit = threading.Lock()
        self._ready, self._go, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def prepare(self) -> None:
        """Start to prepare, in the background.

        Raises:
            SafetyError: the policy is still busy with an inference of a run before, and does not come back.
        """
        if self._thread.ident is None:
            _require_free(self._policy)
            self._thread.start()

    def ready(self, timeout_s: float) -> bool:
        """Wait until it is prepared or has died of `error`; returns whether it is prepared."""
        return self._ready.wait(timeout_s)

    def go(self) -> None:
        """Let it plan."""
        self.prepare()
        self._go.set()

    def allowed(self, act: Callable[[], T]) -> T | None:
        """Return what `act` returns; None, without calling it, once the permit was withdrawn."""
        with self._permit:
            return None if self._over.is_set() else act()

    def withdraw(self) -> None:
        """End it; when this returns, nothing that it does reaches the arm any more."""
        self._over.set()  # first: also where the wait for the permit is interrupted
        self._go.set()
        with self._permit:
            pass

    def leave(self) -> None:
        """Wait a moment for its end; one that takes longer is left to itself, which is said once."""
        if self._thread.ident is None or any(thread is self._thread for thread, _ in _left):
            return
        self._thread.join(LEAVE_AFTER_S)
        if self._thread.is_alive():
            _left.append((self._thread, self._policy))
            _log.warning(
                "an inference is still running %.0f s after its run: it is ignored and can no longer move anything",
                LEAVE_AFTER_S,
            )

    def _run(self) -> None:
        try:
            self._prepare()
            self._ready.set()
            self._go.wait()
            next_ns = time.monotonic_ns()
            while not self._over.wait(max(0, next_ns - time.monotonic_ns()) / NS_PER_S):
                next_ns = self._plan()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, whatever it is
            self.error = error
        finally:
            self._ready.set()


def _require_free(policy: object) -> None:
    _left[:] = [(thread, held) for thread, held in _left if thread.is_alive()]
    for thread, held in tuple(_left):
        if held is policy:
            thread.join(MAX_BUSY_S)
            if thread.is_alive():
                raise SafetyError(
                    f"the policy is still busy with an inference of an earlier run, {MAX_BUSY_S:.0f} s later: "
                    f"load it again, or restart the program"
                )
