"""`csrc/robot` on emulated servos, compiled and called without Python: checks, power, slots, reconnecting, springs."""

from __future__ import annotations

from pathlib import Path

import pytest
from cpp_program import build, passes

HERE = Path(__file__).parent / "cpp"


CHECKS = (
    "a_chunk_in_slots",
    "what_fails_the_check",
    "pulled_and_plugged_in",
    "why_it_stopped",
    "springs_go_home",
    "without_joints",
    "shutdown_fits",
)


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("robot") / "robot_checks", HERE / "robot_checks.cpp", "-O0")


@pytest.mark.parametrize("check", CHECKS)
def test_robot(checks: Path, check: str) -> None:
    passes(checks, check)
