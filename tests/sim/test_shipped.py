"""The checkpoint that ships does its task: scenes it has never seen, through the engine, the plan and the gate."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.nightly
def test_the_shipped_checkpoint_puts_the_right_cube_in_the_tray():
    command = [
        sys.executable,
        "-m",
        "motorium",
        "eval",
        "so101-pick",
        "--episodes",
        "40",
        "--seed",
        "70000",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    figures = json.loads(done.stdout)
    assert figures["successes"] >= 36, "its card says 99 %; below 36 of 40 something is broken (p < 0.001)"
    assert figures["wrong_cube"] == 0
    assert figures["mean_time_s"] < 8.0
