"""Files written whole or not at all, whatever ends the program meanwhile; whether they can be is asked before."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from . import rooted
from .errors import StorageError

PROBE_BYTES = 4096
"""Written and thrown away to see whether a folder has room for anything at all."""
LONGEST_SHOWN = 500
"""Of a path in a message, characters."""
NAME_MAX = 255
"""Bytes of one name on Linux's file systems. Source: limits.h."""
BESIDE_BYTES = 32
"""By how much the name is longer of what grows beside a folder or file and takes its place."""
DEVICES = Path("/dev")
TEMPORARY = ".motorium-tmp"
"""End of the name of a file that is being written and will take the place of another."""

_RENAME_EXCHANGE, _AT_FDCWD = 2, -100
_NO_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY)


def config_home() -> Path:
    """Return the folder of calibrations and camera bindings: $XDG_CONFIG_HOME/motorium, else ~/.config/motorium.

    Raises StorageError when the user has no home.
    """
    base = os.environ.get("XDG_CONFIG_HOME")
    if base:
        return Path(base) / "motorium"
    home = os.environ.get("HOME")
    try:
        if home is None:  # the user database may know
            home = str(Path.home())
    except (RuntimeError, KeyError):
        home = ""
    if not home:
        raise StorageError(
            "HOME is not set and this user has no home folder, so the folder of calibrations is unknown: set HOME, "
            "or XDG_CONFIG_HOME to a folder for them"
        )
    return Path(home) / ".config" / "motorium"


