"""Describe what the quality gate found: one finding per trouble, with its place and its remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from ...printable import printable

BLOCKING = frozenset(
    {"damaged", "frames", "video", "index", "clock", "rate", "not_finite", "stats", "leakage"}
)
"""Kinds with which nobody should train: what is read would not be what was recorded."""
WEIGHT, BLOCKING_WEIGHT = 2.0, 10.0
"""Points that the first finding of a kind in an episode costs."""
UNJUDGED = frozenset({"not_judged", "unit"})
"""Kinds that say what could not be judged, or on which guess: they cost no points, but 100 is not reached."""
WITHOUT = "or continue without it: motorium data delete DATASET --episodes EPISODE --out NEW"
"""For what only its maker could mend; the dataset itself stays as it is."""
KEEP = 5
"""Findings of one kind in one episode that are listed; more are counted in the last one."""


@dataclass(frozen=True)
class Finding:
    """One problem.

    Attributes:
        kind: one of those that `check.py` lists.
        episode: where, or None for the dataset.
        time_s: from the episode's beginning, or None.
        detail: what is wrong, with numbers.
        remedy: what to do.
        more: further ones of its kind in the same episode that are not listed.
    """

    kind: str
    episode: int | None
    time_s: float | None
    detail: str
    remedy: str
    more: int = 0

    def naming(self, root: Path) -> Finding:
        """Return it with the dataset's folder in the commands of its remedy, for a shell."""
        command = (
            r"(motorium data (?:convert|delete|mark|relabel|repair|split|stats|units|view))\b(?: DATASET)?"
        )
        named = re.sub(command, lambda found: f"{found[1]} {quote(str(root))}", self.remedy)
        return replace(
            self, detail=printable(self.detail), remedy=named.replace("EPISODE", str(self.episode))
        )

    @property
    def blocks(self) -> bool:
        """Whether it prevents the dataset's use."""
        return self.kind in BLOCKING

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "episode": self.episode,
            "time_s": None if self.time_s is None else round(self.time_s, 3),
            "detail": self.detail,
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class Summary:
    """All findings of one kind.

    Attributes:
        first: the earliest.
        count: how many, those that are not listed too.
        episodes: in how many episodes; 0 when they are about the dataset.
    """

    first: Finding
    count: int
    episodes: int


@dataclass(frozen=True)
class Verdict:
    """All findings and a score from 0 to 100; 100 means that nothing was found.

    Attributes:
        findings: in order.
        episodes: how many were judged.
        skipped: what was not looked for, because it was not asked for.
    """

    findings: tuple[Finding, ...]
    episodes: int
    skipped: tuple[str, ...] = ()

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Those that block."""
        return tuple(finding for finding in self.findings if finding.blocks)

    @property
    def count(self) -> int:
        """How many were found, including those that are not listed."""
        return sum(1 + finding.more for finding in self.findings)

    def by_kind(self) -> list[Summary]:
        """Summarise each kind: blocking kinds first, then by the number of episodes they are in."""
        groups: dict[str, list[Finding]] = {}
        for finding in self.findings:
            groups.setdefault(finding.kind, []).append(finding)
        summaries = [
            Summary(
                first=group[0],
                count=sum(1 + finding.more for finding in group),
                episodes=len({finding.episode for finding in group} - {None}),
            )
            for group in groups.values()
        ]
        return sorted(summaries, key=lambda s: (not s.first.blocks, -s.episodes, -s.count, s.first.kind))

    @property
    def score(self) -> int:
        """Share of trouble per episode: each kind counts once an episode, blocking ones five times as much."""
        hits = {(finding.kind, finding.episode) for finding in self.findings}
        cost = sum(
            BLOCKING_WEIGHT if kind in BLOCKING else WEIGHT for kind, _ in hits if kind not in UNJUDGED
        )
        worst = BLOCKING_WEIGHT * max(self.episodes, 1)
        return max(0, min(round(100 * (1 - cost / worst)), 99 if self.findings else 100))

    def as_dict(self) -> dict[str, Any]:
        """Return what `motorium data check --json` prints."""
        return {
            "score": self.score,
            "blocking": [finding.as_dict() for finding in self.blocking],
            "findings": [finding.as_dict() for finding in self.findings],
            "skipped": list(self.skipped),
        }


def shortened(findings: Iterable[Finding]) -> list[Finding]:
    """Keep the first few of every kind in every episode; the last of them says how many more there are."""
    groups: dict[tuple[str, int | None], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.kind, finding.episode), []).append(finding)
    out = []
    for group in groups.values():
        kept, more = group[:KEEP], len(group) - KEEP
        if more > 0:
            last = kept[-1]
            detail = f"{last.detail} (and {more} more)"
            kept[-1] = replace(last, detail=detail, more=more)
        out += kept
    return out
