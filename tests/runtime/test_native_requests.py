"""Requests of `csrc/robot`, compiled and called without Python: waiting, interrupted, timed out, withdrawn."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cpp_program import build

HERE = Path(__file__).parent / "cpp"


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("requests") / "request_checks", HERE / "request_checks.cpp", "-O0")


@pytest.mark.parametrize(
    "check",
    [
        "every_request",
        "enable_is_withdrawn",
        "move_is_withdrawn",
        "accept_position_is_withdrawn",
        "reset_estop_is_withdrawn",
        "reconnect_is_withdrawn",
        "a_full_queue",
    ],
)
def test_requests(checks: Path, check: str) -> None:
    done = subprocess.run([checks, check], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
