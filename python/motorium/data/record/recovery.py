"""Finish an episode in progress: rows that every camera has a frame for, to the last full second."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import rooted
from ...errors import DataError
from ...foreign import open_regular, resolve_inside
from ..format import layout, video
from ..format.passing import as_data_error, passing
from ..format.schema import NOTES_LIMIT, Info, Schema, read_info, read_json
from ..format.stats import STATS_EVERY, PictureStats, Stats
from . import aside, staging
from .journal import read_journal, room_for_rows
from .sink import video_name

LOCK_BYTES = 4096
ENCODER_S = 20.0
"""How long to wait for an encoder that goes on without its recorder."""
CUT_S = 2.0
"""An episode that loses more than so much at its end keeps its remainder: the encoder's queue explains one second."""
UNREADABLE_BYTES = 1 << 20
"""A video that cannot be read and is larger than this may hold more than a second."""
SLACK_BYTES = 1 << 20


@dataclass(frozen=True)
class Held:
    """What a staging folder contains.

    Attributes:
        rows: whole rows of the journal.
        journalled: rows that its size has room for, whole or not.
        frames: whole frames of each camera.
        unreadable: bytes of the largest video of which no frame can be read.
        sealed: whether it was finished once, so that all its rows count.
    """

    rows: int
    journalled: int
    frames: tuple[int, ...]
    unreadable: int
    sealed: bool

    def usable(self, fps: int) -> int:
        """Count rows that every camera has a frame for, to the last full second."""
        rows = min((self.rows, *self.frames))
        return rows if self.sealed and rows == self.rows else rows // fps * fps

    def longest(self) -> int:
        """Count rows or frames of whatever reaches farthest."""
        return max((self.journalled, *self.frames))


def recover(root: Path, part: Path) -> tuple[int, float] | None:
    """Finish the episode in `part` and move it into place: (episode, seconds), or None for less than a second.

    Raises DataError as `finish` does.
    """
    rows = finish(root, part)
    if rows is None:
        return None
    return staging.publish(root, part.with_suffix(layout.DONE)), rows / read_info(root).schema.fps


def removed_repeatable(root: Path, part: Path) -> bool:
    """Remove an episode in progress that its recorder can make again just so; returns whether it was one."""
    try:
        header, _ = read_journal(part / staging.FRAMES)
    except DataError:
        return False
    if header.get(staging.REPEATABLE) is not True or (part / layout.PLAN).exists():
        return False
    with as_data_error(f"{part} could not be removed"):
        rooted.check(root, part)
        _wait_for_encoder(part)
        rooted.remove_tree(root, part)
    return True


def finish(root: Path, part: Path) -> int | None:
    """Make a finished episode, which waits for its place, of one in progress; returns its rows.

    What held nothing longer than a second is removed: None. Raises DataError: with a cause that `passing` finds when it
    can be tried again, else what was recorded cannot be used as it is.
    """
    info = read_info(root)
    schema, fps = info.schema, info.schema.fps
    with as_data_error(f"{part} could not be read"):
        rooted.check(root, part)
        rooted.remove(root, part / aside.REASON)
        _wait_for_encoder(part)
        held = count_whole(part, schema)
    if held.usable(fps) == 0:
        if held.longest() >= fps or held.unreadable > UNREADABLE_BYTES or held.sealed:
            raise DataError(f"less than a second of it is complete: {_counted(held, schema)}")
        rooted.remove_tree(root, part)
        return None
    try:
        with as_data_error(f"{part} could not be finished"):
            return _finish(root, part, info, held)
    except DataError as error:
        _clear(root, part, schema, held)
        if not passing(error):
            _check_room(part, error)
        raise


def count_whole(part: Path, schema: Schema) -> Held:
    """Count what is whole in a staging folder. Raises DataError."""
    rows = journalled = 0
    path = part / staging.FRAMES
    if path.exists():
        journalled = room_for_rows(path, schema.row.itemsize)
        try:
            _, content = read_journal(path)
        except DataError:
            if journalled >= schema.fps:
                raise
        else:
            rows = len(content)
            if content.dtype != schema.row and rows:
                raise DataError(f"{path} holds rows of another schema")
    sources = [part / video_name(i, ".frag") for i in range(len(schema.videos))]
    for source in sources:
        resolve_inside(source, part, DataError)
    frames = tuple(video.whole_frames(source, part) if source.exists() else 0 for source in sources)
    sizes = [s.stat().st_size for s, n in zip(sources, frames, strict=True) if n == 0 and s.exists()]
    return Held(rows, journalled, frames, max(sizes, default=0), (part / layout.PLAN).exists())


