"""Read Thrift's compact protocol as far as parquet's footers and page headers need it.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import DataError

DEEPEST = 12
_STOP, _TRUE, _FALSE, _BYTE, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 0, 1, 2, 3, 6, 7, 8, 9, 10, 12
Reader = Callable[[bytes, int], tuple[Any, int]]
"""From where in some bytes a value is read; gives it, and where it ends."""


def read_struct(
    data: bytes, place: int, special: Mapping[int, Reader] | None = None, depth: int = 0
) -> tuple[dict[int, Any], int]:
    """Read the fields of a struct, by number, and where it ends.

    Args:
        data: the bytes.
        place: where it begins.
        special: how to read the elements of some fields that are lists.
        depth: of the structs around it.

    Raises:
        IndexError: it is cut off.
        DataError: nested too deeply, or a field of a kind that parquet does not use, or twice.
    """
    if depth > DEEPEST:
        raise DataError("nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while True:
        head = data[place]
        place += 1
        kind = head & 15
        if kind == _STOP:
            return fields, place
        if head >> 4:
            number += head >> 4
        else:
            number, place = _zigzag(data, place)
        if kind == _LIST and special and number in special:
            value, place = _read_list(data, place, special[number])
        else:
            value, place = _read(data, place, kind, depth)
        if number in fields:
            raise DataError("has a field twice")
        fields[number] = value


def _read(data: bytes, place: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, place
    if kind == _BYTE:
        return data[place], place + 1
    if _BYTE < kind <= _I64:
        return _zigzag(data, place)
    if kind == _DOUBLE:
        return None, place + 8
    if kind == _BINARY:
        length, place = _varint(data, place)
        if place + length > len(data):
            raise IndexError
        return data[place : place + length], place + length
    if kind in (_LIST, _SET):
        return None, _skip_list(data, place, depth + 1)
    if kind == _STRUCT:
        return read_struct(data, place, None, depth + 1)
    raise DataError(f"has a field of the unknown kind {kind}")


def _list_head(data: bytes, place: int) -> tuple[int, int, int]:
    head = data[place]
    count, place = head >> 4, place + 1
    if count == 15:
        count, place = _varint(data, place)
    if place + count > len(data):  # each element has a byte at least
        raise IndexError
    return head & 15, count, place


def _read_list(data: bytes, place: int, reader: Reader) -> tuple[list[Any], int]:
    kind, count, place = _list_head(data, place)
    if kind != _STRUCT:
        raise DataError("has a list that is not of structs")
    out = []
    for _ in range(count):
        value, place = reader(data, place)
        out.append(value)
    return out, place


def _skip_list(data: bytes, place: int, depth: int) -> int:
    if depth > DEEPEST:
        raise DataError("nested too deeply")
    kind, count, place = _list_head(data, place)
    if kind in (_TRUE, _FALSE):
        return place + count
    for _ in range(count):
        _, place = _read(data, place, kind, depth)
    return place


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = data[place]
    place += 1
    if value < 128:
        return value, place
    value &= 127
    shift = 7
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise DataError("has an endless number")


def _zigzag(data: bytes, place: int) -> tuple[int, int]:
    value, place = _varint(data, place)
    return (value >> 1) ^ -(value & 1), place
