"""What a person sees and can ask for while recording: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..timeline.events import Event, EventLog

if TYPE_CHECKING:
    from ..data.recorder import Recorded, Sampler

KEYS = {"r": "redo", "\x1b": "redo", "d": "discard", " ": "keep", "\r": "keep", "\n": "keep", "q": "quit"}
MARKS = {"n": "subtask", "m": "mark"}
CONTACT = "c"
"""Contact begins with it and ends with it: a terminal tells of presses, never of releases."""
SHOW_EVERY_S = 0.25


class Silent:
    """Shows nothing and asks nothing."""

    def begins(self, number: int, of: int, task: str) -> None:
        """An episode starts."""

    def watches(self, sampler: Sampler) -> str | None:
        """It goes on."""
        del sampler
        return None

    def ends(self, recorded: Recorded | None) -> None:
        """It is over."""


class Plain(Silent):
    """A line when an episode begins and another when it is over."""

    def begins(self, number: int, of: int, task: str) -> None:
        """An episode starts."""
        click.echo(f"{number + 1:>4} of {of}  {task}")

    def ends(self, recorded: Recorded | None) -> None:
        """It is over."""
        if recorded is None:
            click.echo("      not kept")
            return
        r, episode = recorded, recorded.finished.episode
        lost = sum(r.finished.dropped.values())
        outcome = "success" if r.success else "no success"
        click.echo(
            f"      {outcome}, {episode.length} rows at {r.rate_hz:.1f} Hz, {lost} frames dropped, "
            f"{r.missed_ticks} control ticks missed, durable in {r.finished.durable_s:.2f} s"
        )


class Terminal(Plain):
    """The same with a live line and keys; marks go to `log` with the time at which they were pressed."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._shown = 0.0
        self._wishes: deque[str] = deque()
        self._contact = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more keys."""
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._over.is_set():
            if not select.select([sys.stdin], [], [], 0.05)[0]:
                continue
            pressed = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
            now_ns = time.monotonic_ns()
            if not pressed:
                return
            for key in pressed:
                self._take(key, now_ns)

    def _take(self, key: str, t_ns: int) -> None:
        if key == CONTACT:
            self._contact = not self._contact
            self._log.add(Event(t_ns, "contact" if self._contact else "release", f"key {key}"))
        elif key in MARKS:
            self._log.add(Event(t_ns, MARKS[key], f"key {key}"))
        elif key in KEYS:
            self._wishes.append(KEYS[key])

    def begins(self, number: int, of: int, task: str) -> None:
        """An episode starts; what was pressed before it is not meant for it."""
        super().begins(number, of, task)
        self._wishes.clear()
        self._contact = False

    def watches(self, sampler: Sampler) -> str | None:
        """It goes on; the key that was pressed decides."""
        now = time.monotonic()
        if now - self._shown >= SHOW_EVERY_S:
            self._shown = now
            rows, lost = sampler.writer.rows, sum(sampler.writer.dropped.values())
            click.echo(
                f"\r      {rows} rows, {sampler.rate_hz:.1f} Hz, {lost} dropped  "
                "[r]edo [d]iscard [space] keep [q]uit; [n]ext sub-task [c]ontact [m]ark ",
                nl=False,
            )
        return self._wishes.popleft() if self._wishes else None

    def ends(self, recorded: Recorded | None) -> None:
        """It is over."""
        click.echo("\r\x1b[K", nl=False)
        super().ends(recorded)


@contextlib.contextmanager
def watch(*, silent: bool, log: EventLog | None = None) -> Iterator[Silent]:
    """Whoever fits: nobody when `silent`, keys and a live line on a terminal, plain lines elsewhere.

    Keys that mark something add to `log`.
    """
    if silent:
        yield Silent()
    elif sys.stdin.isatty() and sys.stdout.isatty():
        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        terminal = Terminal(EventLog() if log is None else log)
        try:
            yield terminal
        finally:
            terminal.close()
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
    else:
        yield Plain()
