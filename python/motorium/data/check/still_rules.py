"""Judge pictures in the data files, one PNG or JPEG per row: present, intact, and of the declared size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...types import UInt8
from ..format.dataset import Dataset
from ..format.jpeg import decode_jpeg, jpeg_size
from ..format.parquet import opened
from ..format.schema import Feature
from ..format.tables import Episode
from ..format.video_file import MAX_PIXELS
from .film_pass import words_of
from .findings import WITHOUT, Finding
from .picture_rules import CameraPictures

ROWS = 16
"""Pictures in memory at a time."""
PNG = b"\x89PNG\r\n\x1a\n"
REMEDY = f"get the data file again from its source; {WITHOUT}"


def stills(dataset: Dataset) -> tuple[Feature, ...]:
    """Return the cameras whose pictures lie in the data files."""
    return tuple(feature for feature in dataset.schema.carried if feature.dtype == "image")


def judge_stills(
    dataset: Dataset, feature: Feature, into: CameraPictures, on_picture: Callable[[], None]
) -> Iterator[Finding]:
    """Find what is wrong with the pictures of one camera.

    Args:
        dataset: that it is of.
        feature: the camera.
        into: what looks at some of the pictures.
        on_picture: called for each.
    """
    outside = 0
    for path, episodes in dataset.by_file().items():
        for episode, k, entry in _entries(dataset.root, path, feature.key, episodes):
            on_picture()
            if isinstance(entry, DataError):
                yield Finding("damaged", episode.index, None, str(entry), REMEDY)
            elif _is_outside(entry):
                outside += 1
            else:
                yield from _judge(dataset, feature, into, (episode, k), entry)
    if outside:
        detail = f"exposure, colour: {outside} pictures of {feature.key} are in separate files"
        yield Finding("not_judged", None, None, detail, "look at them: motorium data view")


def _entries(
    root: Path, path: Path, key: str, episodes: Mapping[int, Episode]
) -> Iterator[tuple[Episode, int, Any]]:
    """Yield (episode, row, {"bytes", "path"} or bytes) of a data file, in order; DataError where unreadable."""
    seen: dict[int, int] = {}
    try:
        with opened(path, root) as file:
            if key not in file.names:
                raise DataError(f"{path} has no column {key!r}")
            for batch in file.iter_batches(ROWS, columns=[key, "episode_index"]):
                indices, entries = (batch.column(name).to_pylist() for name in ("episode_index", key))
                for index, entry in zip(indices, entries, strict=True):
                    seen[index] = k = seen.get(index, -1) + 1
                    if index in episodes:
                        yield episodes[index], k, entry
    except DataError as error:
        for episode in episodes.values():
            yield episode, 0, error


def _is_outside(entry: Any) -> bool:
    return isinstance(entry, dict) and not entry.get("bytes") and bool(entry.get("path"))


def _judge(
    dataset: Dataset, feature: Feature, into: CameraPictures, place: tuple[Episode, int], entry: Any
) -> Iterator[Finding]:
    (episode, k), fps = place, dataset.schema.fps
    data = entry.get("bytes") if isinstance(entry, dict) else entry
    where = f"{feature.key} of row {k}"
    try:
        if not isinstance(data, bytes):
            raise DataError(f"{where} is not a picture")
        height, width = _size(data, where)
        if (height, width) != feature.shape[:2]:
            said = f"{feature.shape[1]} x {feature.shape[0]}" if len(feature.shape) == 3 else "another size"
            detail = f"{where} is {width} x {height} pixels, info.json says {said}"
            yield Finding("video", episode.index, k / fps, detail, REMEDY)
            return
        image = decode_jpeg(data, where) if data[:2] == b"\xff\xd8" else _decode_png(data, where)
    except DataError as error:
        yield Finding("damaged", episode.index, k / fps, str(error), REMEDY)
        return
    if k % max(1, fps // 2) == 0:
        into.add(episode.index, k / fps, image)


def _size(data: bytes, where: str) -> tuple[int, int]:
    if not data.startswith(PNG) or len(data) < 24:
        return jpeg_size(data, where)
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    if not 0 < height * width <= MAX_PIXELS:
        raise DataError(f"{where}: a PNG of {width} x {height} is not read")
    return height, width


def _decode_png(data: bytes, where: str) -> UInt8:
    import av

    try:
        decoder = av.CodecContext.create("png", "r")
        frames = decoder.decode(av.Packet(data)) or decoder.decode(None)
        if not frames or frames[0].is_corrupt:
            raise DataError(f"{where} is a damaged PNG")
        image: UInt8 = frames[0].to_ndarray(format="rgb24")
    except (av.FFmpegError, ValueError) as error:
        raise DataError(f"{where} is a damaged PNG: {words_of(error)}") from error
    return image
