"""Slots against numpy: only the comparison itself is under test; speed is a ratio on a quiet machine."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from motorium.bench import kernels
from motorium.bench.machine import machine_line
from motorium.bench.timing import QUICK


@pytest.mark.nightly
def test_figures_are_there_and_ours_is_the_faster_one():
    figures = kernels.measure(1, QUICK)
    assert figures["slots_vs_numpy"] > 2
    assert set(figures["slots_ns"]) == {"motorium", "numpy"}
    line = machine_line(figures["machine"])
    assert "\n" not in line
    assert "1 threads" in line
    assert figures["machine"]["cpu"] in line


def test_every_kernel_has_a_micro_benchmark_that_runs():
    here = Path(__file__)
    spec = importlib.util.spec_from_file_location("micro_kernels", here.with_name("micro_kernels.py"))
    micro = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(micro)
    listed = (here.parents[2] / "csrc/kernels/kernels.def").read_text()
    every = {n for n in re.findall(r"^MOTORIUM_KERNEL\((\w+),", listed, re.M) if not n.startswith("measure_")}
    products = {"f32_multiply_rows", "bf16_multiply_rows", "i8_multiply_rows"}  # timed inside the extension
    assert set(micro.CALLS) == every - products
    for isa in micro.ISAS:
        for name, arguments in micro.CALLS.items():
            assert getattr(micro.kernels, name)(*arguments(), isa=isa) is not None
