"""Requests of `csrc/robot`, compiled and called without Python: waiting, interrupted, timed out, withdrawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from cpp_program import build, passes

HERE = Path(__file__).parent / "cpp"


CHECKS = (
    "every_request",
    "parking",
    "enable_is_withdrawn",
    "move_is_withdrawn",
    "accept_position_is_withdrawn",
    "reset_estop_is_withdrawn",
    "reconnect_is_withdrawn",
    "a_full_queue",
)


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("requests") / "request_checks", HERE / "request_checks.cpp", "-O0")


@pytest.mark.parametrize("check", CHECKS)
def test_requests(checks: Path, check: str) -> None:
    passes(checks, check)
