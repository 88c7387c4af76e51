"""The patches that show what an addition costs still apply; nightly builds and tests them (`additions.py`)."""

from __future__ import annotations

import subprocess

import pytest
from additions import ADDITIONS, PATCHES, ROOT, patch_of


def test_every_patch_is_tried():
    assert sorted(path.stem for path in PATCHES.glob("*.patch")) == sorted(ADDITIONS)


@pytest.mark.parametrize("kind", sorted(ADDITIONS))
def test_a_patch_applies(kind):
    done = subprocess.run(
        ["git", "apply", "--check", "-p1", str(patch_of(kind))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
