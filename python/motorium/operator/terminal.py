"""The terminal's keyboard while an arm is open: stop keys for the control thread, other keys for the verb.

One meaning everywhere: space and Escape stop the arm at once, Enter ends what is running in good order, Ctrl-C ends it
and brings the arm to rest; letters carry the actions of the verb. The control thread itself reads the keys, so a Python
program that hangs can be stopped too; it hands on what stops nothing (`csrc/runtime/key_scanner.hpp` has the rule for
arrow and function keys). Keys are watched only while this process is in the foreground of its terminal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from .._core import Reason
from ..types import Stoppable

if TYPE_CHECKING:
    from typing_extensions import Self

STOP_KEYS = b" \x1b"
"""Space and Escape."""
END = "\n"
"""Enter, whichever of its two bytes the terminal sends."""
ADVICE = "Space or Escape stops the arm at once, Enter ends normally, Ctrl-C ends and parks it."
LOOK_S = 0.1
"""Between looks at who is in the foreground: so long a key may go unheard after `fg`."""

_UNWATCHED = {
    "none": "keys are not watched, standard input is not a terminal: Ctrl-C or `kill {pid}` brings the arm to rest",
    "background": "keys are not watched in the background: `fg` brings them back, `kill {pid}` brings the arm to rest",
    "foreign": "keys are not watched, the terminal belongs to another session: `kill {pid}` brings the arm to rest",
}


class KeyPress(NamedTuple):
    """A key that stops nothing, and when the control thread read it (ns of the monotonic clock)."""

    t_ns: int
    key: str


class Terminal:
    """The keyboard, without echo and line by line editing between `with` and the end of the block.

    Where there is none, or another session owns it, everything works and no key is ever pressed. The block should
    enclose the robot's, so that keys still stop the arm while it is being parked.
    """

    def __init__(self, fd: int | None = None, *, say: Callable[[str], object] | None = None) -> None:
        """Own descriptor `fd`, by default standard input; `say` is told, once, what the person should know."""
        self._fd = _standard_input() if fd is None else fd
        self.present = self._fd >= 0 and os.isatty(self._fd)
        self._say = say or (lambda _text: None)
        self._before: list[Any] | None = None
        self._control: Any = None
        self._input = -1
        self._said: set[str] = set()
        self._change = threading.Lock()
        self._foreign: bool | None = None

    def __enter__(self) -> Self:
        if self.present and self._whose() == "ours":
            self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None and self._whose() == "ours":
            _set(self._fd, self._before)

    @property
    def watched(self) -> bool:
        """Whether a key would stop the arm now."""
        return self._input >= 0

    @property
    def stopped(self) -> bool:
        """Whether the arm is in an emergency stop."""
        return self._control is not None and self._control.reason is Reason.ESTOP

    @contextlib.contextmanager
    def watching(self, robot: Stoppable) -> Iterator[bool]:
        """Watch keys for `robot` while the block runs; what was typed before is dropped.

        A robot that is not open is connected by this, so that keys stop it from before it has torque. They go on
        stopping it after the block, until it is closed or the terminal given back. Yields whether they are watched at
        the beginning.
        """
        self._control = robot.control
        self._look()
        over = threading.Event()
        thread = threading.Thread(target=self._keep_looking, args=(over,), name="terminal", daemon=True)
        if self.present:
            thread.start()
        try:
            yield self.watched
        finally:
            over.set()
            if self.present:
                thread.join()

    def presses(self) -> list[KeyPress]:
        """Return keys since the last call that stop nothing, in order; [] without a terminal or a robot."""
        if self._control is None or not self.present:
            return []
        pressed = self._control.take_keys()
        return [KeyPress(t_ns, END if byte == 0x0D else chr(byte)) for t_ns, byte in pressed if byte < 0x7F]

    def unwatch(self) -> None:
        """Stop watching; an emergency stop that a key asked for stays."""
        with self._change:
            number, self._input = self._input, -1
            if number >= 0:
                self._control.unwatch_estop(number)

    def _keep_looking(self, over: threading.Event) -> None:
        while not over.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        """Watch in the foreground only; there, set again what a shell changed while the job was stopped."""
        whose = self._whose() if self.present else "none"
        if whose != "ours":
            self.unwatch()
            self._tell(_UNWATCHED[whose])
            return
        if not self.watched or _echoes(self._fd):
            self._take()  # which drops what was typed for somebody else
        with self._change:
            if self._input < 0:
                self._input = self._control.watch_estop(self._fd, STOP_KEYS, hand_on=True)
                self._tell(ADVICE)

    def _tell(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text.format(pid=os.getpid()))

    def _take(self) -> None:
        with contextlib.suppress(termios.error):  # it has gone
            if self._before is None:
                self._before = termios.tcgetattr(self._fd)
            mode = termios.tcgetattr(self._fd)
            mode[3] &= ~(
                termios.ICANON | termios.ECHO
            )  # a key counts when it goes down, not at the end of a line
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            _set(self._fd, mode, drop_input=True)

    def _whose(self) -> str:
        """Return who owns the keyboard: "ours", or the key of the reason in `_UNWATCHED`."""
        try:
            return "ours" if os.tcgetpgrp(self._fd) == os.getpgrp() else "background"
        except OSError:  # not the controlling terminal of this process: is it that of another? Asked once
            if self._foreign is None:
                self._foreign = _controls_a_session(self._fd)
            return "foreign" if self._foreign else "ours"


def _standard_input() -> int:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # closed, replaced, or none at all
        return -1


def _echoes(fd: int) -> bool:
    try:
        return bool(termios.tcgetattr(fd)[3] & (termios.ICANON | termios.ECHO))
    except termios.error:
        return False


def _set(fd: int, mode: list[Any], *, drop_input: bool = False) -> None:
    """Set the terminal's mode, and drop what was typed so far.

    As TCSAFLUSH, but never waits for output, which Ctrl-S may have stopped. SIGTTOU is blocked: it would stop this
    process, should it have gone to the background just now.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        with contextlib.suppress(termios.error):  # it has gone
            termios.tcsetattr(fd, termios.TCSANOW, mode)
            if drop_input:
                termios.tcflush(fd, termios.TCIFLUSH)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _controls_a_session(fd: int) -> bool:
    """Return whether some process has this terminal as its controlling one (field 7 of /proc/PID/stat, proc(5))."""
    try:
        device = os.fstat(fd).st_rdev
        processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    except OSError:
        return True
    number = os.minor(device) & 0xFF | os.major(device) << 8 | (os.minor(device) & ~0xFF) << 12
    for process in processes:
        with contextlib.suppress(OSError, IndexError, ValueError):  # it has ended
            if int((process / "stat").read_bytes().rpartition(b")")[2].split()[4]) == number:
                return True
    return False
