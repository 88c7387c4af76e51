"""Fair races: every contender in every round, another one first each time, medians, ratios of the same round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Contender = Callable[[], object]


@dataclass(frozen=True)
class Pace:
    """How long a race runs.

    rounds: at most so many, but two at least.
    seconds: no further round begins after this time.
    block_s: in each round a contender is called again until it has run this long; its time is the mean of them.
    settle_s: pause before each contender, so that worker threads of the one before have stopped spinning.
    """

    rounds: int = 15
    seconds: float = 60.0
    block_s: float = 0.1
    settle_s: float = 0.05


QUICK = Pace(rounds=3, seconds=5.0, block_s=0.01, settle_s=0.0)


@dataclass(frozen=True)
class Race:
    """Seconds per call of each contender, one entry per round."""

    seconds: Mapping[str, tuple[float, ...]]

    @property
    def names(self) -> list[str]:
        """The contenders."""
        return list(self.seconds)

    def median_s(self, name: str) -> float:
        """Return median seconds per call."""
        return statistics.median(self.seconds[name])

    def ratio(self, ours: str, other: str) -> float:
        """Return how many times faster `ours` is than `other`: the median over rounds, each round compared with itself.

        What slows a machine for a while slows both contenders of a round, and so leaves the ratio alone.
        """
        pairs = zip(self.seconds[ours], self.seconds[other], strict=True)
        return statistics.median(b / a for a, b in pairs)

    def best_of(self, names: list[str]) -> str | None:
        """Return the one with the smallest median; None when `names` is empty."""
        return min(names, key=self.median_s, default=None)

    def medians_ms(self) -> dict[str, float]:
        """Return median milliseconds of each contender, four significant digits."""
        return {name: float(f"{1e3 * self.median_s(name):.4g}") for name in self.seconds}

    def least_ms(self) -> dict[str, float]:
        """Return the same of the quickest round of each contender: what is left when the machine is quiet."""
        return {name: float(f"{1e3 * min(times):.4g}") for name, times in self.seconds.items()}


def race(contenders: Mapping[str, Contender], pace: Pace | None = None) -> Race:
    """Run all contenders alternately and time them.

    Each is called once before any timing (compilation, caches, thread pools). In round r the order starts at
    contender r, so nobody always runs after the same neighbour.
    """
    pace = pace or Pace()
    names = list(contenders)
    for contender in contenders.values():
        contender()
    times: dict[str, list[float]] = {name: [] for name in names}
    begin = time.perf_counter()
    for number in range(max(2, pace.rounds)):
        if number >= 2 and time.perf_counter() - begin > pace.seconds:
            break
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            times[name].append(_block(contenders[name], pace))
    return Race({name: tuple(values) for name, values in times.items()})


def _block(contender: Contender, pace: Pace) -> float:
    """Mean seconds per call over a block, after one call that wakes threads and fetches data into the caches."""
    if pace.settle_s > 0:
        time.sleep(pace.settle_s)
    contender()
    calls = 0
    begin = time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < pace.block_s or calls == 0:
        contender()
        calls += 1
    return elapsed / calls
