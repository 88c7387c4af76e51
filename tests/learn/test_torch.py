"""The learning tests need torch, which nothing else does."""

import pytest


def test_torch_is_a_cpu_or_gpu_build_that_computes():
    torch = pytest.importorskip("torch", reason="no torch here: all tests of motorium.learn are left out")
    assert float(torch.ones(3).sum()) == 3.0
