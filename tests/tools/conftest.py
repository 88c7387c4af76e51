"""What the tests of the tools share; where torch is absent those of the learning ones are not collected."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from made_up import MANIFEST, frame  # noqa: E402
from nano_samples import SMALL  # noqa: E402

from so101_pick.shards import write_shard  # noqa: E402

collect_ignore_glob = [] if find_spec("torch") else ["test_so101_pick*.py"]


@pytest.fixture(autouse=True)
def _one_thread():
    """On products this small two threads mostly wait for each other, and the longer the busier the machine is."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)


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
