"""Ctrl-C, SIGTERM and SIGHUP while arms are open: they end the program, never a park. One guard per process."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from .._core import guard_termination, has_signal_handler, unguard_termination
from ..errors import MotoriumError

if TYPE_CHECKING:
    from .robot import Robot

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = b"motorium: the arm is being brought to rest, please wait\n"
UNGUARDED = (
    "this program handles signals outside Python: Ctrl-C, SIGTERM or SIGHUP may end it without bringing the arm to "
    "rest. Let its handlers call motorium.close_all()"
)
"""What `open` says where it cannot protect the arm."""


class SignalGuard:
    """Counts the arms that are open in this process, in whichever thread, and stands between signals and them.

    While arms are open, a signal for which the program has a handler of its own calls that handler; otherwise SIGINT
    becomes KeyboardInterrupt, and SIGTERM and SIGHUP become SystemExit(128 + number), so that `with` blocks and
    `finally` clauses run, which the default handlers would not allow. Python runs all this in the main thread; arms
    that other threads have opened are brought to rest beside it when SIGTERM or SIGHUP ends the program. Where only
    such arms are open, and Python allows no handlers, the core brings them to rest before the signal kills
    (`guard_termination`). While the main thread itself brings an arm to rest, signals are kept until that is done.
    With the last arm the handlers are given back. SIGTTOU is ignored meanwhile: a job in the background whose terminal
    stops its output (`stty tostop`) would stop with the arm under torque.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._arms: dict[int, tuple[int, Robot]] = {}
        self._old: dict[signal.Signals, Any] = {}
        self._ignored = False
        self._shields = 0
        self._pending: list[signal.Signals] = []

    @property
    def arms(self) -> list[Robot]:
        """Robots that are open in this process now."""
        return [arm for _, arm in list(self._arms.values())]

    def take(self, arm: Robot) -> str:
        """Count `arm` in. Returns "", or why no signal will bring it to rest."""
        with self._lock:
            self._arms[id(arm)] = (threading.get_ident(), arm)
            try:
                self._install()
            except ValueError:  # not the main thread, or an interpreter inside another program
                guard_termination()
            return UNGUARDED if any(_outside(number) for number in SIGNALS) else ""

    def release(self, arm: Robot) -> None:
        """Count `arm` out; safe to call twice, and from any thread."""
        with self._lock:
            self._arms.pop(id(arm), None)
            self._settle()

    @contextmanager
    def shield(self, error: BaseException | None) -> Iterator[None]:
        """Hold back signals while the block brings an arm to rest; they take effect at its end.

        Args:
            error: on its way already. Where a signal sent it, further ones that end the program are not raised again.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # handlers run in the main thread and cannot disturb this one
            return
        self._shields += 1
        try:
            with suppress(ValueError), self._lock:
                if self._arms:
                    self._install()  # over a handler that the program has set meanwhile
            yield
        finally:
            self._shields -= 1
            if self._shields == 0:
                pending, self._pending = self._pending, []
                handlers = {number: self._old.get(number) for number in pending}
                with self._lock:
                    self._settle()
                self._deliver(handlers, ended=isinstance(error, (KeyboardInterrupt, SystemExit)))

    def forked(self) -> None:
        """Give all arms back in a forked child, which has copies of them but must not move them."""
        self._lock = threading.RLock()
        self._arms, self._shields, self._pending = {}, 0, []
        self._settle()

    def _install(self) -> None:
        """Take over what is not ours yet; a signal that is ignored, or that code outside Python handles, stays so."""
        for number in SIGNALS:
            now = signal.getsignal(number)
            if now in (signal.SIG_IGN, self._on_signal) or _outside(number):
                continue
            before, self._old[number] = self._old.get(number), now
            try:
                signal.signal(number, self._on_signal)
            except ValueError:  # not the main thread
                if before is None:
                    del self._old[number]
                else:
                    self._old[number] = before
                raise
        if signal.getsignal(signal.SIGTTOU) == signal.SIG_DFL:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            self._ignored = True

    def _settle(self) -> None:
        """Give the handlers back when no arm is left; outside the main thread that has to wait for a signal."""
        if self._arms or self._shields:
            return
        unguard_termination()
        with suppress(ValueError):
            for number, handler in list(self._old.items()):
                if signal.getsignal(number) == self._on_signal:  # else the program has set another meanwhile
                    signal.signal(number, handler)
                self._old.pop(number, None)
            if self._ignored and signal.getsignal(signal.SIGTTOU) == signal.SIG_IGN:
                signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            self._ignored = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        which = signal.Signals(number)
        if self._shields:
            if which not in self._pending:
                self._pending.append(which)
            with suppress(OSError):  # nobody may be there to read it
                os.write(2, PATIENCE)
            return
        handler = self._old.get(which, signal.SIG_DFL)
        if not self._arms:
            self._settle()  # the last was closed in a thread that may not
        if _is_programs(handler):
            handler(number, frame)
            return
        if not self._arms and handler == signal.SIG_DFL and signal.getsignal(which) == signal.SIG_DFL:
            os.kill(os.getpid(), number)
            return
        self._end(which)

    def _deliver(self, handlers: dict[signal.Signals, Any], *, ended: bool) -> None:
        for number, handler in handlers.items():
            if _is_programs(handler):
                handler(int(number), None)
        for number, handler in handlers.items():
            if not _is_programs(handler) and not ended:
                self._end(number)

    def _end(self, number: signal.Signals) -> None:
        if number is signal.SIGINT:
            raise KeyboardInterrupt
        for thread, arm in list(self._arms.values()):  # threads of the program would go on with their arms
            if thread != threading.get_ident():
                _thread.start_new_thread(arm.close, ())  # takes no lock that the interrupted code may hold
        raise SystemExit(128 + number)


def _outside(number: int) -> bool:
    """Whether code outside Python handles the signal: set before Python started, or behind its back."""
    known = signal.getsignal(number)
    return known is None or (known == signal.SIG_DFL and has_signal_handler(number))


def _is_programs(handler: Any) -> bool:
    return callable(handler) and handler is not signal.default_int_handler


GUARD = SignalGuard()
"""The one of this process."""
os.register_at_fork(after_in_child=GUARD.forked)


def close_all() -> None:
    """Bring every robot that is open in this process to rest, in the order of opening, and give everything back.

    Raises:
        MotoriumError: what the first of them that failed raised; the others are closed all the same.
    """
    problems: list[MotoriumError] = []
    for arm in GUARD.arms:
        try:
            arm.close()
        except MotoriumError as error:  # noqa: PERF203 - the next one must come to rest too
            problems.append(error)
    if problems:
        raise problems[0]
