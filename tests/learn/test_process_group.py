"""Processes that share a batch: what is said where they cannot begin."""

from __future__ import annotations

import subprocess
import sys

UNGUARDED = """\
from motorium.learn.process_group import process_group
def rank(group):
    pass
with process_group(2, rank) as group:
    print("size", group.size)
"""


def test_a_script_without_a_guard_is_told_of_it_and_waits_for_nobody(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    said = ended.stderr.strip().splitlines()[-1]
    assert "processes that share the work could not start" in said
    assert 'if __name__ == "__main__":' in said
