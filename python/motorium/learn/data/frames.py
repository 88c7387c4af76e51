"""Decode pictures ahead in worker processes, keep them in a cache on disk, and hand out those of a batch."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ...cameras.scaling import scaled
from ...children import spawned_pool
from ...data.format import video
from ...data.format.dataset import Dataset
from ...data.format.tables import Episode
from ...errors import DataError
from ...logs import logger
from ...types import UInt8
from .frame_cache import FrameCache, file_bytes, write_frames

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

REPORT_S = 2.0
ALIVE_S = 2.0
"""After so long without a picture the workers are looked at."""
_VERSION = "1 area"
"""Of what is kept: another rule of scaling makes other files."""

A = TypeVar("A")
B = TypeVar("B")

_log = logger(__name__)


@dataclass(frozen=True)
class Clip:
    """The pictures of one camera in one episode.

    Attributes:
        path: of the video file, which may hold other episodes too.
        from_s: time of the first picture in it.
        count: of pictures.
        fps: of the video.
        source: (height, width) in the file.
        size: (height, width) wanted.
        key: of the decoded pictures in the cache.
    """

    path: Path
    from_s: float
    count: int
    fps: int
    source: tuple[int, int]
    size: tuple[int, int]
    key: str

    @classmethod
    def of(cls, dataset: Dataset, episode: Episode, feature: str, size: tuple[int, int] | None) -> Clip:
        """Find the pictures of an episode. Raises DataError: no such file, or it lies outside the dataset."""
        if feature not in episode.videos:
            raise DataError(f"{dataset.root}, episode {episode.index} has no pictures of {feature}")
        path, place, fps = dataset.video_path(episode, feature), episode.videos[feature], dataset.schema.fps
        height, width = dataset.schema.feature(feature).shape[:2]
        try:
            found = path.stat()
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        # What the file is, not what it holds: a changed file is another one, and nothing has to be read twice.
        facts = (
            os.path.realpath(path), found.st_ino, found.st_size, found.st_mtime_ns,
            place.from_s, episode.length, fps, size or (height, width), _VERSION,
        )  # fmt: skip
        key = hashlib.sha256(repr(facts).encode()).hexdigest()
        return cls(path, place.from_s, episode.length, fps, (height, width), size or (height, width), key)

    def decode(self) -> Iterator[UInt8]:
        """Yield all pictures in order, (H, W, 3) of the wanted size. Raises DataError."""
        seen = -1
        found = video.frames(self.path, self.from_s, self.count, self.fps, size=self.source)
        for expected, (number, picture) in enumerate(found):
            if number != expected:
                break
            seen = number
            yield scaled(picture, self.size)
        if seen + 1 < self.count:
            raise DataError(
                f"{self.path} lacks frame {seen + 1} of the {self.count} from {self.from_s:.2f} s on: remove the "
                f"episode, motorium data delete"
            )

    def decode_one(self, frame: int) -> UInt8:
        """Return one picture. Raises DataError."""
        at = self.from_s + frame / self.fps
        for _, picture in video.frames(self.path, at, 1, self.fps, size=self.source):
            return scaled(picture, self.size)
        raise DataError(f"{self.path} has no frame {frame}")


@dataclass(frozen=True)
class Decoding:
    """How fast pictures were decoded.

    Attributes:
        pictures: decoded now.
        kept: that were in the cache already.
        seconds: of wall clock, for those decoded.
        workers: processes that decoded.
        without_place: pictures that the cache has no room for; they are decoded each time they are drawn.
    """

    pictures: int = 0
    kept: int = 0
    seconds: float = 0.0
    workers: int = 0
    without_place: int = 0

    @property
    def per_s(self) -> float:
        """Pictures per second; 0 where none was decoded."""
        return self.pictures / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        """Say it in a line."""
        text = f"decoded {self.pictures} pictures"
        if self.pictures:
            text += f", {self.per_s:.0f} per second with {self.workers} workers"
        if self.kept:
            text += f"; {self.kept} were there already"
        if self.without_place:
            text += (
                f"; {self.without_place} do not fit in the cache, and are decoded each time: allow it more"
            )
        return text


class Frames:
    """Pictures of many clips, by clip and number; threads wait for each other.

    Args:
        cache: of decoded pictures.
        workers: processes that decode; 0 decodes in this one.
    """

    def __init__(self, cache: FrameCache, workers: int) -> None:
        self._cache, self._workers = cache, workers
        self._stack = contextlib.ExitStack()
        self._pool: Pool | None = None
        self._decoders: set[BaseProcess] = set()
        self._lock = threading.Lock()

    def prepare(self, clips: Sequence[Clip], report: Callable[[str], None] | None = None) -> Decoding:
        """Decode all clips that are not in the cache yet, as far as it has room.

        Raises DataError for the first clip that cannot be decoded; those before it stay.
        """
        todo = {clip.key: clip for clip in clips}
        there = {key for key, clip in todo.items() if self._cache.has(key, clip.count, clip.size)}
        sizes = {k: file_bytes(clip.count, clip.size) for k, clip in todo.items() if k not in there}
        admitted = self._cache.admit(sizes)
        jobs = [(self._cache.folder, todo[key]) for key in sizes if key in admitted]
        kept, without = (sum(todo[k].count for k in keys) for keys in (there, set(sizes) - admitted))
        begin = reported = time.monotonic()
        done, whole, full = 0, sum(clip.count for _, clip in jobs), ""
        for key, count, problem in self._map(_keep, jobs):
            if problem:
                self._cache.forget(key)
                if not problem.startswith(_FULL):
                    raise DataError(problem)
                full, without = full or problem, without + count
                continue
            done += count
            now = time.monotonic()
            if report is not None and now - reported >= REPORT_S:
                reported, rate = now, done / (now - begin)
                report(
                    f"decoded {done} of {whole} pictures, {rate:.0f} per second, {(whole - done) / rate:.0f} s to go"
                )
        if full:
            _log.warning("not all decoded pictures can be kept: %s", full)
        seconds = time.monotonic() - begin if done else 0.0
        return Decoding(done, kept, seconds, max(1, self._workers), without)

    def read(self, wanted: Sequence[tuple[Clip, int]], size: tuple[int, int]) -> UInt8:
        """Return (n, H, W, 3) of these frames. Raises DataError where one cannot be decoded."""
        out = np.empty((len(wanted), *size, 3), np.uint8)
        places: dict[str, list[int]] = {}
        for place, (clip, _) in enumerate(wanted):
            places.setdefault(clip.key, []).append(place)
        missing: list[int] = []
        with self._lock:
            for key, at in places.items():
                clip = wanted[at[0]][0]
                found = self._cache.read(key, [wanted[place][1] for place in at], clip.count, clip.size)
                if found is None:
                    missing += at
                else:
                    out[at] = found
            pictures = self._map(_one, [wanted[place] for place in missing])
            for place, picture in zip(missing, pictures, strict=True):
                if isinstance(picture, str):
                    raise DataError(picture)
                out[place] = picture
        return out

    def close(self) -> None:
        """End the workers and close the files."""
        self._pool = None
        self._stack.close()
        self._cache.close()

    def _map(self, call: Callable[[A], B], jobs: Sequence[A]) -> Iterator[B]:
        """Call for each job, in order, in the workers where there are some. Raises DataError when one of them dies."""
        if not self._workers or len(jobs) < 2:
            yield from map(call, jobs)
            return
        if self._pool is None:
            others = set(multiprocessing.active_children())
            self._pool = self._stack.enter_context(spawned_pool(self._workers, _worker))
            self._decoders = set(multiprocessing.active_children()) - others
        results = self._pool.imap(call, jobs)
        for _ in jobs:
            while True:  # a pool puts another worker in the place of a dead one, whose job never ends
                try:
                    yield results.next(timeout=ALIVE_S)
                    break
                except multiprocessing.TimeoutError:
                    if not all(worker.is_alive() for worker in self._decoders):
                        raise DataError(
                            "a process that decodes pictures died; was the memory full? Allow fewer workers"
                        ) from None


_FULL = "not written: "


class _Parent:
    """The process that a worker works for; 0 in a process that is no worker."""

    pid = 0

    @classmethod
    def must_live(cls) -> None:
        """End a worker whose parent was killed: quietly, and without what it was about to write."""
        if cls.pid and os.getppid() != cls.pid:
            raise SystemExit(1)


def _worker() -> None:
    """Leave Ctrl-C to the parent, and the processor to others."""
    _Parent.pid = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(5)


def _keep(job: tuple[Path, Clip]) -> tuple[str, int, str]:
    """Decode a clip into the cache; returns its key, its pictures, and what went wrong."""
    folder, clip = job
    try:
        write_frames(folder, clip.key, _watched(clip.decode()), clip.count, clip.size)
    except DataError as error:
        return clip.key, clip.count, str(error)
    except OSError as error:
        return clip.key, clip.count, f"{_FULL}{error}"
    _Parent.must_live()
    return clip.key, clip.count, ""


def _one(job: tuple[Clip, int]) -> UInt8 | str:
    _Parent.must_live()
    try:
        return job[0].decode_one(job[1])
    except DataError as error:
        return str(error)


def _watched(pictures: Iterator[UInt8]) -> Iterator[UInt8]:
    for picture in pictures:
        _Parent.must_live()
        yield picture
