"""How a demo is shown: live with rich on a terminal, plain lines elsewhere, nothing with `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._verb import print_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..sim.demo import DemoReport, EpisodeResult

MARKS = {True: "success", False: "FAILED"}


class SilentAudience:
    """Shows nothing."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def begins(self, index: int, seed: int, task: str) -> None:
        """An episode starts."""

    def watches(self, index: int, time_s: float, judge: dict[str, Any]) -> None:
        """An episode goes on."""

    def ends(self, result: EpisodeResult) -> None:
        """An episode is over."""


class PlainAudience(SilentAudience):
    """One line per episode."""

    def ends(self, result: EpisodeResult) -> None:
        """An episode is over."""
        mark = MARKS[result.success]
        click.echo(f"{result.index + 1:>4}  {mark:<8} {result.time_s:5.1f} s  {result.task}  (scene {result.seed})")


class LiveAudience(SilentAudience):
    """A live table with a bar for the whole demo and the judge's eye on the episode that runs."""

    def __init__(self, episodes: int) -> None:
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._done: list[EpisodeResult] = []
        self._now = ""
        self._bar = Progress(TextColumn("episodes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._task = self._bar.add_task("episodes", total=episodes)
        self._live = Live(self._view(), refresh_per_second=8, transient=True)

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begins(self, index: int, seed: int, task: str) -> None:
        """An episode starts."""
        self._show(f"[bold]{task}[/bold]  (scene {seed})")

    def watches(self, index: int, time_s: float, judge: dict[str, Any]) -> None:
        """An episode goes on."""
        seen = "in the tray" if judge["target_in_tray"] else "on its way"
        self._show(f"{self._now.split('   ')[0]}   {time_s:4.1f} s  {seen}, held {judge['held_s']:.1f} s")

    def ends(self, result: EpisodeResult) -> None:
        """An episode is over."""
        self._done.append(result)
        self._bar.advance(self._task)
        self._show("")

    def _show(self, now: str) -> None:
        self._now = now
        self._live.update(self._view())

    def _view(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        lines = [Text(_line(r), style="green" if r.success else "red") for r in self._done[-12:]]
        return Group(*lines, Text.from_markup(self._now), self._bar)
