"""Read datasets: LeRobot v3.0 as written by anyone, v2.1 and v2.0. Nothing in a file is trusted unchecked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...files import check_text
from ...foreign import resolve_inside
from ...types import UInt8
from . import layout, old_lines, parquet, tables, video
from .exchange import settle
from .layout import FilePlace
from .outcome import normalised
from .schema import DERIVED, NOTES_LIMIT, Feature, Info, Schema, read_info, read_json
from .snapshot import TRIES, Place, place_of, read_meta
from .stats import Stats, read_levels
from .tables import Episode, Rows

BATCH_ROWS = 1 << 16
BATCH_BYTES = 8 << 20
EPISODE_BYTES = 384 << 20
"""Largest columns of one episode in memory: an hour at 30 Hz of 800 numbers."""


@dataclass(frozen=True)
class Dataset:
    """An opened dataset.

    Attributes:
        root: its folder.
        info: schema and totals.
        episodes: one line each, without statistics.
        tasks: instructions in the order of their index.
        place: of what was opened; an edit puts another dataset under the same name.
    """

    root: Path
    info: Info
    episodes: tuple[Episode, ...]
    tasks: tuple[str, ...]
    place: Place | None = field(default=None, compare=False, repr=False)

    @classmethod
    def open(cls, root: Path) -> Dataset:
        """Read what is under meta/, all of it of one moment while another process writes.

        Raises DataError, and StorageError where the locale cannot name the folder.
        """
        check_text(root.absolute())
        if not root.exists():
            settle(Path(os.path.realpath(root)), wanted=True)  # an edit that was cut off may have moved it
        for _ in range(TRIES):
            place, info = place_of(root), read_info(root)
            if info.version == layout.VERSION:
                info, episodes, tasks = read_meta(root)
            else:
                episodes, tasks = old_lines.read_episodes(root, info), old_lines.read_tasks(root)
            if place.is_still(root):
                break
        return cls(root, info, tuple(episodes), tuple(tasks), place)

    def check_place(self) -> None:
        """Raise DataError when an edit has put another dataset here since this one was opened.

        Called after reading: rows of the one must never be taken with what the other says of them.
        """
        if self.place is not None and not self.place.is_still(self.root):
            raise DataError(
                f"{self.root} was moved or replaced by an edit while it was being read: start again"
            )

    @property
    def schema(self) -> Schema:
        """Fps, robot and features."""
        return self.info.schema

    @property
    def frames(self) -> int:
        """Rows of all episodes."""
        return sum(episode.length for episode in self.episodes)

    def data_path(self, episode: Episode) -> Path:
        """Return the file with the rows of an episode. Raises DataError when it would lie outside the dataset."""
        return self._inside(layout.fill(self.info.data_path, **self._fields(episode, episode.data)))

    def video_path(self, episode: Episode, key: str) -> Path:
        """Return the file with the frames of a camera. Raises DataError when it would lie outside the dataset."""
        pattern = self.info.video_path or layout.VIDEO_PATTERN
        place = episode.videos[key].file
        return self._inside(layout.fill(pattern, video_key=key, **self._fields(episode, place)))

    def _inside(self, relative: str) -> Path:
        path = self.root / relative
        if relative not in self._resolved:
            resolve_inside(path, self.root, DataError)
            self._resolved.add(relative)
        return path

    @cached_property
    def _resolved(self) -> set[str]:
        """Paths whose links, where there are any, stay in the dataset."""
        return set()

    def _fields(self, episode: Episode, place: FilePlace) -> dict[str, int]:
        old = {"episode_chunk": episode.index // self.info.chunks_size, "episode_index": episode.index}
        return {"chunk_index": place.chunk, "file_index": place.file, **old}

    def rows(self, episode: Episode, keys: Sequence[str] | None = None) -> Rows:
        """Return columns of one episode, (N, *shape) each; None: all numeric ones. Raises DataError."""
        for found, rows in self.walk(self.data_path(episode), keys, {episode.index: episode}):
            if found.index == episode.index:
                return rows
        raise DataError(f"{self.data_path(episode)} has no row of episode {episode.index}")

    def stream(self, keys: Sequence[str] | None = None) -> Iterator[tuple[Episode, Rows]]:
        """Yield every episode in the order of the files; no more than one episode and a batch is in memory."""
        for path, wanted in self.by_file().items():
            yield from self.walk(path, keys, wanted)

    def by_file(self) -> dict[Path, dict[int, Episode]]:
        """Group the episodes by data file: path -> number -> episode."""
        files: dict[Path, dict[int, Episode]] = {}
        for episode in self.episodes:
            files.setdefault(self.data_path(episode), {})[episode.index] = episode
        return files

    def _features(self, keys: Sequence[str] | None) -> tuple[Feature, ...]:
        everything = (*self.schema.columns, *DERIVED)
        return everything if keys is None else tuple(self.schema.feature(key) for key in keys)

    def walk(
        self, path: Path, keys: Sequence[str] | None, wanted: dict[int, Episode]
    ) -> Iterator[tuple[Episode, Rows]]:
        """Yield the wanted episodes of one data file, in its order. Raises DataError."""
        features = self._features(keys)
        names = list(dict.fromkeys([*(f.key for f in features), "episode_index"]))
        found: _Gathered | None = None
        only = next(iter(wanted)) if len(wanted) == 1 else None
        for numbers, batch in _batches(path, names, features, only):
            cuts = np.flatnonzero(np.diff(numbers)) + 1
            for start, stop in zip([0, *cuts], [*cuts, len(numbers)], strict=True):
                if stop == start:
                    continue
                index = int(numbers[start])
                if found is not None and index != found.episode.index:
                    self.check_place()
                    yield found.episode, found.whole()
                    found = None
                if index in wanted:
                    found = found or _Gathered(wanted[index], features, path)
                    found.add({key: values[start:stop] for key, values in batch.items()})
        if found is not None:
            self.check_place()
            yield found.episode, found.whole()

    def pictures(self, episode: Episode, key: str, *, every: int = 1) -> Iterator[tuple[int, UInt8]]:
        """Yield (frame, (H, W, 3) RGB) of a camera in one episode. Raises DataError."""
        place = episode.videos[key]
        path = self.video_path(episode, key)
        size, fps = self.schema.feature(key).shape[:2], self.schema.fps
        for number, frame in enumerate(
            video.frames(path, place.from_s, episode.length, fps, every=every, size=size)
        ):
            if number == 0:  # the file is open by now, and stays the same one
                self.check_place()
            yield frame

    def stats(self, episode: Episode) -> dict[str, Stats]:
        """Return the statistics of one episode, as stored; {} when it has none. Raises DataError."""
        if self.info.version != layout.VERSION:
            return self._stats_of_old.of(episode.index)
        path = self._line_files.get(episode.index)
        if path is None:
            return {}
        if path not in self._lines_with_stats:  # one file at a time, however many episodes it is asked for
            lines = self._about(path, stats=True)
            self._lines_with_stats.clear()
            self._lines_with_stats[path] = {line.index: dict(line.stats) for line in lines}
        return self._lines_with_stats[path].get(episode.index, {})

    @cached_property
    def _lines_with_stats(self) -> dict[Path, dict[int, dict[str, Stats]]]:
        return {}

    def _about(self, path: Path, *, stats: bool = False) -> list[Episode]:
        keys = [f.key for f in self.schema.videos]
        return tables.read_episodes(path, keys, stats=stats, inside=self.root)

    @cached_property
    def _stats_of_old(self) -> old_lines.OldStats:
        return old_lines.OldStats(self.root)

    @cached_property
    def _line_files(self) -> dict[int, Path]:
        """Episode -> the file with its line, looked for once."""
        paths = sorted((self.root / layout.EPISODES).glob("chunk-*/file-*.parquet"))
        return {line.index: path for path in paths for line in self._about(path)}

    def histograms(self, episode: Episode) -> dict[str, Stats]:
        """Return the histogram of each camera's pictures in an episode, where it was kept. Raises DataError."""
        path = self.root / layout.levels_file(episode.index)
        return read_levels(read_json(path, NOTES_LIMIT, inside=self.root)) if path.exists() else {}

    def notes(self, episode: Episode) -> dict[str, Any]:
        """Return what was noted about an episode, its success as `outcome_of` reads it; {} for datasets of others."""
        path = self.root / layout.notes_file(episode.index)
        value = read_json(path, NOTES_LIMIT, inside=self.root) if path.exists() else {}
        self.check_place()
        return normalised(value) if isinstance(value, dict) else {}


