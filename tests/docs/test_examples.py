"""Every example runs as it stands, is short, and is numbered."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_examples_are_numbered_from_one():
    numbers = [int(re.match(r"(\d\d)_", path.name).group(1)) for path in EXAMPLES]
    assert numbers == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_says_what_it_shows(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    assert lines[0].startswith('"""')
    assert len(lines[0]) > 30


LONG = ("01", "05", "06")
"""The first is the first program of the README, which `test_readme.py` runs; two train."""


def marked(path):
    long = path.name.startswith(LONG)
    return pytest.param(path, marks=[pytest.mark.nightly] * long, id=path.stem)


@pytest.mark.parametrize("path", [marked(path) for path in EXAMPLES])
def test_example_runs(path, tmp_path):
    if path.name.startswith(("05", "06")):
        pytest.importorskip("torch", reason="torch is not installed (extra [learn])")
    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr
