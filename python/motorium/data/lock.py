"""One writer per dataset."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from ..errors import DataError
from . import layout


class Lock:
    """Held from construction to `close`, and never longer than the process lives.

    Raises DataError when another process writes to the dataset, or the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        path = root / layout.STAGING / "lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DataError(f"cannot write to {root}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise DataError(f"{root} is being written by another process; wait for it to end") from error

    def close(self) -> None:
        """Let others in; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
