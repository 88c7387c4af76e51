"""Let one writer at a time into a dataset."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType

from ... import rooted
from ...errors import DataError
from ...lock_files import LockFile
from . import layout
from .exchange import settle
from .schema import read_info

TRIES = 10


class Lock:
    """Held from construction to `close`, and never longer than the process lives.

    What killed edits left beside the dataset is put right first.

    Attributes:
        root: the dataset's own folder, where a link to it was given.
        settled: what was put right, in words.

    Raises DataError when another process writes to the dataset, the folder cannot be written, or links lie in the way.
    """

    def __init__(self, root: Path, *, make: bool = False) -> None:
        """Take it; with `make` also of a folder that is no dataset yet, or not there."""
        self.root = Path(os.path.realpath(root))
        self.settled = settle(self.root)
        if not make and not any(os.path.lexists(self.root / name) for name in (layout.INFO, layout.STAGING)):
            read_info(self.root)  # says what is missing
        for _ in range(TRIES):
            self._take(root, make)
            if self.where() == self.root:
                return
            self.close()  # an edit has put another dataset there meanwhile
        raise DataError(f"{root} keeps being replaced by edits of other processes; wait for them to end")

    def _take(self, root: Path, make: bool) -> None:
        _check_places(root)
        path = self.root / layout.STAGING / layout.LOCK
        try:
            if make:
                self.root.mkdir(parents=True, exist_ok=True)
            self._file = LockFile(self.root, path)
        except OSError as error:
            raise DataError(f"cannot write to {root}: {error.strerror}") from error
        try:
            free = self._file.hold()
        except OSError as error:
            self.close()
            raise DataError(
                f"{path} cannot be locked: {error.strerror}. Without a lock two programs could write there at once: "
                f"use a disk that supports locks (flock), and copy the dataset afterwards"
            ) from error
        if not free:
            self.close()
            raise DataError(f"{root} is being written by another process; wait for it to end")

    def where(self) -> Path | None:
        """Find the dataset, also when it was moved meanwhile; None when it was removed, or its disk taken away."""
        own = os.fstat(self._file.fd)
        places = [self.root / layout.STAGING / layout.LOCK]
        with contextlib.suppress(OSError):
            places.append(Path(f"/proc/self/fd/{self._file.fd}").readlink())
        for place in places:
            with contextlib.suppress(OSError):
                if os.path.samestat(place.lstat(), own):
                    return place.parent.parent
        return None

    def close(self) -> None:
        """Let others in; safe to call twice."""
        self._file.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_places(root: Path) -> None:
    """Refuse links where episodes will be put, before one is recorded. Raises DataError."""
    trees = [root / name for name in (layout.EPISODES, "data", layout.TELEMETRY, "videos")]
    trees += (root / "videos").glob("*")
    files = [root / name for name in (layout.INFO, layout.STATS, layout.TASKS, layout.notes_file(0))]
    for path in (*trees, *(chunk for tree in trees for chunk in tree.glob("chunk-*")), *files):
        rooted.check(root, path)
