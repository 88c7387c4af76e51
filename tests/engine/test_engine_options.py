"""Precisions and threads of the engine: close to float32, the same on any number of threads, weights read once."""

from __future__ import annotations

import os
from dataclasses import replace

import nano_samples as samples
import numpy as np
import pytest

from motorium import _core
from motorium._core import Precision
from motorium.policies import schema

FULL = samples.descriptor()
WEIGHTS = samples.weights(FULL)
GIVEN = samples.inputs(FULL)


def open_engine(sample=FULL, weights=WEIGHTS, **options):
    return _core.NanoEngine(schema.to_plain(sample), weights, **options)


def plan(engine, steps=4):
    engine.encode(GIVEN["images"], GIVEN["token_ids"], GIVEN["embodiment"])
    return engine.denoise(GIVEN["state"], GIVEN["noise"], None, steps)


@pytest.mark.parametrize("precision", list(Precision))
def test_threads_do_not_change_a_bit(precision):
    alone = plan(open_engine(precision=precision))
    for threads in (2, 3, 8):
        engine = open_engine(precision=precision, threads=threads)
        assert all(np.array_equal(plan(engine), alone) for _ in range(5))
    cpus = sorted(os.sched_getaffinity(0))
    assert np.array_equal(plan(open_engine(precision=precision, threads=2, cpus=cpus)), alone)


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.INT8])
def test_short_weights_stay_close_to_float32(precision):
    exact, short = plan(open_engine()), plan(open_engine(precision=precision))
    assert not np.array_equal(exact, short), "the precision was not used"
    cosine = (exact * short).sum() / np.sqrt((exact**2).sum() * (short**2).sum())
    assert cosine >= 0.999


def panels(outputs, inputs, table, gated=False):
    """Bytes of float32 weights as packed."""
    results = table.panel // (2 if gated else 1)
    return -(-outputs // results) * table.panel * inputs * 4


def test_a_step_reads_every_weight_once():
    """All layers shared, so that what is read does not depend on routing."""
    sample = replace(FULL, dims=replace(FULL.dims, shared_layers=FULL.dims.layers))
    d, channels = sample.dims, len(sample.action)
    engine = open_engine(sample, samples.weights(sample))
    table = _core.kernels.describe(engine.isa)
    width, inner = d.expert_width, d.heads * d.head_dim
    layer = (
        panels(inner, width, table)
        + panels(2 * inner, width, table)
        + panels(width, inner, table)
        + panels(d.expert_mlp, width, table, gated=True)
        + panels(width, d.expert_mlp, table)
    )
    ends = 2 * panels(width, width, table) + panels(width, channels, table) + panels(channels, width, table)
    read = []
    for steps in (2, 3, 6, 9):
        plan(engine, steps)  # embeds the times of these steps
        before = engine.weight_bytes_read
        engine.denoise(GIVEN["state"], GIVEN["noise"], None, steps)
        read.append(engine.weight_bytes_read - before)
    assert np.diff(read).tolist() == [(d.layers * layer + ends) * more for more in (1, 3, 3)]


def test_short_weights_are_read_in_short():
    def per_step(precision):
        engine = open_engine(precision=precision)
        read = []
        for steps in (2, 10):
            plan(engine, steps)
            before = engine.weight_bytes_read
            engine.denoise(GIVEN["state"], GIVEN["noise"], None, steps)
            read.append(engine.weight_bytes_read - before)
        return (read[1] - read[0]) / 8

    full, half, quarter = (per_step(p) for p in Precision)
    assert half < 0.65 * full
    assert quarter < 0.5 * full


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="no Precision is called 'float16'; known: float32, bfloat16, int8"):
        open_engine(precision="float16")
    with pytest.raises(ValueError, match="threads must be"):
        open_engine(threads=0)
    with pytest.raises(ValueError, match="CPU 9999"):
        open_engine(threads=2, cpus=[9999])
