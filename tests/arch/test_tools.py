"""What the tools of the project refuse before they begin, and what they take for a failure."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tool(path: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a tool in the root of the project."""
    return subprocess.run(
        [sys.executable, path, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def nightly(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool as a module; dataclasses look theirs up."""
    spec = importlib.util.spec_from_file_location("nightly_tool", ROOT / "tools" / "nightly.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "nightly_tool", module)
    spec.loader.exec_module(module)
    return module


def test_a_part_of_the_night_that_finds_no_test_has_failed(
    nightly: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_nothing.py").write_text("", encoding="utf-8")
    part = nightly.Part("nothing", ((*nightly.PYTEST, str(tmp_path)),))
    monkeypatch.setitem(nightly.PARTS, "nothing", part)
    row = nightly.run("nothing")
    assert row["result"] == "failed"
    assert "exit status 5 (no test was found)" in row["reason"]


@pytest.mark.parametrize("commit", ["", "HEAD", "-1", "0x12ab", "12 34"])
def test_only_a_hash_picks_a_part(commit: str) -> None:
    told = tool("tools/nightly.py", f"--pick={commit}")
    assert (told.returncode, told.stdout) == (2, "")
    assert "is no hash of a commit" in told.stderr


def test_a_hash_picks_one_part(nightly: ModuleType) -> None:
    told = tool("tools/nightly.py", "--pick", "4e38d21888c1bd908c3407772032da09e98b37f5")
    assert nightly.PARTS[told.stdout.strip()].proven


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["tests/specs"], ""),
        (["tests/learn", "-q"], "torch"),
        (["-k", "word"], "lerobot torch"),
        (["-k", "word", "--maxfail", "3", "tests/specs"], ""),
        (["tests/specs/test_geometry.py::test_x"], ""),
        ([], "lerobot torch"),
    ],
)
def test_what_tests_need_is_installed_without_a_path_too(words: list[str], needed: str) -> None:
    told = tool("tools/test_needs.py", *words)
    assert (told.returncode, told.stdout.strip()) == (0, needed)


def test_a_path_that_is_not_there_is_refused_before_anything_is_installed() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "test", "TESTS=tests/specs tests/nope"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={key: value for key, value in os.environ.items() if "MAKE" not in key},
    )  # fmt: skip
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.startswith("no such file or folder: tests/nope")


def test_an_unknown_addition_is_refused_before_the_tree_is_copied() -> None:
    told = tool("tests/support/additions.py", "nope")
    assert (told.returncode, told.stdout) == (2, "")
    assert "no addition nope; there are motor_family, policy, robot, verb" in told.stderr
    assert tool("tests/support/additions.py", "--help").returncode == 0
