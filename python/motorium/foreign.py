"""Files that others may have made: opened only when regular, inside their folder, and no larger than they may be.

Whatever is read from a dataset, a checkpoint, a calibration or a TOML file of somebody's goes through here, so that a
FIFO cannot hang the program, a link cannot lead out of its folder, and no claim of a size costs memory.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from .errors import MotoriumError
from .printable import printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEEPEST = 64
"""Lists and tables in one another; documents of people have fewer than ten."""
LARGEST_INTEGER = 1 << 64
TOML_BYTES = 1 << 20
"""Largest TOML file that is read; a robot's has a few kB."""
_LONGEST_KEY = DEEPEST
"""Parts of a dotted key: tomllib takes time with their square."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_HUB_REPOSITORY = re.compile(r"(models|datasets|spaces)--.+")
_SHOWN = 80


def resolve_inside(path: Path, inside: Path | None, error: type[MotoriumError]) -> Path:
    """Resolve the links of `path` and refuse those that lead out of the folder `inside`.

    The Hub's cache keeps every file of a snapshot as a link to `blobs` of the same repository; such links are followed
    (https://huggingface.co/docs/huggingface_hub/guides/manage-cache). Without `inside`, `path` was named by the user,
    who may mean a link. Raises `error`.
    """
    try:
        real = Path(os.path.realpath(path))
        if inside is None:
            return real
        base = Path(os.path.realpath(inside))
    except (OSError, ValueError) as failure:  # a loop of links; a zero byte in the name
        raise error(f"cannot read {_shown(path)}: {failure}") from failure
    if real == base or base in real.parents or _in_hub_cache(real, base):
        return real
    base, named = (Path(os.path.normpath(one.absolute())) for one in (inside, path))
    if base != named and base not in named.parents:  # by its name already, without any link
        raise error(f"{_shown(path)} lies outside the folder {_shown(base)}; put a copy of the file there")
    raise error(
        f"{_shown(path)} links out of its folder, to {_shown(real)}, and is not followed; put a copy of the "
        f"file there if it belongs to it"
    )


def _in_hub_cache(real: Path, base: Path) -> bool:
    for folder in (base, *base.parents):
        repository = folder.parent.parent
        if folder.parent.name == "snapshots" and _HUB_REPOSITORY.fullmatch(repository.name):
            return real.parent == repository / "blobs"
    return False


def open_regular(
    path: Path, max_bytes: int, *, error: type[MotoriumError], inside: Path | None = None
) -> BinaryIO:
    """Open a regular file of at most `max_bytes` for reading.

    Args:
        path: of the file.
        max_bytes: it may have.
        error: what to raise when it is absent, unreadable, larger, or a FIFO, device, socket or folder.
        inside: the folder that its links may not lead out of, see `resolve_inside`.
    """
    real = resolve_inside(path, inside, error)
    try:
        fd = os.open(real, _READ) if inside is None else _open_below(real, Path(os.path.realpath(inside)))
    except (OSError, ValueError) as failure:
        why = getattr(failure, "strerror", None) or str(failure)
        raise error(f"cannot read {_shown(path)}: {why}") from failure
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise error(f"{_shown(path)} is {_kind(found.st_mode)}, not a regular file, and was not read")
        if found.st_size > max_bytes:
            raise error(
                f"{_shown(path)} has {_size(found.st_size)}, larger than the {_size(max_bytes)} such a file may have"
            )
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def _open_below(real: Path, base: Path) -> int:
    """Open a file below the folder it belongs to, name by name: a link that was put there meanwhile is not followed."""
    anchor = (
        base if base == real or base in real.parents else real.parent.parent
    )  # the repository in the Hub's cache
    *folders, name = real.relative_to(anchor).parts or ("",)
    at = os.open(anchor if name else real, _FOLDER if name else _READ)
    if not name:
        return at
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, _READ, dir_fd=at)
    finally:
        os.close(at)


def descriptor_path(file: BinaryIO, path: Path) -> str:
    """Name an opened file for a library that opens files itself, so that it opens this one and no other.

    `path`, without links, stands in where /proc is not mounted.
    """
    held = Path(f"/proc/self/fd/{file.fileno()}")
    return os.fspath(held) if held.exists() else os.path.realpath(path)


def check_regular(
    path: Path, max_bytes: int, *, error: type[MotoriumError], inside: Path | None = None
) -> Path:
    """Check as `open_regular` does, for a library that opens files itself; returns the path without links."""
    open_regular(path, max_bytes, error=error, inside=inside).close()
    return resolve_inside(path, inside, error)


def read_bytes(
    path: Path, max_bytes: int, *, error: type[MotoriumError], inside: Path | None = None
) -> bytes:
    """Read a file whole. Raises `error` as `open_regular` does."""
    with open_regular(path, max_bytes, error=error, inside=inside) as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as failure:
            raise error(f"cannot read {_shown(path)}: {failure.strerror}") from failure
    if len(content) > max_bytes:  # it grew meanwhile
        raise error(f"{_shown(path)} is larger than the {_size(max_bytes)} such a file may have")
    return content


def read_text(path: Path, max_bytes: int, *, error: type[MotoriumError], inside: Path | None = None) -> str:
    """Read UTF-8 text, with or without a byte order mark. Raises `error`, also when it is no UTF-8."""
    try:
        return read_bytes(path, max_bytes, error=error, inside=inside).decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise error(
            f"{_shown(path)} is not UTF-8 text: byte {failure.start} is 0x{failure.object[failure.start]:02x}"
        ) from failure


def read_json(
    path: Path, max_bytes: int, *, error: type[MotoriumError], inside: Path | None = None, nan: bool = False
) -> Any:
    """Read a JSON document, see `parse_json`. Raises `error`."""
    text = read_text(path, max_bytes, error=error, inside=inside)
    try:
        return parse_json(text, nan=nan)
    except ValueError as failure:
        raise error(f"{_shown(path)} is not valid JSON: {printable(str(failure))}") from failure


def read_toml(path: Path, *, error: type[MotoriumError], inside: Path | None = None) -> dict[str, Any]:
    """Read a TOML file of at most `TOML_BYTES`, bounded as JSON is. Raises `error`."""
    text = read_text(path, TOML_BYTES, error=error, inside=inside)
    try:
        table = parse_toml(text)
    except ValueError as failure:
        raise error(f"{_shown(path)} is not valid TOML: {printable(str(failure))}") from failure
    return table


def parse_toml(text: str) -> dict[str, Any]:
    """Decode TOML, bounded as JSON is by `parse_json`. Raises ValueError."""
    for line in text.splitlines():
        key = line.partition("=")[0].lstrip()
        if not key.startswith("#") and re.sub(r"\.{2,}", "", key).count(".") > _LONGEST_KEY:
            raise ValueError(f"a key of more than {_LONGEST_KEY} parts")
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except RecursionError as failure:
        raise ValueError("nested too deeply") from failure
    _check(table, nan=False)
    return table


def parse_json(text: str | bytes, *, nan: bool = False, unique: bool = False) -> Any:
    """Decode JSON whose depth, integers and texts are bounded.

    Args:
        text: the document.
        nan: whether NaN and infinities are numbers, as Python's own writer has them.
        unique: whether a key that appears twice is refused.

    Raises:
        ValueError: no JSON, nested deeper than `DEEPEST`, an integer beyond 64 bits, a text that is no Unicode.
    """
    try:
        value = json.loads(
            text,
            parse_int=_integer,
            parse_constant=_constant if nan else _no_constant,
            object_pairs_hook=_unique if unique else None,
        )
        _check(value, nan=nan)
    except RecursionError as failure:
        raise ValueError("nested too deeply") from failure
    return value


def _integer(text: str) -> int:
    number = int(text) if len(text) <= len(str(LARGEST_INTEGER)) + 1 else LARGEST_INTEGER
    if abs(number) >= LARGEST_INTEGER:
        raise ValueError(f"an integer of {len(text)} digits; integers beyond 64 bits are not allowed")
    return number


def _constant(name: str) -> float:
    return float(name.replace("Infinity", "inf"))


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"key {printable(name[:_SHOWN])!r} appears twice")
        table[name] = value
    return table


def _check(document: Any, *, nan: bool) -> None:
    """Raise ValueError for what decoders let pass and programs trip over: depth, infinities, lone surrogates."""
    open_ones: list[Iterator[tuple[object, Any]]] = [iter((("", document),))]
    keys: list[object] = [""]
    while open_ones:
        pair = next(open_ones[-1], None)
        if pair is None:  # at its end
            open_ones.pop()
            keys.pop()
            continue
        keys[-1], value = pair
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, float) and not nan and not math.isfinite(value):
            raise ValueError(f"{_place(keys)} is {value}, but numbers must be finite")
        elif isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
            raise ValueError(f"{_place(keys)} is an integer beyond 64 bits")
        elif isinstance(value, (dict, list)):
            if len(open_ones) > DEEPEST:
                raise ValueError("nested too deeply")
            if isinstance(value, dict):
                for key in value:
                    _check_text(key)
            open_ones.append(iter(value.items() if isinstance(value, dict) else enumerate(value)))
            keys.append("")


def _place(keys: Sequence[object]) -> str:
    """Name a value by the keys that lead to it, such as joints[2].max_effort; the document itself is the first."""
    words = (f"[{key}]" if isinstance(key, int) else f".{printable(str(key)[:_SHOWN])}" for key in keys[1:])
    return "".join(words).removeprefix(".") or "the document"


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{printable(text[:_SHOWN])!r} is not Unicode text")


def _shown(path: Path) -> str:
    return printable(os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "another kind of file")


def _size(count: int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count} {unit}" if unit == "bytes" else f"{count:.4g} {unit}"
        count /= 1000  # type: ignore[assignment]
    return f"{count:.4g} GB"
