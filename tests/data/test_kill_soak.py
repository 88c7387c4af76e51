"""A short piece of `kill_soak.py`: recorder, repair and edits killed, and on a disk that fills; nothing is ever lost.

The whole of it, 200 kills and 100 full disks of every kind, run once: docs/kill_soak.json, made by
`python tests/support/kill_soak.py 200 100 --out docs/kill_soak.json`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.nightly
def test_every_episode_is_there_waiting_or_aside_whatever_ends_a_procedure():
    kinds = ("repair", "delete", "record")
    command = [sys.executable, str(SUPPORT / "kill_soak.py"), "2", "2", *kinds, "--seed", "7"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(done.stdout)
    assert record["kills"] == record["full_disks"] == 2 * len(kinds)
    assert [fault for kind in record["kinds"].values() for fault in kind["faults"]] == []
    assert all(kind["finished_before"] < 4 for kind in record["kinds"].values()), "nothing was killed"
