"""Replace a dataset by a new one. The next verb completes or undoes an interrupted exchange.

.NAME.building-4711/        beside NAME, locked as long as the process lives
    new/                    grows, and takes the place of NAME when it is whole and on the disk
    old/                    what was NAME, on a file system that cannot exchange two names at once
    edit.json               there from just before the exchange on; its token, in new/ too, tells which is which
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import time
from pathlib import Path

from ... import rooted
from ...errors import DataError
from ...files import exchange_names, sync_folder, write_json
from ...foreign import read_json
from . import layout
from .passing import as_data_error

NOTE = "edit.json"
TOKEN = f"{layout.STAGING}/{NOTE}"
NOTE_BYTES = 4096
_BUILDING = re.compile(r"\.(.+)\.building-(\d+)(-[0-9a-f]{4})?")
WAIT_S = 2.0
"""How long a reader waits for a dataset that an edit is moving just now."""


class BuildingSite:
    """The folder beside a dataset in which a new one is built, locked as long as this process lives."""

    def __init__(self, root: Path) -> None:
        """Make it. Raises DataError when nothing can be written beside `root`."""
        self.root = root
        self.folder = root.with_name(f".{root.name}.building-{os.getpid()}-{secrets.token_hex(2)}")
        with as_data_error(f"cannot write beside {root}"):
            self.folder.mkdir(parents=True)
            self._fd = _opened(self.folder)
            _is_free(self._fd)

    @property
    def new(self) -> Path:
        """Where the new dataset is built."""
        return self.folder / "new"

    def take(self) -> None:
        """Put the new dataset where nothing is. Raises OSError."""
        self.new.rename(self.root)
        sync_folder(self.root.parent)

    def exchange(self) -> Path:
        """Put the new dataset, whole and durable, in the place of the old one; returns where that is now.

        Raises DataError; then the old one is in its place.
        """
        old, token = self.folder / "old", {"token": secrets.token_hex(16)}
        with as_data_error(f"{self.root} could not be replaced and is unchanged"):
            write_json(self.new / TOKEN, token, root=self.new)
            write_json(self.folder / NOTE, token, root=self.folder)
            if not exchange_names(self.new, self.root):
                self.root.rename(old)
                try:
                    self.new.rename(self.root)
                except OSError:
                    old.rename(self.root)
                    raise
            sync_folder(self.root.parent)
        kept = _settle(self.folder, self.root)
        assert kept is not None
        return kept

    def close(self) -> None:
        """Remove the folder, and give what was exchanged its name. Safe to call twice. Raises DataError."""
        if self._fd >= 0:
            try:
                _settle(self.folder, self.root)
            finally:
                os.close(self._fd)
                self._fd = -1


def settle(root: Path, *, wanted: bool = False) -> list[str]:
    """Finish, undo or remove what killed edits left in the folder of `root`; returns what was done, in words.

    Args:
        root: a dataset, or where one was; no link.
        wanted: do only what brings back a dataset that is not there; what a living process is doing is waited for.

    Raises DataError that says where the dataset is when it cannot be moved back.
    """
    done = []
    found = _folders(root, others=not wanted)
    for folder, owner in found:
        if wanted and os.path.lexists(root):
            break
        with contextlib.suppress(
            FileNotFoundError, PermissionError
        ):  # somebody was faster, or it is another user's
            fd = _opened(folder)
            try:
                if _abandoned(folder, fd):
                    done.append(_put_right(folder, owner))
            finally:
                os.close(fd)
    give_up = time.monotonic() + (WAIT_S if wanted and found else 0.0)
    while not os.path.lexists(root) and time.monotonic() < give_up:
        time.sleep(0.01)
    return done


def _put_right(folder: Path, root: Path) -> str:
    megabytes = sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6
    kept = _settle(folder, root)
    if kept is not None:
        return f"an edit of {root} that was interrupted is now complete; the previous dataset is {kept}"
    return f"removed {folder} ({megabytes:.1f} MB), left behind by an interrupted edit"


def _settle(folder: Path, root: Path) -> Path | None:
    """Give every dataset in `folder` its place, remove the rest; returns where the old one is, if it was replaced."""
    old, new, kept = folder / "old", folder / "new", None
    token = _token(folder / NOTE)
    words = f"an edit of {root} was interrupted, and the dataset is in {folder}: move it back by hand"
    with as_data_error(words):
        if not os.path.lexists(root) and _is_folder(old):
            (new if token and _is_folder(new) and _token(new / TOKEN) == token else old).rename(root)
        if not _is_folder(old) and token and _is_folder(new) and _token(root / TOKEN) == token:
            old = new
        if _is_folder(old):
            kept = _free_name(root)
            old.rename(kept)
        if token and _token(root / TOKEN) == token:
            rooted.remove(root, root / TOKEN)
            with contextlib.suppress(OSError):  # where something waits, it stays
                (root / TOKEN).parent.rmdir()
        sync_folder(folder.parent)
    shutil.rmtree(folder, ignore_errors=True)
    return kept


def _is_folder(path: Path) -> bool:
    """Return whether it is a folder itself: a link of that name is nothing that an edit leaves."""
    return path.is_dir() and not path.is_symlink()


def _free_name(root: Path) -> Path:
    old, n = root.with_name(f"{root.name}_old"), 1
    while os.path.lexists(old):
        n += 1
        old = root.with_name(f"{root.name}_old{n}")
    return old


def _token(path: Path) -> str:
    """Return the token of an edit; "" where there is none, or only behind a link."""
    if path.is_symlink() or path.parent.is_symlink():
        return ""
    try:
        value = read_json(path, NOTE_BYTES, error=DataError, inside=path.parent)
    except DataError:
        return ""
    return str(value.get("token", "")) if isinstance(value, dict) else ""


def _folders(root: Path, *, others: bool) -> list[tuple[Path, Path]]:
    """Return (folder, its dataset) of edits beside `root`: its own, and with `others` those of every dataset there.

    Release 0.1.0 locked nothing, so that only folders named after `root` are taken for its; NAME_old grew there too.
    """
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(root.parent.iterdir()):
            parts = _BUILDING.fullmatch(path.name)
            if parts is None or not path.is_dir() or path.is_symlink():
                continue
            if parts[1] == root.name or (others and (parts[3] or parts[1].startswith(root.name))):
                found.append((path, root.with_name(parts[1])))
    return found


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _is_free(fd: int) -> bool | None:
    """Lock a folder; False when another process has it, None where the file system locks no folders."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _abandoned(folder: Path, fd: int) -> bool:
    """Return whether nobody builds there any more; the caller then holds its lock."""
    free = _is_free(fd)
    if free is False or folder.stat().st_ino != os.fstat(fd).st_ino:
        return False
    parts = _BUILDING.fullmatch(folder.name)
    assert parts is not None
    return (free is True and parts[3] is not None) or not _lives(int(parts[2]), folder)


def _lives(pid: int, folder: Path) -> bool:
    """Return whether the process that made `folder` may run: one of its number, older than the last change."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    except OSError:
        return not Path("/proc/self/stat").exists()
    started_s = int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return started_s <= folder.stat().st_mtime + 1.0
