"""Intervals and tests of success rates: of one policy, and of two that played the same scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959964


def wilson(successes: int, count: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson, 1927)."""
    if count < 1:
        return 0.0, 1.0
    p, z2 = successes / count, z * z
    centre = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = z * math.sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Pairs:
    """How often two policies succeeded in the same scenes.

    Attributes:
        both: scenes in which both succeeded.
        first: in which the first alone did.
        second: in which the second alone did.
        neither: in which none did.
    """

    both: int
    first: int
    second: int
    neither: int

    @classmethod
    def of(cls, first: Sequence[bool], second: Sequence[bool]) -> Pairs:
        """Count outcomes of the same scenes, in the same order; ValueError when their numbers differ."""
        pairs = list(zip(first, second, strict=True))
        both, one, other = (pairs.count(seen) for seen in ((True, True), (True, False), (False, True)))
        return cls(both, one, other, len(pairs) - both - one - other)

    @property
    def count(self) -> int:
        """Scenes."""
        return self.both + self.first + self.second + self.neither

    @property
    def difference(self) -> float:
        """Rate of the first minus that of the second."""
        return (self.first - self.second) / self.count if self.count else 0.0

    def interval(self, z: float = Z95) -> tuple[float, float]:
        """Return the interval of `difference` for paired proportions, by default of 95 %.

        Method 10 of Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
        paired data", Statistics in Medicine 17 (1998) 2635-2650: both Wilson intervals, squared and added, with a
        continuity-corrected estimate of the correlation between the pairs.
        """
        n = self.count
        if n < 1:
            return -1.0, 1.0
        good = self.both + self.first, self.both + self.second
        (p1, p2), correlation = (k / n for k in good), self._correlation()
        (low1, high1), (low2, high2) = (wilson(k, n, z) for k in good)
        below, above = (p1 - low1, high2 - p2), (high1 - p1, p2 - low2)
        lower, upper = (_root(a * a - 2 * correlation * a * b + b * b) for a, b in (below, above))
        return max(-1.0, p1 - p2 - lower), min(1.0, p1 - p2 + upper)

    def _correlation(self) -> float:
        """Return phi of the 2x2 table, its numerator drawn towards 0 where that is positive."""
        a, b, c, d = self.both, self.first, self.second, self.neither
        margins = (a + b) * (c + d) * (a + c) * (b + d)
        if not margins:
            return 0.0
        product = float(a * d - b * c)
        if product > 0:
            product = max(product - self.count / 2, 0.0)
        return product / math.sqrt(margins)

    def mcnemar(self) -> float:
        """Return the exact two-sided p of "both are equally good": McNemar (1947), by the binomial distribution.

        Only scenes count in which one succeeded and the other did not.
        """
        unlike, fewer = self.first + self.second, min(self.first, self.second)
        tail = term = 1
        for k in range(fewer):
            term = term * (unlike - k) // (k + 1)
            tail += term
        return float(min(1.0, 2 * tail / (1 << unlike)))


def _root(value: float) -> float:
    return math.sqrt(max(value, 0.0))
