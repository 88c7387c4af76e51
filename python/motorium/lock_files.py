"""Lock files: held by one process alone, or shared by several, and never longer than they live."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from pathlib import Path

from . import rooted
from .errors import DataError

WAIT_S = 0.2
"""A reader that looks whether somebody writes holds the lock for a moment."""
_STEP_S = 0.01


class LockFile:
    """A lock file, open from construction to `close`; nothing is ever written to it.

    Attributes:
        fd: of the file; -1 once it is closed.

    Raises DataError when a link or anything but a regular file is there; OSError when it cannot be opened or made.
    """

    def __init__(self, root: Path, path: Path) -> None:
        """Open `path`, which lies below the existing folder `root`; what is missing between is made."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with rooted.folder(root, path.parent, make=True) as folder:
            rooted.refuse_link(folder, path)
            self.fd = os.open(path.name, flags, rooted.FILE_MODE, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(self.fd).st_mode):
            self.close()
            raise DataError(f"{path} is not a regular file; remove it")

    def hold(self, *, shared: bool = False, wait_s: float = WAIT_S) -> bool:
        """Lock the file, or turn the lock into a shared one.

        Args:
            shared: let others share it.
            wait_s: how long others may still hold it.

        Returns:
            False when others hold it for longer.

        Raises OSError on a file system without locks.
        """
        kind, give_up = fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self.fd, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    return False
            else:
                return True
            time.sleep(_STEP_S)

    def close(self) -> None:
        """Let others in; safe to call twice."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
