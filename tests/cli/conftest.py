"""Run the command line as a person would: in a process of its own, or quickly in this one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from motorium.cli.main import main


@pytest.fixture
def call():
    """In this process: `call("robots", "--json")` -> click's Result."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return run


@pytest.fixture
def shell(tmp_path):
    """As a person: a process of its own in an empty directory."""

    def run(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "motorium", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False
        )

    return run
