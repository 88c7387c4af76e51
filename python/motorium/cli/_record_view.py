"""What a person sees and can ask for while recording: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING

import click

from ..timeline.events import Event, EventLog

if TYPE_CHECKING:
    from ..data.recorder import Recorded, Sampler
    from ..operator.terminal import KeyPress, Terminal

KEYS = {"r": "redo", "d": "discard", "\n": "keep", "q": "quit"}
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
            f"{r.missed_ticks} control ticks missed, safe on disk in {r.finished.durable_s:.2f} s"
        )


class Live(Plain):
    """The same with a live line and keys; marks go to `log` with the time at which they were pressed."""

    def __init__(self, terminal: Terminal, log: EventLog) -> None:
        self._terminal, self._log = terminal, log
        self._shown = 0.0
        self._wishes: deque[str] = deque()
        self._contact = False

    def _take(self, press: KeyPress) -> None:
        t_ns, key = press
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
        self._terminal.presses()
        self._wishes.clear()
        self._contact = False

    def watches(self, sampler: Sampler) -> str | None:
        """It goes on; the key that was pressed decides."""
        for press in self._terminal.presses():
            self._take(press)
        now = time.monotonic()
        if now - self._shown >= SHOW_EVERY_S:
            self._shown = now
            rows, lost = sampler.writer.rows, sum(sampler.writer.dropped.values())
            click.echo(
                f"\r      {rows} rows, {sampler.rate_hz:.1f} Hz, {lost} dropped  "
                "[Enter] keep [r]edo [d]iscard [q]uit; [n]ext sub-task [c]ontact [m]ark; [space] stop ",
                nl=False,
            )
        return self._wishes.popleft() if self._wishes else None

    def ends(self, recorded: Recorded | None) -> None:
        """It is over."""
        click.echo("\r\x1b[K", nl=False)
        super().ends(recorded)


def watch(terminal: Terminal, *, silent: bool, log: EventLog) -> Silent:
    """Whoever fits: nobody when `silent`, keys and a live line on a terminal, plain lines elsewhere.

    Keys that mark something add to `log`.
    """
    if silent:
        return Silent()
    return Live(terminal, log) if terminal.present and sys.stdout.isatty() else Plain()
