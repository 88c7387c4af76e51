"""Cut and decode video files: exact cuts without re-encoding, frames out. A file from elsewhere may be anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...files import sync_file
from ...types import UInt8
from .passing import passing
from .video_file import opened

FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
"""An mp4 whose fragments are readable as soon as they are written, whatever becomes of the rest."""
HELD = "encoder.lock"
"""Locked by the encoder as long as it writes into a staging folder."""
GOP = 2
"""Every second frame stands alone, as in LeRobot's files: training reads single frames."""


@dataclass(frozen=True)
class Codec:
    """An encoder of the PyAV wheel. No frame is ever out of order or held back, so that cuts are exact."""

    encoder: str
    name: str
    options: dict[str, str] = field(default_factory=dict)


CODECS = {
    "h264": Codec(
        "libx264", "h264", {"preset": "ultrafast", "crf": "23", "g": str(GOP), "bf": "0", "tune": "zerolatency"}
    ),
    "av1": Codec(
        "libsvtav1", "av1", {"preset": "12", "crf": "30", "g": str(GOP), "svtav1-params": "pred-struct=1:lp=1"}
    ),
}  # fmt: skip


def _av_errors() -> tuple[type[Exception], ...]:
    import av

    return (av.FFmpegError, OSError, ValueError, IndexError, EOFError)


class CutError(DataError):
    """Frames cannot be copied from a place on: the first one depends on earlier ones."""


def remux(
    source: Path, target: Path, frames: int, fps: int, *, from_s: float = 0.0, inside: Path | None = None
) -> int:
    """Copy `frames` frames from `from_s` on, without re-encoding, to a plain, durable mp4 with frame k at k / fps.

    Returns how many there were; the source may be cut off, and no link of it may lead out of the folder `inside`.
    Raises DataError when there is nothing to copy; CutError when the first frame cannot stand alone.
    """
    import av

    count, base, first = 0, Fraction(1, fps), round(from_s * fps)
    options = {"movflags": "faststart"}
    try:
        with (
            opened(source, inside=inside) as (old, before),
            av.open(str(target), "w", format="mp4", options=options) as new,
        ):
            after = new.add_stream_from_template(before, opaque=True)
            after.time_base = base
            for packet in _packets(old, before):
                place = (
                    _grid(packet.pts if packet.pts is not None else packet.dts, before.time_base, fps) - first
                )
                if not 0 <= place < frames:
                    if place >= frames + fps:
                        break
                    continue
                if count == 0 and not packet.is_keyframe:
                    raise CutError(f"{source} cannot be cut at {from_s:.3f} s: that frame depends on others")
                packet.dts = _grid(packet.dts, before.time_base, fps) - first
                packet.pts, packet.duration = place, 1
                packet.stream, packet.time_base = after, base
                new.mux(packet)
                count += 1
    except _av_errors() as error:
        raise DataError(f"cannot copy the video {source}: {error}") from error
    if count == 0:
        raise DataError(f"{source} has no complete frame")
    sync_file(target)
    if whole_frames(target) != count:  # FFmpeg does not tell of every write that failed
        raise DataError(f"{target} was not written completely; is the disk full?")
    return count


def _grid(time: int, base: Fraction, fps: int) -> int:
    """Return the number of the frame at a time of a stream."""
    return round(time * base * fps)


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    """Yield packets up to the first damage."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except _av_errors() as error:
            if passing(error):
                raise
            return
        if packet is None:
            return
        if packet.size and packet.dts is not None:
            yield packet


def whole_frames(path: Path, inside: Path | None = None) -> int:
    """Count the frames of a file that may be cut off, by its packets; 0 when it cannot be read.

    Raises DataError for a cause that passes, such as a limit of open files.
    """
    try:
        with opened(path, inside=inside) as (container, stream):
            return sum(1 for _ in _packets(container, stream))
    except DataError:
        return 0
    except _av_errors() as error:
        if passing(error):
            raise DataError(f"cannot read {path}: {error}") from error
        return 0


@dataclass(frozen=True)
class VideoFacts:
    """What the headers of a file say."""

    height: int
    width: int
    codec: str
    fps: float
    frames: int
    pix_fmt: str


def facts(path: Path) -> VideoFacts:
    """Read what an MP4 says of itself. Raises DataError."""
    try:
        with opened(path) as (_, stream):
            context = stream.codec_context
            if context is None:
                raise DataError(f"{path} has a video with an unknown codec")
            rate = float(stream.average_rate or 0)
            return VideoFacts(
                context.height, context.width, context.name, rate, stream.frames, str(context.pix_fmt)
            )
    except _av_errors() as error:
        raise DataError(f"{path} is not a readable video: {error}") from error


def frames(
    path: Path, from_s: float, count: int, fps: int, *, every: int = 1, size: tuple[int, ...] | None = None
) -> Iterator[tuple[int, UInt8]]:
    """Yield (k, (H, W, 3) RGB) of frames k = 0, every, ... of the `count` from `from_s` on.

    Raises DataError when the file is damaged, ends before them, or has pictures of another (height, width) than `size`.
    """
    got = 0
    try:
        with opened(path, size=size) as (container, stream):
            stream.thread_type = "AUTO" if count > 8 * fps else "SLICE"
            if from_s > 0 and stream.time_base:
                container.seek(max(0, int((from_s - 0.5 / fps) / stream.time_base)), stream=stream)
            for frame in container.decode(stream):
                k = round((float(frame.time or 0.0) - from_s) * fps)
                if k < 0:
                    continue
                if k >= count:
                    break
                got = k + 1
                if k % every == 0:
                    yield k, frame.to_ndarray(format="rgb24")
    except _av_errors() as error:
        raise DataError(f"{path} is damaged after {got / fps:.2f} s: {error}") from error
    if got < count:
        raise DataError(f"{path} ends after {got} of {count} frames")
