"""Real LeRobot, in a process of its own: `make test` puts it into `.venv/lerobot`."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

HERE = Path(__file__).parent
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


@pytest.fixture(scope="session")
def lerobot():
    """`lerobot([("read", root), ("write", other)])` -> what LeRobot saw, per job."""
    default = Path(sys.prefix) / "lerobot"
    folder = Path(os.environ.get("MOTORIUM_TEST_LEROBOT", default))
    if importlib.util.find_spec("torch") is None:
        pytest.skip("LeRobot needs torch, which is not installed")
    if not (folder / "lerobot").is_dir():
        pytest.skip("LeRobot is not in .venv/lerobot: `make test` could not reach a package index")

    def run(jobs: list[tuple[str, Path]]) -> list[dict]:
        path = os.pathsep.join([str(HERE / "lerobot_stand_ins"), str(folder)])
        cache = jobs[0][1].parent / "hf"
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(cache),
            "OMP_NUM_THREADS": "1",
        }
        command = [
            sys.executable,
            str(HERE / "lerobot_reader.py"),
            *(str(word) for job in jobs for word in job),
        ]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
