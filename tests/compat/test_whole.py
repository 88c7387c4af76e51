"""The files of 0.1.0 are what was written then: a test that needs another file needs another reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

MADE = Path(__file__).parent / "data"
SUMS = Path(__file__).parent / "SHA256SUMS"
MOST_BYTES = 3_000_000


def test_nobody_mended_the_files_of_then() -> None:
    kept = {}
    for line in SUMS.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        kept[name] = digest
    there = {
        path.relative_to(MADE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in MADE.rglob("*")
        if path.is_file()
    }
    assert there == kept


def test_together_they_are_small() -> None:
    assert sum(path.stat().st_size for path in MADE.rglob("*") if path.is_file()) < MOST_BYTES
