"""Install a CPU build of torch for the tests of `motorium.learn`, but never gigabytes of CUDA packages.

The index decides which build a name resolves to, so pip is asked first what it *would* install.
Without torch those tests skip and say so; nothing else needs it.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENT = "torch==2.13.0"
GPU_PREFIXES = ("nvidia-", "cuda-", "triton", "pytorch-triton")
HINT = "the tests of motorium.learn will skip; to run them: .venv/bin/pip install <a CPU build of torch>"
PIP_INSTALL = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def gpu_packages(report: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    """Names in a pip installation report that only serve a GPU."""
    names = [item["metadata"]["name"].lower().replace("_", "-") for item in report["install"]]
    return sorted(name for name in names if name.startswith(GPU_PREFIXES))


def plan(requirement: str) -> dict[str, list[dict[str, dict[str, str]]]] | None:
    """What pip would install for `requirement`; None when it cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        command = [*PIP_INSTALL, "--dry-run", "--report", str(path), requirement]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            return None
        return dict(json.loads(path.read_text(encoding="utf-8")))


def main() -> int:
    """Always 0: torch is optional."""
    if importlib.util.find_spec("torch") is not None:
        return 0
    report = plan(REQUIREMENT)
    if report is None:
        print(f"{REQUIREMENT} is not available here: {HINT}")
        return 0
    if heavy := gpu_packages(report):
        print(f"{REQUIREMENT} would bring {len(heavy)} GPU packages ({heavy[0]}, ...): {HINT}")
        return 0
    if subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", REQUIREMENT], check=False
    ).returncode:
        print(f"{REQUIREMENT} could not be installed: {HINT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
