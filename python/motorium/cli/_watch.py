"""How a demo is shown: live with rich on a terminal, plain lines elsewhere, nothing with `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._print import echo, shown
from ._verb import print_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..sim.demo import DemoReport, EpisodeResult


def _outcome(result: EpisodeResult) -> str:
    if result.success:
        return f"success after {result.time_s:.1f} s"
    return (
        "failed: wrong cube in the tray"
        if result.wrong_cube
        else f"failed: not done in {result.time_s:.1f} s"
    )


def _line(result: EpisodeResult) -> str:
    return f"{result.index + 1:>4}  {result.task}  (scene {result.seed})  {_outcome(result)}"


class SilentAudience:
    """Shows nothing."""

    def __enter__(self) -> SilentAudience:
        return self

    def __exit__(self, *_: object) -> None: ...

    def begins(self, index: int, seed: int, task: str) -> None:
        """Take note of an episode that starts."""

    def watches(self, index: int, time_s: float, judge: dict[str, Any]) -> None:
        """Follow the episode."""

    def ends(self, result: EpisodeResult) -> None:
        """Take note of its end."""


class PlainAudience(SilentAudience):
    """A line when an episode begins and another when it is over."""

    def begins(self, index: int, seed: int, task: str) -> None:
        """Take note of an episode that starts."""
        echo(f"{index + 1:>4}  {task}  (scene {seed})")

    def ends(self, result: EpisodeResult) -> None:
        """Take note of its end."""
        echo(f"      {_outcome(result)}")


class LiveAudience(SilentAudience):
    """Finished episodes as lines that stay; below them the judge's eye on the one that runs, and a bar."""

    def __init__(self, episodes: int) -> None:
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._task_words, self._now = "", ""
        self._bar = Progress(TextColumn("episodes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._task = self._bar.add_task("episodes", total=episodes)
        self._live = Live(self._view(), refresh_per_second=8, transient=True)

    def __enter__(self) -> SilentAudience:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begins(self, index: int, seed: int, task: str) -> None:
        """Take note of an episode that starts."""
        self._task_words = f"{index + 1:>4}  {task}  (scene {seed})"
        self._show(self._task_words)

    def watches(self, index: int, time_s: float, judge: dict[str, Any]) -> None:
        """Follow the episode."""
        del index
        seen = f"in the tray for {judge['held_s']:.1f} s" if judge["target_in_tray"] else "on its way"
        self._show(f"{self._task_words}  {time_s:4.1f} s, {seen}")

    def ends(self, result: EpisodeResult) -> None:
        """Take note of its end."""
        from rich.text import Text

        self._live.console.print(Text(shown(_line(result)), style="green" if result.success else "red"))
        self._bar.advance(self._task)
        self._show("")

    def _show(self, now: str) -> None:
        self._now = now
        self._live.update(self._view())

    def _view(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        return Group(Text(shown(self._now)), self._bar)


def choose_audience(episodes: int, *, live: bool, silent: bool) -> SilentAudience:
    """Who watches: nobody when `silent`, a live display when `live`, else plain lines."""
    if silent:
        return SilentAudience()
    return LiveAudience(episodes) if live else PlainAudience()


def print_report(report: DemoReport, written: Sequence[Path]) -> None:
    """Show the closing table, and where the files are."""
    figures = report.as_dict()
    control, bus, safety = figures["control"], figures["bus"], figures["safety"]
    latency, period = figures["chunk_latency_ms"], figures["control"]["period_us"]
    echo()
    print_table(
        ["demo", f"{figures['robot']} over {figures['transport']}"],
        [
            ["checkpoint", figures["checkpoint"]],
            [
                "successes",
                f"{figures['successes']} of {figures['episodes']}  ({figures['success_rate']:.0%})",
            ],
            ["chunk latency", f"p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms"],
            ["control", f"{control['rate_hz']:g} Hz, {control['ticks']} ticks, {control['missed']} missed"],
            ["control period", f"p50 {period['p50']:.0f} us, p99 {period['p99']:.0f} us"],
            [
                "bus",
                f"{bus['cycles']} cycles, {bus['crc_errors']} bad checksums, {bus['timeouts']} time-outs",
            ],
            [
                "safety gate",
                f"{safety['clamped']} ticks held to a limit, {safety['refused']} refused, {safety['trips']} trips",
            ],
            ["chunks", f"{figures['late_chunks']} late, {figures['underflows']} underflows"],
        ],
    )
    echo()
    for path in written:
        echo(f"wrote {path}")
