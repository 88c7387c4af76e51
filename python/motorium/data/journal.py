"""An append-only file of fixed-size records in checked blocks: what is written is readable, whatever ended the writer.

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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import rooted
from ..errors import DataError
from ..foreign import parse_json, read_bytes

MAGIC = b"MTRJRNL1"
_U32 = struct.Struct("<I")
HEADER_LIMIT = 8 << 20
FILE_LIMIT = 4 << 30
"""Eleven hours of 200 Hz telemetry of 32 joints."""


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
        """More records, one block. Raises DataError when the disk is full or gone."""
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
        """To the disk."""
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
    """Header and all whole records. Raises DataError when not even the header is whole."""
    content = read_bytes(path, FILE_LIMIT, error=DataError, inside=path.parent)
    header, place = _header(path, content)
    try:
        record = np.dtype([_field(entry) for entry in header["record"]])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path}: no record type in the header: {error}") from error
    if record.hasobject or record.itemsize == 0:
        raise DataError(f"{path}: records of {record} are not read")
    blocks = []
    while len(content) - place >= 2 * _U32.size:
        (count,) = _U32.unpack_from(content, place)
        end = place + _U32.size + count * record.itemsize
        if end + _U32.size > len(content):
            break
        if zlib.crc32(memoryview(content)[place:end]) != _U32.unpack_from(content, end)[0]:
            break
        blocks.append(np.frombuffer(content, record, count, place + _U32.size))
        place = end + _U32.size
    return header, np.concatenate(blocks) if blocks else np.empty(0, record)


def room_for_rows(path: Path, record_bytes: int) -> int:
    """How many blocks of one record the file has room for behind its header, whole or not. Raises OSError."""
    begin = len(MAGIC) + _U32.size
    with path.open("rb") as file:
        head = file.read(begin)
        size = os.fstat(file.fileno()).st_size
    if len(head) == begin and head.startswith(MAGIC):
        begin += _U32.unpack_from(head, len(MAGIC))[0] + _U32.size
    return max(size - begin, 0) // (record_bytes + 2 * _U32.size)


def _header(path: Path, content: bytes) -> tuple[dict[str, Any], int]:
    begin = len(MAGIC) + _U32.size
    if content[: len(MAGIC)] != MAGIC or len(content) < begin:
        raise DataError(f"{path} is no journal")
    (length,) = _U32.unpack_from(content, len(MAGIC))
    end = begin + length
    text = content[begin:end]
    if length > HEADER_LIMIT or len(content) < end + _U32.size:
        raise DataError(f"{path}: its header is cut off")
    if zlib.crc32(text) != _U32.unpack_from(content, end)[0]:
        raise DataError(f"{path}: its header is damaged")
    try:
        value = parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: its header is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: its header is no object")
    return value, end + _U32.size


def _field(entry: list[Any]) -> tuple[str, str, tuple[int, ...]]:
    name, kind = str(entry[0]), str(entry[1])
    if np.dtype(kind).kind not in "fiub":
        raise ValueError(f"type {kind!r}")
    return name, kind, tuple(int(n) for n in entry[2]) if len(entry) > 2 else ()
