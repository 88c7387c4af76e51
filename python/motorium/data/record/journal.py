"""Append records of fixed size in checked blocks: what is written is readable, whatever ended the writer.

    magic | u32 length | JSON header | u32 CRC      then blocks of      u32 rows | rows * record | u32 CRC

Reading stops at the first block that is short or whose CRC is wrong; all before it is whole.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ... import rooted
from ...errors import DataError
from ...foreign import open_regular, parse_json

MAGIC = b"MTRJRNL1"
_U32 = struct.Struct("<I")
HEADER_LIMIT = 8 << 20
FILE_LIMIT = 4 << 30
"""Eleven hours of 200 Hz telemetry of 32 joints."""
HOLE_BYTES = 64 << 20
HOLE_RATIO = 64
"""A larger file has at least this part of its bytes on the disk, also where the file system packs them."""
_BLOCK = 512
"""Bytes that `st_blocks` counts in."""


class Journal:
    """The writing end. Every `append` reaches the operating system at once, and the disk at the next `sync`."""

    def __init__(self, root: Path, path: Path, header: Mapping[str, Any], record: np.dtype[Any]) -> None:
        """Start a new file in the dataset at `root`. Raises DataError when it cannot be written."""
        text = json.dumps({**header, "record": record.descr}).encode()
        self.path, self._record = path, record
        self.rows = 0
        try:
            self._fd = rooted.open_new(root, path)
            self._write(MAGIC + _U32.pack(len(text)) + text + _U32.pack(zlib.crc32(text)))
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror}") from error

    def append(self, rows: NDArray[Any]) -> None:
        """Append records as one block. Raises DataError when the disk is full or gone."""
        content = np.ascontiguousarray(rows, dtype=self._record).tobytes()
        head = _U32.pack(len(rows))
        try:
            self._write(head + content + _U32.pack(zlib.crc32(content, zlib.crc32(head))))
        except OSError as error:
            raise DataError(f"cannot write {self.path}: {error.strerror}") from error
        self.rows += len(rows)

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self._fd, view) :]

    def sync(self) -> None:
        """Bring it to the disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Sync and close; safe to call twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)


def read_journal(path: Path) -> tuple[dict[str, Any], NDArray[Any]]:
    """Read the header and all whole records. Raises DataError when not even the header is whole."""
    with open_regular(path, FILE_LIMIT, error=DataError, inside=path.parent) as file:
        _refuse_hole(path, file)
        try:
            return _read(path, file)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error


def _refuse_hole(path: Path, file: BinaryIO) -> None:
    """Raise DataError for a file of nothing: read as zeros it would fill the memory, and nobody wrote them."""
    found = os.fstat(file.fileno())
    if found.st_size > HOLE_BYTES and found.st_blocks * _BLOCK * HOLE_RATIO < found.st_size:
        raise DataError(f"{path} claims {found.st_size >> 20} MB but is almost empty")


def _read(path: Path, file: BinaryIO) -> tuple[dict[str, Any], NDArray[Any]]:
    header = _header(path, file)
    try:
        record = np.dtype([_field(entry) for entry in header["record"]])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path}: no record type in the header: {error}") from error
    if record.hasobject or record.itemsize == 0:
        raise DataError(f"{path}: records of {record} are not supported")
    rows = bytearray()
    left = os.fstat(file.fileno()).st_size - file.tell()
    while left >= 2 * _U32.size:
        head = file.read(_U32.size)
        length = int.from_bytes(head, "little") * record.itemsize
        left -= length + 2 * _U32.size
        if left < 0:
            break
        content, crc = file.read(length), file.read(_U32.size)
        if zlib.crc32(content, zlib.crc32(head)).to_bytes(_U32.size, "little") != crc:
            break
        rows += content
    return header, np.frombuffer(rows, record) if rows else np.empty(0, record)


def room_for_rows(path: Path, record_bytes: int) -> int:
    """Count the blocks of one record that the file has room for behind its header, whole or not. Raises DataError."""
    begin = len(MAGIC) + _U32.size
    with open_regular(path, FILE_LIMIT, error=DataError, inside=path.parent) as file:
        head = file.read(begin)
        size = os.fstat(file.fileno()).st_size
    if len(head) == begin and head.startswith(MAGIC):
        begin += _U32.unpack_from(head, len(MAGIC))[0] + _U32.size
    return max(size - begin, 0) // (record_bytes + 2 * _U32.size)


def _header(path: Path, file: BinaryIO) -> dict[str, Any]:
    begin = file.read(len(MAGIC) + _U32.size)
    if begin[: len(MAGIC)] != MAGIC or len(begin) < len(MAGIC) + _U32.size:
        raise DataError(f"{path} is not a journal")
    (length,) = _U32.unpack_from(begin, len(MAGIC))
    text = file.read(min(length, HEADER_LIMIT))
    crc = file.read(_U32.size)
    if len(text) != length or len(crc) < _U32.size:
        raise DataError(f"{path}: its header is cut off")
    if zlib.crc32(text) != _U32.unpack(crc)[0]:
        raise DataError(f"{path}: its header is damaged")
    try:
        value = parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: its header is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: its header is not an object")
    return value


def _field(entry: list[Any]) -> tuple[str, str, tuple[int, ...]]:
    name, kind = str(entry[0]), str(entry[1])
    if np.dtype(kind).kind not in "fiub":
        raise ValueError(f"type {kind!r}")
    return name, kind, tuple(int(n) for n in entry[2]) if len(entry) > 2 else ()
