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


@pytest.mark.parametrize("kind", sorted(ADDITIONS))
def test_a_patch_says_what_a_user_notices(kind):
    changed, _, _ = patch_of(kind).read_text(encoding="utf-8").partition("\ndiff --git")
    assert changed.startswith("diff --git a/CHANGELOG.md b/CHANGELOG.md")
    assert len([line for line in changed.splitlines() if line.startswith("+- ")]) == 1


@pytest.mark.parametrize("kind", sorted(ADDITIONS))
def test_hacking_names_the_patch(kind):
    assert f"`tests/additions/{kind}.patch`" in (ROOT / "HACKING.md").read_text(encoding="utf-8")
