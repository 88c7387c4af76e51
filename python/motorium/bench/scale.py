"""What a chunk costs as its steps K, its rows T or the network's layers grow: milliseconds, and a line through them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._core import Precision
from .machine import machine
from .ours import own_contenders
from .peers.expert import SIZES, ExpertSize, make_inputs, make_weights

STEPS, ROWS, LAYERS = (2, 4, 8, 16), (8, 16, 32, 64), (3, 6, 12, 24)


@dataclass(frozen=True)
class Growth:
    """Least milliseconds per chunk at each of `values`, and the share of their variance that a line explains."""

    values: tuple[int, ...]
    ms: tuple[float, ...]

    @property
    def linear(self) -> float:
        """R^2 of the least-squares line."""
        return float(np.corrcoef(self.values, self.ms)[0, 1] ** 2)

    def ratio(self) -> float:
        """Return how the cost grows from smallest to largest value, per growth of the value: 1 is proportional."""
        return (self.ms[-1] / self.ms[0]) / (self.values[-1] / self.values[0])


def measure(threads: int = 1, base: ExpertSize = SIZES["S"], rounds: int = 20) -> dict[str, Any]:
    """Measure the growth in float32.

    Returns `steps`, `rows` and `layers`, each with milliseconds by value, `linear` and `machine`; JSON values.
    """
    figures: dict[str, Any] = {}
    for name, values in (("steps", STEPS), ("rows", ROWS), ("layers", LAYERS)):
        growth = grow(base, name, values, threads, rounds)
        figures[name] = {
            "ms": {str(value): float(f"{ms:.4g}") for value, ms in zip(values, growth.ms, strict=True)},
            "linear": round(growth.linear, 5),
        }
    return {**figures, "machine": machine(threads)}


def grow(base: ExpertSize, name: str, values: Sequence[int], threads: int, rounds: int) -> Growth:
    """Vary one size of `base` over `values`, `rounds` times; the least time of each counts."""
    runs = [_runner(replace(base, **{name: value}), threads) for value in values]
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for index, run in enumerate(runs):
            begin = time.perf_counter()
            run()
            best[index] = min(best[index], time.perf_counter() - begin)
    return Growth(tuple(values), tuple(1e3 * seconds for seconds in best))


def _runner(size: ExpertSize, threads: int) -> Callable[[], Any]:
    contenders = own_contenders(
        size, make_weights(size), make_inputs(size), threads, precisions=(Precision.FLOAT32,)
    )
    return contenders["motorium_float32"][0]
