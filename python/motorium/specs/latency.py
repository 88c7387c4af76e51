"""How long an inference takes on a robot: the distribution its plans are evaluated for, `[latency]` of its TOML.

Universal asynchronous chunking (Being-H0.5) trains and runs with delays drawn per robot. Here the distribution is the
scheduler's prior until enough inferences were measured, and what lock-step evaluation draws from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..deprecated import renamed_keyword

if TYPE_CHECKING:
    from .._core import PolicyTiming

Floats = tuple[float, ...]


@dataclass(frozen=True)
class LatencySpec:
    """Latencies in ascending order, and how often each occurs, in proportion."""

    seconds: Floats
    weights: Floats

    def declare(self, timing: PolicyTiming) -> None:
        """Fill the distribution of `timing`, which the core reads."""
        timing.latency_s, timing.latency_weight = list(self.seconds), list(self.weights)

    @renamed_keyword(share="fraction")
    def quantile_s(self, fraction: float) -> float:
        """Return the smallest declared latency that at least `fraction` of all inferences do not exceed."""
        reached = np.cumsum(self.weights) / sum(self.weights)
        return self.seconds[min(int(np.searchsorted(reached, fraction - 1e-9)), len(self.seconds) - 1)]

    def draw_s(self, rng: np.random.Generator) -> float:
        """Draw one latency."""
        weights = np.array(self.weights)
        return float(rng.choice(self.seconds, p=weights / weights.sum()))

    def problem(self) -> str:
        """Return what contradicts itself; empty when nothing does."""
        if not self.seconds or len(self.seconds) != len(self.weights):
            return f"{len(self.seconds)} seconds and {len(self.weights)} weights: need as many, at least one"
        if min(self.seconds) < 0 or list(self.seconds) != sorted(set(self.seconds)):
            return f"seconds must ascend from 0 on, not {list(self.seconds)}"
        if min(self.weights) < 0 or not math.fsum(self.weights) > 0:
            return f"weights must not be negative, and not all zero: {list(self.weights)}"
        return ""
