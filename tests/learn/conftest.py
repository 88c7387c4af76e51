"""What the learning tests share; where torch is absent only `test_torch.py` is collected, and says so by a skip."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from nano_samples import SMALL  # noqa: E402

HAS_TORCH = find_spec("torch") is not None
collect_ignore = (
    []
    if HAS_TORCH
    else ["adapters", "objectives", *(p.name for p in HERE.glob("test_*.py") if p.name != "test_torch.py")]
)


@pytest.fixture(autouse=True)
def _one_thread():
    """On products this small two threads mostly wait for each other, and the longer the busier the machine is."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)


@pytest.fixture
def small_dims():
    """Dims that train in seconds."""
    return SMALL
