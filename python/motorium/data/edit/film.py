"""Re-encode or mirror videos."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...files import sync_file
from ...types import UInt8
from ..format.dataset import Dataset
from ..format.tables import Episode
from ..format.video import CODECS

Film = Callable[[Dataset, Episode, str, Path], None]


def mirrored(fps: int) -> Film:
    """Write a film with left and right exchanged."""

    def film(dataset: Dataset, episode: Episode, key: str, target: Path) -> None:
        encode(target, (image[:, ::-1] for _, image in dataset.pictures(episode, key)), fps)

    return film


def encode(target: Path, images: Iterable[UInt8], fps: int, codec: str = "h264") -> int:
    """Write a plain, durable mp4 whose frame k is at k / fps. Returns the frames. Raises DataError."""
    import av

    count, chosen = 0, CODECS[codec]
    try:
        with av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as out:
            stream: Any = None
            for image in images:
                if stream is None:
                    stream = out.add_stream(chosen.encoder, rate=fps, options=chosen.options)
                    stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
                    stream.time_base = stream.codec_context.time_base = Fraction(1, fps)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                frame.pts, frame.time_base = count, Fraction(1, fps)
                out.mux(stream.encode(frame))
                count += 1
            if stream is None:
                raise DataError(f"there is no frame for {target}")
            out.mux(stream.encode(None))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"cannot write {target}: {error}") from error
    sync_file(target)
    return count
