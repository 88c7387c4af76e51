"""Temporary folders in memory, for rooms whose tests write datasets: their conftest.py imports the fixture."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
NEEDED = 2 << 30


@pytest.fixture(scope="session")
def tmp_path_factory(tmp_path_factory):
    """Folders in memory where there is room: datasets are synced file by file, and a busy disk takes its time for that.

    No test here can see a power cut; what a kill leaves behind is the same in either place.
    """
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < NEEDED:
        yield tmp_path_factory
        return
    with tempfile.TemporaryDirectory(
        dir=MEMORY, prefix="motorium-tests-", ignore_cleanup_errors=True
    ) as name:
        quick = copy.copy(tmp_path_factory)
        quick._basetemp = Path(name)
        yield quick
