"""Where `make test` has put the real LeRobot; processes of their own import it from there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


def lerobot_folder(what: str, *packages: str) -> Path:
    """The folder, if it has `packages` beside LeRobot; else the test skips, for `what` is missing."""
    folder = Path(os.environ.get("MOTORIUM_TEST_LEROBOT", Path(sys.prefix) / "lerobot"))
    if not all((folder / name).is_dir() for name in ("lerobot", *packages)):
        pytest.skip(f"LeRobot's {what} not in .venv/lerobot: python tools/install_lerobot.py .venv/lerobot")
    return folder
