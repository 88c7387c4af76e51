"""Micro-benchmarks of every kernel on every instruction set, for pytest-benchmark: `make bench`.

Sizes are those of size M: 16 rows of width 512, 256 cached keys. Products are timed inside the extension (their weights
are packed once); the others include the call from Python, its checks and the array of
the result: some ten microseconds.
"""

from __future__ import annotations

import statistics
from functools import partial

import numpy as np
import pytest

from motorium._core import Precision, kernels

ISAS = [isa for isa in kernels.available_isas() if isa != "plain"]
ROWS, WIDTH, HEADS, KEYS, DIM, SLOTS = 16, 512, 8, 273, 64, 200


def f32(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def u8(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


CHANNELS = np.arange(6, dtype=np.uint32)
STATISTICS = (np.zeros(6, np.float32), f32(ROWS, 6), np.ones((ROWS, 6), np.float32))
CALLS = {
    "f32_convolve_image": lambda: (f32(24, 24, 40), f32(80, 3, 3, 40), None, 2, 1),
    "f32_normalise_rms": lambda: (f32(ROWS, 1, WIDTH), f32(WIDTH), 1e-6),
    "f32_normalise_layer": lambda: (f32(ROWS, WIDTH), f32(WIDTH), f32(WIDTH), 1e-6),
    "f32_normalise_groups": lambda: (f32(144, 80), 8, f32(80), f32(80), 1e-5),
    "f32_modulate_rows": lambda: (
        f32(ROWS, WIDTH),
        f32(1, WIDTH),
        f32(1, WIDTH),
        None,
        np.zeros(ROWS, np.uint32),
        1.0,
    ),
    "f32_rotate_halves": lambda: (
        f32(ROWS, HEADS, DIM),
        f32(KEYS, DIM // 2),
        f32(KEYS, DIM // 2),
        np.arange(ROWS, dtype=np.uint32),
    ),
    "f32_store_keys": lambda: (f32(ROWS, HEADS // 2, DIM), f32(ROWS, HEADS // 2, DIM), KEYS - ROWS, KEYS),
    "f32_add_scaled": lambda: (f32(ROWS * WIDTH), f32(ROWS * WIDTH), 0.25),
    "f32_attend_rows": lambda: (
        f32(ROWS, HEADS, DIM),
        f32(KEYS, HEADS // 2, DIM),
        f32(KEYS, HEADS // 2, DIM),
        KEYS - ROWS + 1,
        1,
    ),
    "i16_attend_rows": lambda: (
        f32(ROWS, HEADS, DIM),
        f32(KEYS, HEADS // 2, DIM),
        f32(KEYS, HEADS // 2, DIM),
        KEYS - ROWS + 1,
        1,
    ),
    "i16_store_keys": lambda: (f32(ROWS, HEADS // 2, DIM), f32(ROWS, HEADS // 2, DIM), KEYS - ROWS, KEYS),
    "f32_softmax_rows": lambda: (f32(ROWS * HEADS, KEYS),),
    "f32_apply_unary": lambda: ("silu", f32(ROWS, 1536)),
    "f32_step_euler": lambda: (f32(ROWS, SLOTS), f32(ROWS, SLOTS), f32(4, SLOTS), 0.25),
    "f32_gather_slots": lambda: (f32(ROWS, SLOTS), CHANNELS, *STATISTICS),
    "f32_scatter_slots": lambda: (f32(ROWS, 6), SLOTS, CHANNELS, *STATISTICS),
    "bf16_round_rows": lambda: (f32(ROWS, WIDTH),),
    "i8_quantise_rows": lambda: (f32(ROWS, WIDTH),),
    "u8_normalise_image": lambda: (u8(96, 96, 3), [1 / 64] * 3, [-2.0] * 3),
    "u8_resize_image": lambda: (u8(480, 640, 3), 224, 224, [1 / 64] * 3, [-2.0] * 3),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", CALLS)
def test_kernel(benchmark, name, isa):
    benchmark.group = name
    benchmark(partial(getattr(kernels, name), *CALLS[name](), isa=isa))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize(("n", "k"), [(512, 512), (1536, 512), (512, 1536)])
def test_product(benchmark, n, k, precision, isa):
    benchmark.group = f"multiply_rows {ROWS}x{n}x{k}"
    found = kernels.measure_product(ROWS, n, k, repeats=100, precision=precision, isa=isa)
    rate = 2 * ROWS * n * k / statistics.median(found.seconds)
    benchmark.extra_info["gops"] = rate / 1e9
    benchmark.extra_info["share_of_peak"] = rate / kernels.measure_peak(precision, isa=isa)
    benchmark.pedantic(
        lambda: kernels.measure_product(ROWS, n, k, repeats=20, precision=precision, isa=isa), rounds=5
    )
