"""Several recorded datasets as one table: columns in memory, pictures by frame, split by recording."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...data.format.video_file import MAX_BYTES
from ...errors import DataError
from ...foreign import open_regular
from ...specs.slots import valid_mask
from ...types import UInt8
from .columns import Columns, digest, gather
from .frame_cache import LIMIT_BYTES, FrameCache, cache_home
from .frames import Clip, Decoding, Frames
from .source import Source, SourceSpec, TableSpec, check_rate, check_robots, open_source
from .splits import divide

if TYPE_CHECKING:
    from typing_extensions import Self

    from ...specs.robot import RobotSpec

MOST_WORKERS = 8
MOST_PIXELS = 1 << 20
"""Of a picture that is not scaled; policies see a twentieth of it, and a batch has hundreds."""
_SAMPLE = 1 << 16
"""Bytes at either end of a video that go into the fingerprint."""
Index = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class CacheSpec:
    """Where decoded pictures are kept, and by how many processes they are decoded.

    Attributes:
        folder: None takes `frame_cache.cache_home`.
        limit_bytes: of all files in it.
        workers: None takes one per processor, at most 8; 0 decodes in this process.
    """

    folder: Path | None = None
    limit_bytes: int = LIMIT_BYTES
    workers: int | None = None


class Recordings:
    """The table that batches are made from: N frames, J joints, T rows, V views. A context manager, or call `close`.

    Attributes:
        tasks: instructions, by the numbers of column "task".
        robots: RobotSpecs, by the numbers of column "embodiment".
        roles: of the cameras, in the order of the views.
        dt_s: between rows.
        slots: (J,) slot of each column of joints: those of the robot, in its order; of several robots, of all.
        present: (robots, 200) bool, slots that an embodiment has.
        weights: per source, how often its frames are drawn; their sum is 1.
        training, validation: numbers of frames; no recording has frames in both.
        remarks: in words, what a person should know: episodes that are not learned from, what is converted.
        fingerprint: SHA-256 of what was read, wherever it lies.
    """

    def __init__(
        self, sources: Sequence[Source], columns: Columns, table: TableSpec, dt_s: float, cache: CacheSpec
    ) -> None:
        """Join what was read; use `open`. Raises DataError for pictures of different sizes."""
        self.robots: tuple[RobotSpec, ...] = columns.robots
        self.tasks, self.slots, self.dt_s = tuple(columns.tasks), columns.slots, dt_s
        self.roles = tuple(sources[0].cameras)
        self.present = np.stack([valid_mask(robot) for robot in self.robots])
        self.remarks = tuple(line for source in sources for line in source.remarks(table.size, dt_s))
        self._columns = columns.joined()
        held = np.array([one.held_out for one in columns.recorded])[self._columns["episode"]]
        self.training, self.validation = np.flatnonzero(~held), np.flatnonzero(held)
        self.weights = _weights(sources, np.bincount(self._columns["source"], minlength=len(sources)))
        self._clips = [
            tuple(
                Clip.of(sources[one.source].dataset, one.line, key, table.size)
                for key in _keys(sources[one.source], self.roles)
            )
            for one in columns.recorded
        ]
        self.size = _size(self._clips, self.roles)
        self.fingerprint = digest(
            self._columns, self.tasks, _said(sources, columns, self._clips, (table, self))
        )
        workers = min(len(os.sched_getaffinity(0)), MOST_WORKERS) if cache.workers is None else cache.workers
        self._frames = Frames(FrameCache(cache.folder or cache_home(), cache.limit_bytes), workers)

    @classmethod
    def open(
        cls, sources: Sequence[SourceSpec], table: TableSpec | None = None, cache: CacheSpec | None = None
    ) -> Recordings:
        """Read all columns of some datasets, and find their pictures.

        Args:
            sources: at least one.
            table: what it is to hold.
            cache: of decoded pictures.

        Raises DataError: what `source.open_source` refuses, sources that do not fit each other, values that are no
        numbers, one episode only.
        """
        table = table or TableSpec()
        if not sources:
            raise DataError("no dataset was given")
        opened = [open_source(sources[0], table)]
        table = replace(table, roles=tuple(opened[0].cameras))
        opened += [open_source(spec, table) for spec in sources[1:]]
        _check_different(opened)
        check_robots(opened)
        dt_s = table.dt_s or 1.0 / opened[0].dataset.schema.fps
        for source in opened:
            check_rate(source, dt_s)
        held = divide([source.dataset for source in opened], table.validation, table.seed)
        return cls(opened, gather(opened, held, table, dt_s), table, dt_s, cache or CacheSpec())

    def __len__(self) -> int:
        """Return the number of frames, N."""
        return len(self._columns["episode"])

    def column(self, name: str) -> NDArray[Any]:
        """Return a whole column, which is not to be written to.

        - "state": (N, J) float32, slot values at the time of the observation
        - "rows": (N, T, J) float32, slot values; row i is the setpoint in force i * dt later
        - "valid": (N, T) bool, whether that setpoint is known
        - "episode": (N,) int32, number of the recording over all sources; "frame": (N,) int32, number in it
        - "source", "embodiment": (N,) int16
        - "time_s": (N,) float64, since the first frame of the recording
        - "task": (N,) int32, index into `tasks`
        """
        return self._columns[name]

    def prepare(self, report: Callable[[str], None] | None = None) -> Decoding:
        """Decode all pictures into the cache, as far as it has room; `report` gets a line every two seconds.

        Raises DataError for a video that cannot be decoded.
        """
        return self._frames.prepare([clip for clips in self._clips for clip in clips], report)

    def pictures(self, index: Index) -> UInt8:
        """Return (B, V, H, W, 3) of some frames, views in the order of `roles`. Raises DataError."""
        episodes, frames = self._columns["episode"][index], self._columns["frame"][index]
        wanted = [(clip, int(f)) for e, f in zip(episodes, frames, strict=True) for clip in self._clips[e]]
        return self._frames.read(wanted, self.size).reshape(len(index), len(self.roles), *self.size, 3)

    def ahead(self, batches: Iterable[Index], depth: int = 3) -> Iterator[tuple[Index, UInt8]]:
        """Yield each batch of frames with its pictures, read by another thread up to `depth` batches ahead."""
        waiting: deque[tuple[Index, Future[UInt8]]] = deque()
        with ThreadPoolExecutor(1, "pictures") as reader:
            try:
                for index in batches:
                    waiting.append((index, reader.submit(self.pictures, index)))
                    if len(waiting) > depth:
                        first, found = waiting.popleft()
                        yield first, found.result()
                while waiting:
                    first, found = waiting.popleft()
                    yield first, found.result()
            finally:
                for _, found in waiting:
                    found.cancel()

    def close(self) -> None:
        """End the workers and close the files; columns stay."""
        self._frames.close()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _keys(source: Source, roles: Sequence[str]) -> list[str]:
    return [source.cameras[role] for role in roles]


def _check_different(sources: Sequence[Source]) -> None:
    """Raise DataError when one dataset is given twice: its episodes would be drawn for validation and for training."""
    seen: dict[tuple[int, int], Path] = {}
    for source in sources:
        found = source.dataset.root.stat()
        first = seen.get((found.st_dev, found.st_ino))
        if first is not None:
            raise DataError(
                f"{source.spec.path} and {first} are the same dataset: give it once, with a weight"
            )
        seen[found.st_dev, found.st_ino] = source.spec.path


def _weights(sources: Sequence[Source], frames: NDArray[np.int64]) -> tuple[float, ...]:
    given = [source.spec.weight for source in sources]
    without = [source.spec.path for source in sources if source.spec.weight is None]
    if without and len(without) < len(given):
        raise DataError(f"{without[0]} has no weight and others have one: give all of them one, or none")
    parts = frames.astype(np.float64) if without else np.array([float(weight or 0) for weight in given])
    return tuple((parts / parts.sum()).tolist())


def _size(clips: Sequence[tuple[Clip, ...]], roles: Sequence[str]) -> tuple[int, int]:
    found: dict[tuple[int, int], str] = {}
    for views in clips:
        for clip, role in zip(views, roles, strict=True):
            found.setdefault(clip.size, f"{clip.size[1]} x {clip.size[0]} of {role} in {clip.path}")
    if len(found) > 1:
        raise DataError(
            f"pictures of different sizes, {' and '.join(list(found.values())[:2])}: give the policy's size"
        )
    (height, width), where = next(iter(found.items()))
    if height * width > MOST_PIXELS:
        raise DataError(f"pictures of {where} are too large to learn from: give the policy's size")
    return height, width


def _said(
    sources: Sequence[Source],
    columns: Columns,
    clips: Sequence[tuple[Clip, ...]],
    how: tuple[TableSpec, Recordings],
) -> list[str]:
    """Return what the fingerprint covers beside the columns: how they were read, and the ends of each video."""
    table, recordings = how
    out = [
        repr(
            (
                table,
                recordings.dt_s,
                recordings.weights,
                recordings.slots,
                [r.name for r in recordings.robots],
            )
        )
    ]
    roots: dict[Path, Path] = {}
    for one, views in zip(columns.recorded, clips, strict=True):
        out += [repr((one.held_out, c.from_s, c.count, c.fps, c.source, c.size)) for c in views]
        roots |= dict.fromkeys((clip.path for clip in views), sources[one.source].dataset.root)
    for path, root in roots.items():
        with open_regular(path, MAX_BYTES, error=DataError, inside=root) as file:
            size = os.fstat(file.fileno()).st_size
            ends = [os.pread(file.fileno(), _SAMPLE, at) for at in (0, max(0, size - _SAMPLE))]
        out.append(f"{size} {hashlib.sha256(b''.join(ends)).hexdigest()}")
    return out
