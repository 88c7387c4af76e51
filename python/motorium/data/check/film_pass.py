"""Pass once over a video file: when each frame is to be shown, and every picture. The file may be anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...types import UInt8
from ..format.video_file import opened

THREADED_FRAMES = 160
"""Files with more frames are decoded by several threads; starting those costs more than a short file."""
_CODECS = {
    "libdav1d": "av1", "libsvtav1": "av1", "libaom-av1": "av1", "av01": "av1", "libx264": "h264", "avc": "h264",
    "avc1": "h264", "h265": "hevc", "libx265": "hevc", "hvc1": "hevc", "hev1": "hevc",
}  # fmt: skip
"""Names of encoders, decoders and boxes -> name of the codec."""
_FULL_RANGE = {"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p"}
"""FFmpeg's older names of the same formats."""

See = Callable[[float, UInt8], None]


@dataclass(frozen=True)
class Sample:
    """Which pictures are sampled, and what checks them.

    Attributes:
        size: (height, width) that pictures have; those of another size are not decoded.
        wanted: whether the frame of a time, in seconds of the file, is converted to RGB.
        see: called with (seconds, (H, W, 3) RGB) of each that is.
    """

    size: tuple[int, int]
    wanted: Callable[[float], bool]
    see: See


@dataclass
class Film:
    """What one pass over a file found.

    Attributes:
        height: of a picture, as the headers say.
        width: of a picture, as the headers say.
        codec: FFmpeg's name of it.
        pix_fmt: FFmpeg's name of it.
        channels: of the pixel format.
        packets_s: (N,) times of the packets, in order; one packet is one frame.
        frames_s: (M,) times of the frames that were decoded without damage, in order; None when none were to be.
        damage: (seconds, words) of every packet or frame that could not be decoded whole.
        other_size: (height, width) of a frame that is not as the headers say; none is decoded after it.
        stands_alone: whether the first frame needs no other.
    """

    height: int
    width: int
    codec: str
    pix_fmt: str
    channels: int
    packets_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    frames_s: NDArray[np.float64] | None = None
    damage: list[tuple[float, str]] = field(default_factory=list)
    other_size: tuple[int, int] | None = None
    stands_alone: bool = True

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(N,) Times of the frames: of those that were decoded, unless some are damaged, which is told apart."""
        return self.packets_s if self.frames_s is None or self.damage else self.frames_s


def canonical(codec: str) -> str:
    """Return FFmpeg's name of a codec from any of the names that tools write."""
    return _CODECS.get(codec.strip().lower(), codec.strip().lower())


def plain_format(pix_fmt: str) -> str:
    """Return the name of a pixel format today."""
    return _FULL_RANGE.get(pix_fmt.strip(), pix_fmt.strip())


def walk(
    path: Path, inside: Path, sample: Sample | None, on_packet: Callable[[], None] | None = None
) -> Film:
    """Read every packet of a file once, in order.

    Args:
        path: of the file.
        inside: the dataset's folder, which links may not lead out of.
        sample: which pictures are looked at; every frame is then decoded. None: packets are only counted.
        on_packet: called for each.

    Raises DataError when it is absent, no regular file, or holds no video that can be read.
    """
    try:
        with opened(path, inside=inside) as (container, stream):
            film = _facts(stream)
            fits = sample is not None and sample.size == (film.height, film.width)
            reader = _Reader(film, sample if fits else None)
            stream.thread_type = "AUTO" if stream.frames > THREADED_FRAMES else "SLICE"
            _read(container, stream, reader, on_packet)
    except _decoder_errors() as error:
        raise DataError(f"{path} is not a readable video: {words_of(error)}") from error
    reader.close()
    return film


def words_of(error: Exception) -> str:
    """Say what FFmpeg says, without its number and the name of its function."""
    return str(getattr(error, "strerror", None) or error)


def _decoder_errors() -> tuple[type[Exception], ...]:
    import av

    return (av.FFmpegError, OSError, ValueError, IndexError, EOFError)


def _facts(stream: Any) -> Film:
    context = stream.codec_context
    shape = context.format
    return Film(
        context.height,
        context.width,
        canonical(str(context.codec.canonical_name)),
        plain_format(str(context.pix_fmt)),
        3 if shape is None else len(shape.components),
    )


def _read(container: Any, stream: Any, reader: _Reader, on_packet: Callable[[], None] | None) -> None:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except _decoder_errors() as error:  # the file ends in the middle of a packet
            reader.film.damage.append((reader.last_s, words_of(error)))
            return
        if packet is None:
            return
        reader.take(packet)
        if on_packet is not None:
            on_packet()


class _Reader:
    def __init__(self, film: Film, sample: Sample | None) -> None:
        self.film, self.sample = film, sample
        self.last_s = 0.0
        self._packets: list[float] = []
        self._frames: list[float] = []

    def take(self, packet: Any) -> None:
        """Take one packet; the one that flushes the decoder is empty."""
        at = packet.pts if packet.pts is not None else packet.dts
        if packet.size and at is not None and not packet.is_discard:
            self.last_s = float(at * packet.time_base)
            if not self._packets:
                self.film.stands_alone = bool(packet.is_keyframe)
            self._packets.append(self.last_s)
        if self.sample is None:
            return
        try:
            for frame in packet.decode():
                self._show(frame)
        except _decoder_errors() as error:
            self.film.damage.append((self.last_s, words_of(error)))

    def _show(self, frame: Any) -> None:
        sample = self.sample
        if sample is None:
            return
        time_s = float(frame.time or 0.0)
        size = (int(frame.height), int(frame.width))
        if size != sample.size:
            self.film.other_size, self.sample = size, None
            return
        if frame.is_corrupt:
            self.film.damage.append((time_s, "a part of the picture is missing"))
            return
        self._frames.append(time_s)
        if sample.wanted(time_s):
            sample.see(time_s, frame.to_ndarray(format="rgb24"))

    def close(self) -> None:
        """Sort what was found by time: packets come in the order of decoding."""
        self.film.packets_s = np.sort(np.array(self._packets, dtype=np.float64))
        if self.sample is not None:
            self.film.frames_s = np.sort(np.array(self._frames, dtype=np.float64))
