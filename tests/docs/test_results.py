"""The table of results in docs/training.md is what the kept results say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_is_printed_from_the_kept_results():
    done = subprocess.run(
        [sys.executable, ROOT / "tools/results_table.py"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") > 2
    assert done.stdout in (ROOT / "docs/training.md").read_text(encoding="utf-8")