def reserve_standard_descriptors() -> None:
    """Open /dev/null in the place of a closed stdin, stdout or stderr.

    The next file that is opened would get its number: a servo bus, on which a library then prints its warnings.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # noqa: PERF203 - three of them
            os.set_inheritable(
                os.open(os.devnull, os.O_RDWR), True
            )  # it takes the lowest free number: this one


def check_text(path: str | os.PathLike[str]) -> None:
    """Raise StorageError when `path` is not the same name to every library: others would look for another file.

    Path names are bytes. Those that are not UTF-8, or read in a locale that is not, are other letters to pyarrow and
    FFmpeg than to Python, or none.
    """
    text, encoding = os.fspath(path), sys.getfilesystemencoding()
    if text.isascii():
        return
    shown = os.fsencode(text).decode("utf-8", "backslashreplace").encode("ascii", "backslashreplace").decode()
    if encoding.lower().replace("-", "") != "utf8":
        raise StorageError(
            f"the locale's encoding is {encoding}, in which other programs read {shown} differently: set "
            f"PYTHONUTF8=1 (or LC_ALL=C.UTF-8) and try again, or use ASCII letters alone"
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise StorageError(
            f"{shown} has bytes that are not UTF-8, which not all programs can open: rename it"
        )


def looks_like_path(name: str | os.PathLike[str], suffix: str) -> bool:
    """Return whether `name` was meant as a file, not as a known name: it has a suffix, a folder or a tilde."""
    text = os.fspath(name)
    return text.lower().endswith(suffix) or text.startswith(("~", ".")) or os.sep in text


def no_such_file(path: Path, wanted: str) -> str:
    """Return a message for a missing file: how much of the path exists, and what to give instead.

    Args:
        path: as it was given.
        wanted: such as "a robot's TOML file".
    """
    if path.is_dir():
        return f"{path} is a folder; give {wanted}"
    if path.exists():
        return f"{path} is another kind of file; give {wanted}"
    if str(path).startswith("~"):
        return f"{path}: no such file; the shell did not expand ~. Give {wanted}"
    nearest = next((parent for parent in path.parents if parent.exists()), None)
    if nearest is not None and nearest != path.parent and len(path.parts) > 1:
        return f"{path}: no such file, nor a folder {path.parent}; give {wanted}"
    return f"{path}: no such file; give {wanted}"


def check_writable(folder: Path, what: str, option: str = "") -> None:
    """Try whether files can be written to `folder`, so that it is known before anything moves or changes.

    Args:
        folder: for files to come; where it is not there yet, the folder in which it will be made is tried.
        what: they are, for the message, such as "the calibration".
        option: of the command line that names another folder, such as "--out".

    Raises:
        StorageError: it cannot be made or written, has no room, or the locale cannot name it.
    """
    check_text(folder.absolute())
    there = folder.absolute()
    longest = 0
    while not os.path.lexists(there):
        longest = max(longest, len(os.fsencode(there.name)))
        there = there.parent
    try:
        if longest > NAME_MAX - BESIDE_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
    except OSError as error:
        where = f"{folder}" if there == folder.absolute() else f"{folder} ({there})"
        where = where if len(where) < LONGEST_SHOWN else f"{where[:LONGEST_SHOWN]} ..."
        advice = f"; {option} names another folder" if option else ""
        raise StorageError(
            f"{what} could not be written to {where}: {error.strerror or error}{advice}"
        ) from error


def check_file(path: Path, what: str) -> None:
    """Check like `check_writable` that the file `path`, which may exist, can be written. Raises StorageError."""
    try:
        blocked = "there is a folder of that name" if path.is_dir() else ""
        special = path.exists() and not path.is_file()
        if not blocked and (special or Path(os.path.realpath(path.parent)) == DEVICES):
            blocked = "that is a device, FIFO or socket"
    except OSError as error:  # such as a name that is too long
        blocked = error.strerror or str(error)
    if blocked:
        raise StorageError(f"{what} could not be written to {path}: {blocked}")
    check_writable(_own(path).absolute().parent, what)


def write_json(path: Path, value: Any, *, indent: int = 2, root: Path | None = None) -> None:
    """Write indented JSON as `write_whole` does; NaN and infinity raise ValueError."""
    text = json.dumps(value, indent=indent, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode("utf-8")), root=root)


def write_whole(path: Path, write: Callable[[BinaryIO], object], *, root: Path | None = None) -> None:
    """Let `write` fill a file that replaces `path` once it is complete and on disk; makes folders.

    Permissions are those of the file that is replaced; of a new one, what the umask leaves.

    Args:
        path: of the file. A link of that name is replaced too, and what it leads to stays as it is: it may have come
            with what somebody else made. Below `config_home` links are the user's, such as those into a folder of
            settings under version control; there the file behind the link is replaced and the link stays.
        write: is called with the open file.
        root: the folder that others may have filled; below it no link is followed, see `rooted`.

    Raises:
        DataError: below `root`, a link is in the way.
        StorageError: `path` is a device, FIFO or socket.
        OSError: the disk does not take it; then `path` is as it was.
    """
    if root is not None:
        with rooted.folder(root, path.parent, make=True) as fd:
            rooted.refuse_link(fd, path)
            _replace(fd, path, write)
        return
    path = _own(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rooted.folder(path.parent, path.parent) as fd:
        _replace(fd, path, write)


def give_way(path: Path) -> None:
    """Remove a file or link of that name, for a library that would open it; what it leads to stays. Raises OSError."""
    if path.is_symlink() or path.is_file():
        path.unlink()


def _own(path: Path) -> Path:
    """Follow a link among the user's settings."""
    if not path.is_symlink():
        return path
    try:
        settings = config_home()
    except StorageError:  # no home, no settings
        return path
    return Path(os.path.realpath(path)) if settings.absolute() in path.absolute().parents else path


def _replace(folder: int, path: Path, write: Callable[[BinaryIO], object]) -> None:
    partial = temporary_name(path.name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(partial, flags, rooted.FILE_MODE, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            write(file)
            file.flush()
            _keep_mode(file.fileno(), folder, path)
            os.fsync(file.fileno())
        os.replace(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=folder)
        raise


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    _sync(path, 0)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    _sync(path, os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def temporary_name(name: str) -> str:
    """Return a new name for what will take the place of `name`, unlike that of any other program."""
    return f".{name[:40]}.{secrets.token_hex(4)}{TEMPORARY}"


def _keep_mode(fd: int, folder: int, path: Path) -> None:
    """Give the new file the permissions and, where that is allowed, the owner and group of the one it replaces."""
    try:
        old = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(old.st_mode):
        return
    if not stat.S_ISREG(old.st_mode):
        raise StorageError(f"{path} is not a regular file and cannot be replaced by one; name another")
    new = os.fstat(fd)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(OSError):  # only root may give files away; groups of one's own are free
            os.fchown(fd, old.st_uid if os.geteuid() == 0 else -1, old.st_gid)
    os.fchmod(fd, stat.S_IMODE(old.st_mode) & 0o777)


def exchange_names(a: Path, b: Path) -> bool:
    """Let two names change places in one step, renameat2(2); False where the file system cannot. Raises OSError."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(a))
