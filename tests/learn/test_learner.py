"""A step of training: what it says when it cannot be taken, and where attention is computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nano_samples import SMALL, descriptor
from torch.nn import functional

from motorium.errors import MotoriumError
from motorium.learn.export import build
from motorium.learn.learner import Learner, LearnParams, half_precision, memory_told
from motorium.learn.model import attend
from motorium.learn.process_group import ProcessGroup


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_says_what_to_do(error):
    with pytest.raises(MotoriumError, match=r"--accumulate 2 .*--batch"), memory_told():
        raise error


def test_memory_that_there_is_not_is_told_at_any_place_of_a_step():
    learner = Learner(build(descriptor(SMALL)), LearnParams(steps=10), ProcessGroup(), torch.device("cpu"))

    def parts(make):
        yield make(1 << 50)

    for make in (torch.empty, np.empty):  # where a batch is made, by whichever of the two
        with pytest.raises(
            MotoriumError, match=r"does not fit in memory \(.+\); divide it with --accumulate 2"
        ):
            learner.step(parts(make))
    assert learner.done == 0


def test_other_errors_are_not_taken_for_memory():
    with pytest.raises(RuntimeError, match="shapes"), memory_told():
        raise RuntimeError("shapes do not fit")


def test_rates_warm_up_and_fall():
    params = LearnParams(steps=100, learning_rate=1.0)
    learner = Learner(build(descriptor(SMALL)), params, ProcessGroup(), torch.device("cpu"))
    rates = []
    for learner.done in (0, 9, 50, 100):
        rates.append(learner._set_rate())
    assert rates[0] == pytest.approx(0.1, rel=1e-3)  # a tenth of all steps is to warm up
    assert rates[1] > 0.95
    assert rates[2] == pytest.approx(0.51)
    assert rates[3] == pytest.approx(0.02)


@pytest.mark.skipif(half_precision(torch.device("cpu")) is None, reason="this processor has no bfloat16")
def test_attention_on_a_processor_is_in_float32():
    query, key, value = (torch.randn(2, 3, 5, 8) for _ in range(3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = attend(query, key, value)
        assert functional.scaled_dot_product_attention(query, key, value).dtype == torch.bfloat16
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, functional.scaled_dot_product_attention(query, key, value))
