"""Write below an untrusted folder: follow no link in it, and open no existing file.

The folder itself is the user's, who may have named a link to it. Below it every name is looked up in the folder above
it (openat(2) with O_NOFOLLOW), so that neither a link that came with a download nor one that somebody puts there
meanwhile leads out. What is replaced is replaced by a new file: the old one may have other names elsewhere (link(2)).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import DataError
from .foreign import resolve_inside
from .printable import printable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_MODE = 0o666
"""Of a new file before the umask."""


class LinkError(DataError):
    """A link is where something was to be written; nothing was written."""


@contextlib.contextmanager
def folder(root: Path, path: Path, *, make: bool = False) -> Iterator[int]:
    """Open a folder below `root`, for functions that take `dir_fd`.

    Args:
        root: the user's folder, which may be reached over links.
        path: `root`, or a folder below it.
        make: whether what is missing below `root` is made; then its name is on the disk. `root` itself never is: one
            that was moved away meanwhile must not come back with a part of its content.

    Raises:
        DataError: a part of `path` below `root` is a link, or leads out.
        OSError: it is absent, no folder, or cannot be opened or made.
    """
    fd = os.open(root, _FOLDER)
    try:
        at = root
        for name in _below(root, path):
            at /= name
            if make:
                _make(fd, name)
            refuse_link(fd, at)
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _below(root: Path, path: Path) -> tuple[str, ...]:
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        parts = ("..",)
    if ".." in parts:
        raise DataError(f"{_shown(path)} would lie outside {_shown(root)}")
    return parts


def _make(fd: int, name: str) -> None:
    try:
        os.mkdir(name, dir_fd=fd)
    except FileExistsError:
        return
    os.fsync(fd)


def refuse_link(fd: int, path: Path) -> None:
    """Raise DataError when `path`, whose folder is open as `fd`, is a symbolic link. What is absent is none."""
    try:
        if not stat.S_ISLNK(os.stat(path.name, dir_fd=fd, follow_symlinks=False).st_mode):
            return
        target = os.readlink(path.name, dir_fd=fd)
    except OSError:
        return
    raise LinkError(
        f"{_shown(path)} is a link to {_shown(target)}; motorium writes nothing through links inside a dataset: "
        f"{_remedy(path)}"
    )


def _remedy(link: Path) -> str:
    try:
        blob = resolve_inside(link, link.parent, DataError).parent.name == "blobs"
    except DataError:  # it leads out
        blob = False
    if blob:
        return (
            "the Hub's cache must not change; copy the dataset (cp -rL) and work on the copy, or give --out"
        )
    return "replace it by a copy of its target, or remove it"


def check(root: Path, path: Path) -> None:
    """Raise DataError when `path` or a folder between it and `root` is a link; what is absent is none."""
    if path == root:
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), folder(root, path.parent) as fd:
        refuse_link(fd, path)


def has_file(root: Path, path: Path) -> bool:
    """Return whether a regular file is there. Raises DataError for a link, a folder and other kinds of file."""
    try:
        with folder(root, path.parent) as fd:
            refuse_link(fd, path)
            mode = os.stat(path.name, dir_fd=fd, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise DataError(f"{_shown(path)} is not a regular file; remove it")
    return True


def make_folder(root: Path, path: Path) -> None:
    """Make a folder that must be new, and those above it that are missing. Raises DataError, OSError."""
    with folder(root, path.parent, make=True) as fd:
        os.mkdir(path.name, dir_fd=fd)


def open_new(root: Path, path: Path) -> int:
    """Make a file that must be new; returns a descriptor for writing. Raises DataError, OSError."""
    with folder(root, path.parent, make=True) as fd:
        refuse_link(fd, path)
        return os.open(path.name, _NEW, FILE_MODE, dir_fd=fd)


def create(root: Path, path: Path) -> BinaryIO:
    """Open a new file for writing; one that is there loses this name and is not touched. Raises DataError, OSError."""
    with folder(root, path.parent, make=True) as fd:
        refuse_link(fd, path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=fd)
        return os.fdopen(os.open(path.name, _NEW, FILE_MODE, dir_fd=fd), "wb")


def reserve(root: Path, path: Path) -> None:
    """Put a new, empty file at `path`, for a library that opens it by name. Raises as `create` does."""
    create(root, path).close()


def move(root: Path, source: Path, target: Path, *, replace: bool = True) -> None:
    """Give a file or folder another place below `root`; on return both names are on the disk.

    Args:
        root: of both.
        source: it must be there.
        target: its new name; folders are made.
        replace: whether a file of that name may go.

    Raises:
        DataError: a link is in the way, or something that may not be replaced.
        OSError: as of rename(2).
    """
    with folder(root, source.parent) as here, folder(root, target.parent, make=True) as there:
        refuse_link(here, source)
        refuse_link(there, target)
        if not replace and _exists(there, target.name):
            raise DataError(f"{_shown(target)} already exists, and {_shown(source)} cannot take its place")
        os.rename(source.name, target.name, src_dir_fd=here, dst_dir_fd=there)
        os.fsync(there)
        os.fsync(here)


def _exists(fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def remove(root: Path, path: Path) -> None:
    """Remove a file if it is there. Raises DataError, OSError."""
    with contextlib.suppress(FileNotFoundError), folder(root, path.parent) as fd:
        refuse_link(fd, path)
        os.unlink(path.name, dir_fd=fd)


def remove_tree(root: Path, path: Path) -> None:
    """Remove a folder and all in it if it is there; what links in it lead to stays. Raises DataError, OSError."""
    with contextlib.suppress(FileNotFoundError), folder(root, path.parent) as fd:
        refuse_link(fd, path)
        shutil.rmtree(path)


def _shown(path: Path | str) -> str:
    return printable(os.fspath(path))
