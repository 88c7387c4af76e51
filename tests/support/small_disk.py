"""Run a program that has a small disk of its own, in memory, which it can fill, and which nobody else sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILL = """
import os, sys
from pathlib import Path

def fill(disk):
    with open(disk / "fill", "wb", buffering=0) as file:
        for size in (1 << 16, 512, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                pass

def before_rename(suffix, act):
    waiting = [True]
    def hook(event, arguments):
        if event == "os.rename" and waiting and str(arguments[0]).endswith(suffix):
            waiting.clear()
            act()
    sys.addaudithook(hook)

disk = Path(sys.argv[1])
"""
"""What programs begin with: `disk`, `fill(disk)`, and something to do before a certain rename."""


def on_small_disk(program: str, disk: Path, options: str = "size=16m", *, timeout_s: float = 60) -> str:
    """Run Python code whose `disk` is a tmpfs with these mount options; returns what it prints, or skips the test."""
    disk.mkdir()
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    mount = f"mount -t tmpfs -o {options} tmpfs {disk}"
    probe = [*namespace, "sh", "-c", mount]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("no small disk: this system lets no program have mounts of its own")
    done = subprocess.run(
        [*namespace, "sh", "-c", f'{mount} && exec "$0" -c "$1" {disk}', sys.executable, FILL + program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(HERE)])},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
