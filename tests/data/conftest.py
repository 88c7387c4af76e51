"""Real LeRobot, in a process of its own: `make test` puts it into `.venv/lerobot`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from lerobot_folder import lerobot_folder
from memory_folders import tmp_path_factory

__all__ = ["tmp_path_factory"]
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def lerobot():
    """`lerobot([("read", root), ("write", other)])` -> what LeRobot saw, per job."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("LeRobot needs torch, which is not installed")
    folder = lerobot_folder("datasets are")

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
