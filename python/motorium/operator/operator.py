"""The one owner of what a person presses while a verb runs: terminal, foot switch, stop device."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import MotoriumError
from ..timeline.events import Event, EventKind, EventLog
from ..types import Stoppable
from .estop import stop_device
from .marks import ENDS, PAUSES, RUN_KEYS, KeyMap, Mark
from .pedal import DEFAULT_MARKS, Pedal
from .terminal import KeyPress, Terminal

if TYPE_CHECKING:
    from typing_extensions import Self

KEY_HELD_S = 0.6
"""A key counts as held for so long after its last byte: keyboards repeat after 0.25 to 0.5 s."""


class Arm(Stoppable, Protocol):
    """An arm that a verb enters and closes: a `Robot`."""

    def close(self) -> None:
        """Release it; safe to call twice."""
        ...

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


_Arm = TypeVar("_Arm", bound=Arm)


class Operator:
    """Everything that a person can press while a verb runs. A context manager; the robot is entered inside it.

    Stop keys and stop devices act in the control thread, whatever the program does; the other keys wait there until
    one of the methods below asks for them. Nothing else reads the terminal.

    Attributes:
        terminal: the keyboard.
        pedal: the foot switch; None without one.
        log: marks of keys and pedal, each with the time of its press.
        paused: whether the person has paused the arm (keys that have a "pause").
    """

    def __init__(
        self,
        fd: int | None = None,
        *,
        say: Callable[[str], object] | None = None,
        keys: KeyMap = RUN_KEYS,
        pedal: str | Path | int | None = None,
        pedal_marks: Mapping[int, Mark] = DEFAULT_MARKS,
        device: str | None = None,
    ) -> None:
        """Open the pedal; terminal and stop device are touched when they are needed.

        Args:
            fd: the terminal, by default standard input; -1 for none.
            say: is told, once each, what the person should know.
            keys: what they mean.
            pedal: device of a foot switch, or an open descriptor.
            pedal_marks: key code -> what it means.
            device: whatever it says is an emergency stop; None for none.

        Raises:
            MotoriumError: the pedal is absent, or this user may not read it.
        """
        self.terminal = Terminal(fd, say=say)
        self.log = EventLog()
        self.pedal = None if pedal is None else Pedal(pedal, log=self.log, marks=pedal_marks)
        self.paused = False
        self._keys, self._device = keys, device
        self._requests: deque[str] = deque()
        self._pressed_s: dict[str, float] = {}
        self._ended = self._contact = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            stack.enter_context(self.terminal)
            if self.pedal is not None:
                stack.enter_context(self.pedal)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def watching(self, robot: Stoppable) -> Iterator[bool]:
        """Let keys and device stop `robot` while the block runs, the keys until it is closed.

        A robot that is not open is connected by this, so that it can be stopped from before it has torque. Yields
        whether keys are watched at the beginning. Raises OSError when there is no such device.
        """
        with self.terminal.watching(robot) as watched, stop_device(robot, self._device):
            yield watched

    @contextlib.contextmanager
    def attending(self, robot: _Arm) -> Iterator[_Arm]:
        """Enter `robot`, stoppable from before torque until it is at rest; then close it."""
        with contextlib.closing(robot), self.watching(robot), robot:
            yield robot

    def require_terminal(self) -> None:
        """Raise MotoriumError when there is no terminal to press keys at."""
        if not self.terminal.present:
            raise MotoriumError("keys need a terminal: run this in one; over SSH, use ssh -t")

    def poll(self) -> None:
        """Take the keys that were pressed since the last call, each for what it means."""
        for press in self.terminal.presses():
            self._take(press)

    def _take(self, press: KeyPress) -> None:
        t_ns, key = press
        self._pressed_s[key] = time.monotonic()
        if key == self._keys.contact:
            self._contact = not self._contact
            self.log.add(Event(t_ns, EventKind.CONTACT if self._contact else EventKind.RELEASE, f"key {key}"))
        elif key in self._keys.marks:
            self.log.add(Event(t_ns, self._keys.marks[key], f"key {key}"))
        asked = self._keys.requests.get(key)
        if asked == ENDS:
            self._ended = True
        elif asked == PAUSES:
            self.paused = not self.paused
        elif asked:
            self._requests.append(asked)

    def request(self) -> str | None:
        """Return the oldest request that was not returned yet; None when there is none."""
        self.poll()
        return self._requests.popleft() if self._requests else None

    def forget(self) -> None:
        """Drop what was pressed until now: it was not meant for what begins."""
        self.terminal.presses()
        self._requests.clear()
        self._contact = False

    def held(self, key: str) -> bool:
        """Return whether `key` was pressed, or repeated, a moment ago. An arrow or function key is none."""
        return time.monotonic() - self._pressed_s.get(key, float("-inf")) < KEY_HELD_S

    def ended(self) -> bool:
        """Return whether the person has asked for the end, by Enter."""
        self.poll()
        return self._ended

    def engaged(self) -> bool:
        """Return whether the arm may move: not paused, and the foot on the pedal where there is one."""
        return not self.paused and (self.pedal is None or self.pedal.held())

    def stopped(self) -> bool:
        """Return whether space or Escape has stopped the arm: the control thread has done it by itself."""
        self.poll()
        return self.terminal.present and self.terminal.stopped
