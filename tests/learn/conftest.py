"""What the learning tests share; all are skipped where torch is absent."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

torch = pytest.importorskip("torch", reason="the [learn] extra is not installed")

from made_up import MANIFEST, frame  # noqa: E402
from nano_samples import SMALL  # noqa: E402

from motorium.learn.dataset import write_shard  # noqa: E402


@pytest.fixture(autouse=True)
def _two_threads():
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def demos_folder(tmp_path_factory) -> Path:
    """Two shards of 40 made-up frames each."""
    folder = tmp_path_factory.mktemp("demos")
    for shard in range(2):
        rng = np.random.default_rng(shard)
        write_shard(folder / f"shard-{shard}", [frame(rng) for _ in range(40)], MANIFEST)
    return folder


@pytest.fixture
def small_dims():
    """Dims that train in seconds."""
    return SMALL
