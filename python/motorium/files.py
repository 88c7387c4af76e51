"""Files written whole or not at all, whatever ends the program meanwhile; whether they can be is asked before."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from .errors import StorageError

PROBE_BYTES = 4096
"""Written and thrown away to see whether a folder has room for anything at all."""
LONGEST_SHOWN = 500
"""Of a path in a message, characters."""
NAME_MAX = 255
"""Bytes of one name on Linux's file systems. Source: limits.h."""
BESIDE_BYTES = 32
"""By how much the name is longer of what grows beside a folder or file and takes its place."""


def config_home() -> Path:
    """Where a user's calibrations and camera bindings are: $XDG_CONFIG_HOME/motorium, else ~/.config/motorium.

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
            "HOME is not set and this user has no home folder, so nothing tells where calibrations are kept: set HOME, "
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
            f"the locale's encoding is {encoding}, in which {shown} means other letters to other programs: set "
            f"PYTHONUTF8=1 (or LC_ALL=C.UTF-8) and try again, or use ASCII letters alone"
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise StorageError(
            f"{shown} holds bytes that are no UTF-8, which not all programs can name: rename it"
        )


def looks_like_path(name: str | os.PathLike[str], suffix: str) -> bool:
    """Whether a person who typed `name` meant a file and not one of the known names: a suffix, a folder, a tilde."""
    text = os.fspath(name)
    return text.lower().endswith(suffix) or text.startswith(("~", ".")) or os.sep in text


def no_such_file(path: Path, wanted: str) -> str:
    """A message for a file that is not there: what is, as far as the path goes, and what should be given.

    Args:
        path: as it was given.
        wanted: such as "a robot's TOML file".
    """
    if path.is_dir():
        return f"{path} is a folder; give {wanted}"
    if path.exists():
        return f"{path} is another kind of file; give {wanted}"
    if str(path).startswith("~"):
        return f"{path}: no such file; the shell did not replace ~ by your home. Give {wanted}"
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
    """As `check_writable` for the one file `path`, which may be there already. Raises StorageError."""
    check_writable(path.absolute().parent, what)
    try:
        blocked = "there is a folder of that name" if path.is_dir() else ""
    except OSError as error:  # such as a name that is too long
        blocked = error.strerror or str(error)
    if blocked:
        raise StorageError(f"{what} could not be written to {path}: {blocked}")


def write_json(path: Path, value: Any, *, indent: int = 2) -> None:
    """Write indented JSON, whole or not at all; NaN and infinity raise ValueError."""
    text = json.dumps(value, indent=indent, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode("utf-8")))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Hand `write` a file that takes the place of `path` once it is complete and on the disk; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    partial = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
