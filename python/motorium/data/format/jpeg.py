"""Decode one untrusted JPEG with PyAV, after checking its claimed size."""

from __future__ import annotations

import numpy as np

from ...errors import DataError
from ...types import UInt8
from .video_file import MAX_PIXELS

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers (ITU-T T.81, table B.1)."""


def jpeg_size(data: bytes, where: str) -> tuple[int, int]:
    """Return (height, width) from the headers. Raises DataError when there are none, or they exceed what is read."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
            if not 0 < height * width <= MAX_PIXELS:
                raise DataError(f"{where}: a JPEG of {width} x {height} is too large")
            return height, width
        at += 2 + length
    raise DataError(f"{where} is not a JPEG")


def decode_jpeg(data: bytes, where: str) -> UInt8:
    """Decode to (H, W, 3) RGB; bytes behind the end of the picture do not matter. Raises DataError."""
    import av

    size = jpeg_size(data, where)
    try:
        decoder = av.CodecContext.create("mjpeg", "r")
        frames = decoder.decode(av.Packet(data)) or decoder.decode(None)
        image = frames[0].to_ndarray(format="rgb24")
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise DataError(f"{where} is a damaged JPEG: {error}") from error
    if image.shape[:2] != size:
        raise DataError(f"{where}: a JPEG contradicts its header")
    return np.asarray(image, dtype=np.uint8)
