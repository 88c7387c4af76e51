"""What 0.1.0 wrote (`data/`, made by `make.py`), in folders that a test may write to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from recorded import MADE


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A copy of everything, for one test."""
    for path in MADE.iterdir():
        if path.is_dir():
            shutil.copytree(path, tmp_path / path.name)
        else:
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def at_home(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`made` as the working folder, with the configuration of the person who made it."""
    monkeypatch.chdir(made)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made / "config"))
    return made


@pytest.fixture
def recorded():
    """`recorded("calibration/stands.json")` -> what was written then."""
    return lambda name: json.loads((MADE / name).read_text(encoding="utf-8"))
