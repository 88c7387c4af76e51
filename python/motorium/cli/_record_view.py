"""Show a recording: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MotoriumError
from ._print import echo, redraw
from ._verb import count, say

if TYPE_CHECKING:
    from ..data.record.record_plan import Recorded
    from ..data.record.recorder import Sampler
    from ..operator.operator import Operator

OUTCOMES = {True: "success", False: "no success", None: "success unknown"}
SHOW_EVERY_S = 0.25
KEY_HELP = (
    "[s]uccess [f]ailure [Enter] keep [r]edo [d]iscard [q]uit; [n]ext sub-task [c]ontact [m]ark; [space] stop",
    "s success, f failure, Enter keep, r redo, d discard, q quit, space stop",
    "s f Enter r d q n c m; space stop",
    "space stop",
)
"""The longest that fits is shown; how to stop the arm is in each."""


class Silent:
    """Shows nothing and asks nothing."""

    def begins(self, number: int, of: int, task: str) -> None:
        """Take note of an episode that starts."""

    def watches(self, sampler: Sampler) -> str | None:
        """Follow the episode."""
        del sampler
        return None

    def ends(self, recorded: Recorded | None) -> None:
        """Take note of its end."""


class Plain(Silent):
    """A line when an episode begins and another when it is over."""

    def begins(self, number: int, of: int, task: str) -> None:
        """Take note of an episode that starts."""
        echo(f"{number + 1:>4} of {of}  {task}")

    def ends(self, recorded: Recorded | None) -> None:
        """Take note of its end."""
        if recorded is None:
            echo("      not kept")
            return
        r, episode = recorded, recorded.finished.episode
        lost = sum(r.finished.dropped.values())
        echo(
            f"      {OUTCOMES[r.success]}, {episode.length} rows at {r.rate_hz:.1f} Hz, {lost} frames dropped, "
            f"{count(r.missed_ticks, 'control tick')} missed, safe on disk in {r.finished.durable_s:.2f} s"
        )


class Live(Plain):
    """The same with a live line, and with the keys of the person who records."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._shown_s = 0.0

    def begins(self, number: int, of: int, task: str) -> None:
        """Take note of an episode that starts; what was pressed before it is not meant for it."""
        super().begins(number, of, task)
        self._operator.forget()

    def watches(self, sampler: Sampler) -> str | None:
        """Decide by the key that was pressed how the episode goes on."""
        request = self._operator.request()
        now_s = time.monotonic()
        if now_s - self._shown_s >= SHOW_EVERY_S:
            self._shown_s = now_s
            rows, lost = sampler.writer.rows, sum(sampler.writer.dropped.values())
            figures = f"  {rows} rows, {sampler.rate_hz:.1f} Hz, {lost} dropped  "
            redraw(fitting(figures, shutil.get_terminal_size().columns))
        return request

    def ends(self, recorded: Recorded | None) -> None:
        """Take note of its end."""
        redraw("")
        super().ends(recorded)


def watch(operator: Operator, *, silent: bool) -> Silent:
    """Choose who watches: nobody when `silent`, keys and a live line on a terminal, plain lines elsewhere."""
    if silent:
        return Silent()
    return Live(operator) if operator.terminal.present and sys.stdout.isatty() else Plain()


def fitting(figures: str, columns: int) -> str:
    """Return the live line with as much help on keys as fits, leaving one column free."""
    lines = (figures + text for text in KEY_HELP)
    return next((line for line in lines if len(line) < columns), figures)[: max(columns - 1, 0)]


def unknown(recorded: Sequence[Recorded], dataset: Path) -> str:
    """Return how to say of episodes whether they succeeded, where nobody has said so; "" where there is none."""
    left = [r.finished.episode.index for r in recorded if r.success is None]
    if not left:
        return ""
    return (
        f"whether {count(len(left), 'episode')} succeeded is unknown; to note it: motorium data mark "
        f"{shlex.quote(str(dataset))} --episodes {','.join(map(str, left))} --success"
    )


@contextmanager
def telling_what_is_kept(dataset: Path) -> Iterator[None]:
    """Say which episodes are kept, and how to recover the rest, when a session ends by an error or Ctrl-C."""
    try:
        yield
    except BaseException:
        with suppress(MotoriumError, OSError):
            if sys.stdout.isatty():  # the live line stands there
                echo(err=True)
            say(_kept(dataset))
        raise


def _kept(dataset: Path) -> str:
    from ..data.format.dataset import Dataset
    from ..data.format.layout import leftovers

    kept = f"{count(len(Dataset.open(dataset).episodes), 'episode')} kept in {dataset}"
    waiting = sum(map(len, leftovers(dataset)))
    if not waiting:
        return kept
    return f"{kept}, {count(waiting, 'episode')} cut off; to recover: motorium data repair {shlex.quote(str(dataset))}"
