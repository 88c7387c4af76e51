"""Single kernels: slots against numpy's indexing, products against what the machine can do at most."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core
from .machine import machine
from .ours import PRECISIONS, stream_bytes_s
from .timing import Pace, Race, race

# A chunk of the so-101: five joints and the gripper.
ROWS, SLOTS = 16, (50, 51, 52, 53, 54, 18)
SHAPES = ((256, 256), (768, 256), (1536, 512), (512, 1536), (3072, 1024))  # outputs, inputs
CALLS = 200  # per timed call: a single one is in the range of the clock's own cost


def measure(threads: int = 2, pace: Pace | None = None) -> dict[str, Any]:
    """Measure kernels; returns JSON values.

    `slots_vs_numpy`: how many times faster a (16, 200) chunk is scattered and gathered than with numpy's indexing,
    both from Python into arrays that exist already; `slots_ns`: nanoseconds of each. `products`: per ISA, precision
    and shape, GFLOP/s and the share of the peak that the same ISA reaches in registers (`peak_gops`).
    """
    result = race_slots(pace)
    nanoseconds = {name: round(1e9 * result.median_s(name) / CALLS) for name in result.names}
    return {
        "slots_vs_numpy": round(result.ratio("motorium", "numpy"), 2),
        "slots_ns": nanoseconds,
        "products": {isa: products(isa, threads) for isa in _core.kernels.available_isas() if isa != "plain"},
        "stream_gb_s": round(stream_bytes_s(threads) / 1e9, 2),
        "machine": machine(threads),
    }


def products(isa: str, threads: int) -> dict[str, Any]:
    """Measure products of 16 rows, as a denoising step has them, in every precision."""
    figures: dict[str, Any] = {}
    for precision in PRECISIONS:
        peak = _core.kernels.measure_peak(precision, threads, seconds=0.05, isa=isa)
        figures[precision.value] = {"peak_gops": round(peak / 1e9, 1)}
        for n, k in SHAPES:
            result = _core.kernels.measure_product(
                ROWS, n, k, repeats=30, precision=precision, threads=threads, isa=isa
            )
            rate = 2 * ROWS * n * k / statistics.median(result.seconds)
            figures[precision.value][f"{n}x{k}"] = {
                "gops": round(rate / 1e9, 1),
                "share": round(rate / peak, 3),
            }
    return figures


def race_slots(pace: Pace | None = None) -> Race:
    """Race joints to slots and back, CALLS times per contender and call."""
    source = np.random.default_rng(0)
    joints = len(SLOTS)
    scale, offset = source.uniform(0.5, 2, joints).astype("f4"), source.normal(size=joints).astype("f4")
    q = source.normal(size=(ROWS, joints)).astype("f4")
    slot_map = _core.SlotMap(list(SLOTS), scale.tolist(), offset.tolist())
    index = np.array(SLOTS)
    ours, theirs = np.zeros((ROWS, 200), "f4"), np.zeros((ROWS, 200), "f4")
    back, again = np.zeros_like(q), np.zeros_like(q)

    def motorium() -> None:
        slot_map.scatter_chunk(q, out=ours)
        slot_map.gather_chunk(ours, out=back)

    def numpy() -> None:
        theirs[:] = 0
        theirs[:, index] = q * scale + offset
        again[:] = (theirs[:, index] - offset) / scale

    motorium()
    numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    np.testing.assert_allclose(back, again, rtol=1e-5)

    def repeated(call: Callable[[], None]) -> Callable[[], None]:
        def calls() -> None:
            for _ in range(CALLS):
                call()

        return calls

    return race({"motorium": repeated(motorium), "numpy": repeated(numpy)}, pace)
