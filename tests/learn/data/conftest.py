"""What the tests of the training data share: small datasets by the real writer, and no torch."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import write

from motorium.learn.data.recordings import CacheSpec


@pytest.fixture(autouse=True)
def _two_threads():
    """The room needs no torch: this replaces the fixture of the folder above."""


@pytest.fixture(scope="session")
def two_tasks(tmp_path_factory) -> Path:
    """Four episodes of a second each; the last is told something else."""
    return write(
        tmp_path_factory.mktemp("data") / "two", (*["put the cube in the tray"] * 3, "wave"), seconds=1.0
    )


@pytest.fixture
def cache(tmp_path) -> CacheSpec:
    """A cache of its own, filled by this process."""
    return CacheSpec(tmp_path / "frames", workers=0)
