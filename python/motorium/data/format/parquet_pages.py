"""Count what a parquet file unpacks to from the headers of its pages, before any page is unpacked.

The footer's sizes are claims that readers do not check: a run-length code of six bytes stands for two thousand million
values, and so may a page of a few kB that is packed. pyarrow gives sizes and places out only by functions that end the
process where a footer is damaged; so it is read here. Format: https://parquet.apache.org/docs/file-format,
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from ...errors import DataError
from .thrift import read_struct

HEADER_BYTES = 512
"""Enough for most page headers; longer ones are read again, whole."""
MAX_HEADER_BYTES = 1 << 20
MAX_FOOTER_BYTES = 64 << 20
CODECS = {0: "", 1: "snappy", 2: "gzip", 4: "brotli", 5: "lz4_raw", 6: "zstd", 7: "lz4_raw"}
"""Parquet's number -> pyarrow's name."""
_TAIL = 8
_UNPACKED, _PACKED, _DATA, _DICTIONARY, _DATA_V2 = 2, 3, 5, 7, 8
"""Numbers of PageHeader's fields; of the headers inside it, 1 is the number of values."""
_ENCODINGS = {_DATA: 2, _DATA_V2: 4}


class Chunk(NamedTuple):
    """One column of one row group: compression, position, and its stored minimum and maximum."""

    codec: int
    start: int
    size: int
    low: bytes | None
    high: bytes | None


@dataclass(frozen=True)
class Page:
    """One page of a column, as the reader will take it.

    Attributes:
        values: entries, nulls among them; those of a dictionary where it is one.
        packed, unpacked: bytes.
        dictionary: whether other pages' values point into this one.
        encoding: parquet's number of it.
        place: of its first packed byte in the file.
    """

    values: int
    packed: int
    unpacked: int
    dictionary: bool
    encoding: int
    place: int


def read_groups(file: BinaryIO) -> list[list[Chunk]]:
    """Read the footer: for each group of rows its columns. Raises DataError for what is none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    length = int.from_bytes(file.read(4), "little")
    if size < _TAIL + 4 or length > min(size - _TAIL, MAX_FOOTER_BYTES):
        raise DataError(f"its footer claims {length} bytes of {size}")
    file.seek(size - _TAIL - length)
    try:
        footer, _ = read_struct(file.read(length), 0, {4: _group})
    except IndexError:
        raise DataError("its footer is cut off") from None
    groups = footer.get(4)
    return groups if isinstance(groups, list) else []


def _group(data: bytes, place: int) -> tuple[list[Chunk], int]:
    fields, place = read_struct(data, place, {1: _chunk}, 2)
    columns = fields.get(1)
    return columns if isinstance(columns, list) else [], place


def _chunk(data: bytes, place: int) -> tuple[Chunk, int]:
    fields, place = read_struct(data, place, None, 4)
    meta = fields.get(3)
    if not isinstance(meta, dict):
        raise DataError("its footer lacks a column")
    codec, size, start, first = (meta.get(number, 0) for number in (4, 7, 9, 11))
    if not all(isinstance(n, int) and 0 <= n < 1 << 62 for n in (codec, size, start, first)):
        raise DataError("its footer gives no place for a column")
    stats = meta.get(12)
    ends = [stats.get(number) if isinstance(stats, dict) else None for number in (6, 5)]
    low, high = (end if isinstance(end, bytes) else None for end in ends)
    return Chunk(codec, min(first, start) if first else start, size, low, high), place


def pages(fd: int, chunk: Chunk) -> Iterator[Page]:
    """Walk the pages of a column in an open file. Raises DataError for what is no page header."""
    place, end = chunk.start, chunk.start + chunk.size
    while place < end:
        header, body = _header(fd, place)
        page = _page(header, body)
        yield page
        place = body + page.packed


def _header(fd: int, place: int) -> tuple[dict[int, Any], int]:
    for most in (HEADER_BYTES, MAX_HEADER_BYTES):
        try:
            header, used = read_struct(os.pread(fd, most, place), 0)
        except IndexError:
            continue
        return header, place + used
    raise DataError("a page's header is cut off")


def _page(header: dict[int, Any], place: int) -> Page:
    packed, unpacked = header.get(_PACKED), header.get(_UNPACKED)
    kinds = [number for number in (_DATA, _DICTIONARY, _DATA_V2) if isinstance(header.get(number), dict)]
    counts = [header[number].get(1) for number in kinds]
    encodings = [header[number].get(_ENCODINGS[number], 0) for number in kinds if number in _ENCODINGS]
    if not all(isinstance(n, int) and n >= 0 for n in (packed, unpacked, *counts, *encodings)):
        raise DataError("a page's header has no sizes")
    return Page(
        max(counts, default=0),
        int(packed or 0),
        int(unpacked or 0),
        _DICTIONARY in kinds,
        max(encodings, default=0),
        place,
    )


def longest_text(data: bytes, count: int) -> int:
    """Return the bytes of the longest of `count` texts in an unpacked dictionary page, each behind its length."""
    place = longest = 0
    for _ in range(count):
        if place + 4 > len(data):
            break
        length = int.from_bytes(data[place : place + 4], "little")
        longest = max(longest, min(length, len(data)))
        place += 4 + length
    return longest
