"""Just enough PNG for thumbnails: 8-bit RGB written without any library, and only files written here are read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from ..errors import CameraError
from ..files import write_whole
from ..foreign import read_bytes
from ..types import UInt8

MAX_SIDE = 1024
MAX_FILE_BYTES = 4 << 20
_MAGIC = b"\x89PNG\r\n\x1a\n"


def write_png(path: Path, image: UInt8) -> None:
    """Write (H, W, 3) uint8 RGB, whole or not at all."""
    height, width = image.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # filter 0 before each row
    rows[:, 1:] = image.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [
        _MAGIC,
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
        _chunk(b"IEND", b""),
    ]
    write_whole(path, lambda file: file.write(b"".join(parts)))


def read_png(path: Path) -> UInt8:
    """Read a file written by `write_png` as (H, W, 3) uint8. Raises CameraError for anything else."""
    data = read_bytes(path, MAX_FILE_BYTES, error=CameraError)
    try:
        return _decode(data)
    except (ValueError, struct.error, zlib.error) as error:
        raise CameraError(
            f"{path} is not a thumbnail made by motorium ({error}): bind the camera again"
        ) from error


def _decode(data: bytes) -> UInt8:
    if not data.startswith(_MAGIC):
        raise ValueError("no PNG")
    width, height, *rest = struct.unpack(">IIBBBBB", _body(data, 8, b"IHDR"))
    if rest != [8, 2, 0, 0, 0] or not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"{width}x{height}, layout {rest}")
    size = height * (1 + 3 * width)
    inflater = zlib.decompressobj()
    raw = inflater.decompress(_body(data, 33, b"IDAT"), size + 1)
    if len(raw) != size:
        raise ValueError(f"{len(raw)} bytes of pixels, {size} expected")
    rows = np.frombuffer(raw, np.uint8).reshape(height, 1 + 3 * width)
    if rows[:, 0].any():
        raise ValueError("filtered rows")
    return rows[:, 1:].reshape(height, width, 3).copy()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _body(data: bytes, at: int, kind: bytes) -> bytes:
    (size,) = struct.unpack_from(">I", data, at)
    if data[at + 4 : at + 8] != kind or at + 12 + size > len(data):
        raise ValueError(f"no complete {kind.decode()} chunk")
    body = data[at + 8 : at + 8 + size]
    if struct.unpack_from(">I", data, at + 8 + size)[0] != zlib.crc32(kind + body):
        raise ValueError(f"damaged {kind.decode()} chunk")
    return body
