"""A dataset that is being made: a refusal before its first episode leaves nothing of it behind."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ... import rooted
from ...errors import DataError
from ..format import layout

FILES = (layout.INFO, f"{layout.STAGING}/lock")


class Newcomer:
    """Remembers what was not there before a writer began. Make it first of all."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = [root / name for name in FILES if not (root / name).exists()]
        folders = {folder for file in self._files for folder in file.parents if not folder.exists()}
        self._folders = sorted(folders, key=lambda folder: len(folder.parts), reverse=True)

    def remove_if_empty(self) -> None:
        """Take away what the writer made, unless an episode is there, finished or in progress."""
        if (self._root / layout.EPISODES).exists() or any(layout.leftovers(self._root)):
            return
        for file in self._files:
            with contextlib.suppress(OSError, DataError):
                rooted.remove(self._root, file)
        for folder in self._folders:
            with contextlib.suppress(OSError):  # what somebody else put there stays
                folder.rmdir()
