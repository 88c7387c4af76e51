"""The tree under test, and how to look through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {".git", ".hypothesis", ".venv", "build", "dist", "out", "runs", "__pycache__"}


class Tree:
    """The project's own files."""

    root = ROOT

    def files(self, *suffixes: str, under: str = ".") -> Iterator[Path]:
        """Files below `under` with one of `suffixes` (all when none is given), caches and builds left out."""
        for path in sorted((ROOT / under).rglob("*")):
            parts = path.relative_to(ROOT).parts
            hidden_cache = any(part in SKIPPED or part.endswith("_cache") for part in parts)
            if path.is_file() and not hidden_cache and (not suffixes or path.suffix in suffixes):
                yield path

    def name(self, path: Path) -> str:
        """Path from the root, as shown in messages."""
        return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="session")
def tree() -> Tree:
    return Tree()
