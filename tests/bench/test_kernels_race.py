"""Slots against numpy: only the comparison itself is under test; speed is a ratio on a quiet machine."""

from __future__ import annotations

from motorium.bench import kernels
from motorium.bench.machine import machine_line
from motorium.bench.timing import QUICK


def test_figures_are_there_and_ours_is_the_faster_one():
    figures = kernels.measure(1, QUICK)
    assert figures["slots_vs_numpy"] > 2
    assert set(figures["slots_ns"]) == {"motorium", "numpy"}
    line = machine_line(figures["machine"])
    assert "\n" not in line
    assert "1 threads" in line
    assert figures["machine"]["cpu"] in line
