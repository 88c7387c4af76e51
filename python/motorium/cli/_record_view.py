"""What a person sees and can ask for while recording: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..data.recorder import Recorded, Sampler

KEYS = {"r": "redo", "\x1b": "redo", "d": "discard", " ": "keep", "\r": "keep", "\n": "keep", "q": "quit"}
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
    """The same with a live line and keys."""

    def __init__(self) -> None:
        self._shown = 0.0

    def watches(self, sampler: Sampler) -> str | None:
        """It goes on; the key that was pressed decides."""
        now = time.monotonic()
        if now - self._shown >= SHOW_EVERY_S:
            self._shown = now
            rows, lost = sampler.writer.rows, sum(sampler.writer.dropped.values())
            click.echo(
                f"\r      {rows} rows, {sampler.rate_hz:.1f} Hz, {lost} dropped  [r]edo [d]iscard [space] keep [q]uit ",
                nl=False,
            )
        if select.select([sys.stdin], [], [], 0)[0]:
            return KEYS.get(sys.stdin.read(1))
        return None

    def ends(self, recorded: Recorded | None) -> None:
        """It is over."""
        click.echo("\r\x1b[K", nl=False)
        super().ends(recorded)


@contextlib.contextmanager
def watch(*, silent: bool) -> Iterator[Silent]:
    """Whoever fits: nobody when `silent`, keys and a live line on a terminal, plain lines elsewhere."""
    if silent:
        yield Silent()
    elif sys.stdin.isatty() and sys.stdout.isatty():
        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        try:
            yield Terminal()
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
    else:
        yield Plain()
