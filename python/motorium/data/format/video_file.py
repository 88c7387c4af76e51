"""Open untrusted video files: only MP4, with an index and pictures of bounded size.

FFmpeg would open whatever a file says it is, playlists that name other files among it; it fills an index entry of 24
bytes and more for each frame that a file of 2 kB claims, and a decoder allocates what the stream says and not what
`info.json` does. Boxes: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import DataError
from ...foreign import descriptor_path, open_regular

MAX_BYTES = 64 << 30
MAX_PIXELS = 5376 * 3024
"""Largest picture that is decoded; a decoder holds a dozen of them."""
PADDING = 64
"""By which codecs round a side up."""
MAX_FRAMES = 4_000_000
"""A day and a half at 30 Hz."""
MAX_INDEX_BYTES = 256 << 20
_COUNTED = re.compile(rb"(?:stsz|stz2|trun|elst|cmov)")
_COUNT_AT = {b"stsz": 12, b"stz2": 12, b"trun": 8, b"elst": 8}
"""Box -> where its number of entries is, counted from its name."""


@contextmanager
def opened(
    path: Path, *, size: tuple[int, ...] | None = None, inside: Path | None = None
) -> Iterator[tuple[Any, Any]]:
    """Open an MP4; gives PyAV's container and its first video stream.

    Args:
        path: of the file.
        size: height and width that its pictures must have; None: any up to `MAX_PIXELS`.
        inside: the dataset that it belongs to; no link may lead out of it.

    Raises:
        DataError: absent, no regular file, without video, or of another or too large a size.
        av.FFmpegError: damaged, here or while it is read.
    """
    import av

    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    with open_regular(path, MAX_BYTES, error=DataError, inside=inside) as file:
        try:
            _check_index(file)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        held = descriptor_path(file, path)
        try:
            container = av.open(held, format="mp4", options=options)
        except av.FFmpegError as error:
            raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
    with container:
        if not container.streams.video:
            raise DataError(f"{path} has no video")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise DataError(f"{path} has a video with an unknown codec")
        if not (context.height > 0 and context.width > 0) or context.height * context.width > MAX_PIXELS:
            raise DataError(
                f"{path}: pictures of {context.width} x {context.height} are too large; scale them to at most "
                f"{MAX_PIXELS:.2g} pixels"
            )
        if size is not None and (context.height, context.width) != size:
            raise DataError(
                f"{path}: pictures of {context.width} x {context.height}, where info.json says {size[1]} x {size[0]}"
            )
        most = MAX_PIXELS if size is None else (size[0] + PADDING) * (size[1] + PADDING)
        context.options = {"max_pixels": str(most)}  # also where the stream changes its size later
        yield container, stream


def _check_index(file: BinaryIO) -> None:
    """Raise DataError where the boxes count more frames than `MAX_FRAMES`; nothing is said of what is no MP4."""
    end, place, samples, edits = file.seek(0, os.SEEK_END), 0, 0, 1
    while place + 8 <= end:
        file.seek(place)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        length = end - place if length == 0 else length
        if length < 8:
            return
        if kind != b"mdat" and not (kind in (b"free", b"skip", b"wide") and _is_empty(file)):
            if min(length, end - place) > MAX_INDEX_BYTES:
                raise DataError(f"an index of {length >> 20} MB is too large")
            file.seek(place)
            more, lists = _counts(file.read(min(length, end - place)))
            samples, edits = samples + more, edits + lists
            if samples * edits > MAX_FRAMES * 4 or samples > MAX_FRAMES:
                raise DataError(f"claims {samples} frames in {edits} lists; at most {MAX_FRAMES} are allowed")
        place += length


def _is_empty(file: BinaryIO) -> bool:
    """Return whether a box of spare room is one: FFmpeg takes it for an index where it looks like one."""
    return file.read(8)[4:] not in (b"mvhd", b"cmov")


def _counts(box: bytes) -> tuple[int, int]:
    """Return the frames and the entries of edit lists that a box and those inside it claim."""
    samples = edits = 0
    for found in _COUNTED.finditer(box):
        name, at = found[0], found.start()
        if name == b"cmov":
            raise DataError("a compressed index is not supported")
        count = int.from_bytes(box[at + _COUNT_AT[name] : at + _COUNT_AT[name] + 4], "big")
        if name == b"elst":
            edits += count
        else:
            samples += count
    return samples, edits
