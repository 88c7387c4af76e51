"""Repeated blocks of code: `tools/duplicates.py` finds them, and their ceilings only fall."""

from __future__ import annotations

import json
import subprocess
import sys

AT_FIRST = {"python and csrc": 83, "firmware": 3}
"""Blocks of commit a6954dd, counted by the same command."""

BLOCK = """
def {name}(values, low, high):
    \"\"\"{name}.\"\"\"
    total = 0.0
    for value in values:
        if low <= value <= high:
            total += (value - low) / (high - low)
        elif value > high:
            total += 1.0
    return total / max(len(values), 1)
"""


def count(tree, root):
    script = tree.root / "tools/duplicates.py"
    done = subprocess.run(
        [sys.executable, script, "--root", root, "--list"], capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()


def test_a_copied_function_is_one_block(tree, tmp_path):
    (tmp_path / "python").mkdir()
    first, second = (tmp_path / "python" / name for name in ("first.py", "second.py"))
    first.write_text("import sys\n" + BLOCK.format(name="mean"))
    second.write_text("import sys\n# The same, in other words.\n" + BLOCK.format(name="mean_of"))
    (block, total, *_) = count(tree, tmp_path)
    assert "python/second.py" in block
    assert "python/first.py" in block
    assert total.startswith("python and csrc: 1 repeated blocks")
    second.write_text(BLOCK.format(name="mean_of").replace("total", "inside"))
    assert count(tree, tmp_path)[0].startswith("python and csrc: 0 repeated blocks")


def test_the_ceilings_only_fall(tree):
    ceilings = json.loads((tree.root / "tools/duplicates.json").read_text(encoding="utf-8"))
    assert all(ceilings[group] <= blocks for group, blocks in AT_FIRST.items())