def _counted(held: Held, schema: Schema) -> str:
    frames = (f"{n} frames of {f.key}" for f, n in zip(schema.videos, held.frames, strict=True))
    return ", ".join([f"{held.rows} rows", *frames])


def _finish(root: Path, part: Path, info: Info, held: Held) -> int:
    """Seal what can be used; returns its rows. Raises DataError."""
    fps = info.schema.fps
    length = held.usable(fps)
    pictures, shown = _videos(root, part, info.schema, length)
    while shown < length:
        length = shown // fps * fps
        if length == 0:
            raise DataError(f"a video is damaged before its first second ends; {_counted(held, info.schema)}")
        pictures, shown = _videos(root, part, info.schema, length)
    cut_s = (held.longest() - length) / fps
    if cut_s > CUT_S:
        told = f"{_counted(held, info.schema)}; episode {info.episodes} is what came before"
        why = f"its last {cut_s:.1f} s are not whole in every file: {told}"
        aside.write_reason(root, part, why, {"episode": info.episodes})
    staging.seal(root, part, length, pictures, _notes(part, held, length))
    return length


def _videos(root: Path, part: Path, schema: Schema, length: int) -> tuple[list[Stats], int]:
    """Make the plain videos of so many frames; returns their statistics, and how many frames all of them show."""
    pictures: list[Stats] = []
    shown = length
    for stream in range(len(schema.videos)):
        target = part / video_name(stream)
        rooted.reserve(root, target)
        video.remux(part / video_name(stream, ".frag"), target, length, schema.fps, inside=part)
        seen, last = PictureStats(), 0
        try:
            for frame, image in video.frames(target, 0.0, length, schema.fps, every=STATS_EVERY):
                seen.add(image)
                last = frame
        except DataError as error:
            if passing(error) or last == 0:
                raise
            shown = min(shown, last)
        pictures.append(seen.result())
    return pictures, shown


def _notes(part: Path, held: Held, length: int) -> Mapping[str, Any]:
    """Return what was noted when the episode was finished; of one that was cut off, how much of it is left."""
    if held.sealed and length == held.rows:
        with contextlib.suppress(DataError):
            noted = read_json(part / "notes.json", NOTES_LIMIT, inside=part)
            if isinstance(noted, dict):
                return noted
    return {"recovered": True, "rows_in_journal": held.rows, "rows_kept": length}


def _clear(root: Path, part: Path, schema: Schema, held: Held) -> None:
    """Remove what can be made again, so that a full disk gets it back."""
    kept = {"notes.json", layout.PLAN} if held.sealed else set()
    names = {*staging.BUILT, *(video_name(i) for i in range(len(schema.videos)))} - kept
    for name in names:
        with contextlib.suppress(OSError, DataError):
            rooted.remove(root, part / name)


def _check_room(part: Path, error: DataError) -> None:
    """Raise `error` with a cause that passes when the disk does not take as much as the finished files would need."""
    needed = SLACK_BYTES
    try:
        needed += sum(path.stat().st_size for path in part.iterdir())
        with tempfile.TemporaryFile(dir=part) as probe:
            os.posix_fallocate(probe.fileno(), 0, needed)
    except OSError as full:
        raise DataError(
            f"{error}; the disk has no room for {needed >> 20} more MB: {full.strerror}"
        ) from full


def _wait_for_encoder(part: Path) -> None:
    """Give an encoder whose recorder was killed the time to close what it has. Raises OSError: it hangs."""
    path = part / video.HELD
    if not os.path.lexists(path):
        return
    give_up = time.monotonic() + ENCODER_S
    with open_regular(path, LOCK_BYTES, error=DataError, inside=part) as file:
        while time.monotonic() < give_up:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.02)
    raise OSError(errno.EBUSY, "the video encoder of that session is still writing there", str(path))
