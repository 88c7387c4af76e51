"""The scheduler in Python as it was in 0.1.0: what `csrc/robot/scheduler` must decide, number for number."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

MEMORY, TRUSTED, MARGIN_ROWS = 20, 5, 1


@dataclass(frozen=True)
class Pace:
    dt_ns: int
    rows: int
    horizon: int
    max_delay: int


def needed_rows(age_ns: int, latency_ns: int, dt_ns: int) -> int:
    return math.ceil((age_ns + latency_ns) / dt_ns) + MARGIN_ROWS


class Scheduler:
    def __init__(self, pace: Pace, prior_ns: int = 0) -> None:
        self.pace = pace
        self._prior_ns = prior_ns
        self._newest_t0_ns: int | None = None
        self._latencies_ns: deque[int] = deque(maxlen=MEMORY)
        self.needed = self.declared = self.shortfalls = 0

    def record(self, latency_ns: int) -> None:
        self._latencies_ns.append(latency_ns)

    @property
    def latency_ns(self) -> int:
        measured = max(self._latencies_ns, default=0)
        return measured if len(self._latencies_ns) >= TRUSTED else max(measured, self._prior_ns)

    @property
    def measured(self) -> bool:
        measured = max(self._latencies_ns, default=0)
        return len(self._latencies_ns) >= TRUSTED or measured >= self._prior_ns

    def delay(self, age_ns: int) -> int:
        self.needed = needed_rows(age_ns, self.latency_ns, self.pace.dt_ns)
        self.declared = min(self.needed, self.pace.max_delay)
        self.shortfalls += self.declared < self.needed
        return self.declared

    def next_start_ns(self, t0_ns: int, delay: int) -> int:
        self._newest_t0_ns = t0_ns
        latest = self.pace.rows - 1 - delay - MARGIN_ROWS
        return t0_ns + max(1, min(self.pace.horizon, latest)) * self.pace.dt_ns

    def planned_rows(self, t0_ns: int) -> int:
        if self._newest_t0_ns is None:
            return 0
        passed = math.ceil((t0_ns - self._newest_t0_ns) / self.pace.dt_ns)
        return min(max(0, self.pace.rows - passed), self.pace.rows)
