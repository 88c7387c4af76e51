"""The tree under test, and how to look through it."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {".git", ".hypothesis", ".venv", "build", "dist", "out", "runs", "__pycache__"}


class Tree:
    """The project's own files, each walked, read and parsed once."""

    root = ROOT

    def __init__(self) -> None:
        self._texts: dict[Path, str] = {}
        self._modules: dict[Path, ast.Module] = {}

    @cached_property
    def _all(self) -> list[Path]:
        found = []
        for folder, folders, names in os.walk(
            ROOT
        ):  # never enters what it skips: environments and builds are large
            folders[:] = [name for name in folders if not _skipped(name)]
            found += [Path(folder, name) for name in names if not _skipped(name)]
        return sorted(path for path in found if path.is_file())

    def files(self, *suffixes: str, under: str = ".") -> Iterator[Path]:
        """Files below `under` with one of `suffixes` (all when none is given), caches and builds left out."""
        within = ROOT / under
        for path in self._all:
            if (not suffixes or path.suffix in suffixes) and path.is_relative_to(within):
                yield path

    def text(self, path: Path) -> str:
        """Contents of `path`; bytes that are no UTF-8 become U+FFFD."""
        if path not in self._texts:
            self._texts[path] = path.read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def module(self, path: Path) -> ast.Module:
        """Parsed Python of `path`."""
        if path not in self._modules:
            self._modules[path] = ast.parse(self.text(path))
        return self._modules[path]

    def name(self, path: Path) -> str:
        """Path from the root, as shown in messages."""
        return path.relative_to(ROOT).as_posix()


def _skipped(name: str) -> bool:
    return name in SKIPPED or name.endswith("_cache")


@pytest.fixture(scope="session")
def tree() -> Tree:
    return Tree()
