"""The rule about an episode's end: whether it is missing."""

from __future__ import annotations

from collections.abc import Iterator

from ..format.outcome import cut_off as end_is_missing
from .case import Case
from .findings import Finding


def cut_off(case: Case) -> Iterator[Finding]:
    """A demonstration that stops in the middle teaches to stop there."""
    if end_is_missing(case.notes):
        number, seconds = case.episode.index, case.episode.length / case.fps
        yield case.finding(
            "cut_off",
            None,
            f"recovered from a recording that was cut off: the demonstration ends in the middle, after {seconds:.1f} s",
            f"look at it, then motorium data delete --episodes {number} --out NEW; or, when nothing is missing, "
            f"motorium data mark DATASET --episodes {number} --whole",
        )