def _batches(
    path: Path, names: list[str], features: Sequence[Feature], only: int | None
) -> Iterator[tuple[Any, Rows]]:
    """Yield numbers of episodes and columns, some rows at a time, of groups of rows that may hold `only`."""
    with parquet.opened(path) as file:
        missing = [name for name in names if name not in file.names]
        if missing:
            raise DataError(f"{path} has no column {missing[0]!r}")
        number = DERIVED[2]
        size = min(BATCH_ROWS, max(1, BATCH_BYTES // (8 + _row_bytes(features))))
        groups = None if only is None else file.groups_with("episode_index", only)
        for batch in file.iter_batches(size, columns=names, row_groups=groups):
            rows = {f.key: tables.numbers(batch.column(f.key), f) for f in features}
            yield tables.numbers(batch.column(number.key), number).reshape(-1), rows


def _row_bytes(features: Sequence[Feature]) -> int:
    return sum(feature.size * feature.numpy.itemsize for feature in features)


class _Gathered:
    """The rows of one episode, put into arrays of the length that is listed for it, batch by batch."""

    def __init__(self, episode: Episode, features: Sequence[Feature], path: Path) -> None:
        if episode.length * _row_bytes(features) > EPISODE_BYTES:
            raise DataError(
                f"{path}: episode {episode.index} has {episode.length} rows; more than {EPISODE_BYTES >> 20} MB of one "
                f"episode cannot be read at once: read fewer columns, or split it"
            )
        self.episode, self._path, self._count = episode, path, 0
        self._rows = {f.key: np.empty((episode.length, *f.shape), f.numpy) for f in features}

    def add(self, rows: Rows) -> None:
        """Append rows; those beyond the listed length are only counted."""
        count = len(next(iter(rows.values()), ()))
        for key, values in rows.items():
            place = self._rows[key][self._count : self._count + count]
            place[:] = values[: len(place)]
        self._count += count

    def whole(self) -> Rows:
        """Return all of them. Raises DataError when they are not as many as listed."""
        if self._rows and self._count != self.episode.length:
            raise DataError(
                f"{self._path}: episode {self.episode.index} has {self._count} rows of {next(iter(self._rows))}, "
                f"listed are {self.episode.length}"
            )
        return self._rows
