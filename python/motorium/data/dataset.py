"""Reading datasets: LeRobot v3.0 as written by anyone, v2.1 and v2.0. Nothing in a file is believed unchecked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..files import check_text
from ..types import UInt8
from . import layout, staging, tables, video
from .exchange import settle
from .layout import Slot
from .outcome import normalised
from .schema import DERIVED, Feature, Info, Schema, read_bounded, read_info, read_json
from .snapshot import look
from .stats import Stats, read_levels
from .tables import Episode, Rows, VideoPlace

LINES_LIMIT = 512 << 20
"""Largest .jsonl file of a v2.1 dataset that is read."""
BATCH = 4096


@dataclass(frozen=True)
class Dataset:
    """An opened dataset.

    Attributes:
        root: its folder.
        info: schema and totals.
        episodes: one line each, without statistics.
        tasks: instructions in the order of their index.
    """

    root: Path
    info: Info
    episodes: tuple[Episode, ...]
    tasks: tuple[str, ...]

    @classmethod
    def open(cls, root: Path) -> Dataset:
        """Read what is under meta/, all of it of one moment while another process writes.

        Raises DataError, and StorageError where the locale cannot name the folder.
        """
        check_text(root.absolute())
        if not root.exists():
            settle(Path(os.path.realpath(root)), wanted=True)  # an edit that was cut off may have moved it
        info = read_info(root)
        if info.version == layout.VERSION:
            info, episodes, tasks = look(root)
        else:
            episodes, tasks = _old_episodes(root, info), _old_tasks(root)
        return cls(root, info, tuple(episodes), tuple(tasks))

    @property
    def schema(self) -> Schema:
        """Fps, robot and features."""
        return self.info.schema

    @property
    def frames(self) -> int:
        """Rows of all episodes."""
        return sum(episode.length for episode in self.episodes)

    def data_path(self, episode: Episode) -> Path:
        """The file with the rows of an episode."""
        return self.root / layout.fill(self.info.data_path, **self._fields(episode, episode.data))

    def video_path(self, episode: Episode, key: str) -> Path:
        """The file with the frames of a camera."""
        pattern = self.info.video_path or layout.VIDEO_PATTERN
        slot = episode.videos[key].slot
        return self.root / layout.fill(pattern, video_key=key, **self._fields(episode, slot))

    def _fields(self, episode: Episode, slot: Slot) -> dict[str, int]:
        old = {"episode_chunk": episode.index // self.info.chunks_size, "episode_index": episode.index}
        return {"chunk_index": slot.chunk, "file_index": slot.file, **old}

    def rows(self, episode: Episode, keys: Sequence[str] | None = None) -> Rows:
        """Columns of one episode, (N, *shape) each; None: all numeric ones. Raises DataError."""
        for found, rows in self.walk(self.data_path(episode), keys, {episode.index: episode}):
            if found.index == episode.index:
                return rows
        raise DataError(f"{self.data_path(episode)} has no row of episode {episode.index}")

    def stream(self, keys: Sequence[str] | None = None) -> Iterator[tuple[Episode, Rows]]:
        """Every episode in the order of the files; no more than one episode and a batch is in memory."""
        for path, wanted in self.by_file().items():
            yield from self.walk(path, keys, wanted)

    def by_file(self) -> dict[Path, dict[int, Episode]]:
        """Data file -> number -> episode."""
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
        """The wanted episodes of one data file, in its order. Raises DataError."""
        features = self._features(keys)
        names = list(dict.fromkeys([*(f.key for f in features), "episode_index"]))
        parts: list[Rows] = []
        current = -1
        for numbers, batch in _batches(path, names, features):
            cuts = np.flatnonzero(np.diff(numbers)) + 1
            for start, stop in zip([0, *cuts], [*cuts, len(numbers)], strict=True):
                if stop == start:
                    continue
                index = int(numbers[start])
                if index != current and parts:
                    yield wanted[current], _joined(parts, wanted[current], path)
                    parts = []
                current = index
                if index in wanted:
                    parts.append({key: values[start:stop] for key, values in batch.items()})
                    if sum(len(part[names[0]]) for part in parts if names[0] in part) > tables.MAX_ROWS:
                        raise DataError(f"{path}: episode {index} is too long")
        if parts:
            yield wanted[current], _joined(parts, wanted[current], path)

    def pictures(self, episode: Episode, key: str, *, every: int = 1) -> Iterator[tuple[int, UInt8]]:
        """(frame, (H, W, 3) RGB) of a camera in one episode. Raises DataError."""
        place = episode.videos[key]
        path = self.video_path(episode, key)
        yield from video.frames(path, place.from_s, episode.length, self.schema.fps, every=every)

    def stats(self, episode: Episode) -> dict[str, Stats]:
        """Statistics of one episode, as stored; {} when it has none. Raises DataError."""
        if self.info.version != layout.VERSION:
            return self._stats_of_old.get(episode.index, {})
        path = self._line_files.get(episode.index)
        if path is None:
            return {}
        if path not in self._lines_with_stats:  # one file at a time, however many episodes it is asked for
            lines = tables.read_episodes(path, [f.key for f in self.schema.videos], stats=True)
            self._lines_with_stats.clear()
            self._lines_with_stats[path] = {line.index: dict(line.stats) for line in lines}
        return self._lines_with_stats[path].get(episode.index, {})

    @cached_property
    def _lines_with_stats(self) -> dict[Path, dict[int, dict[str, Stats]]]:
        return {}

    @cached_property
    def _stats_of_old(self) -> dict[int, dict[str, Stats]]:
        return _old_stats(self.root)

    @cached_property
    def _line_files(self) -> dict[int, Path]:
        """Episode -> the file with its line, looked for once."""
        keys = [f.key for f in self.schema.videos]
        paths = sorted((self.root / layout.EPISODES).glob("chunk-*/file-*.parquet"))
        return {line.index: path for path in paths for line in tables.read_episodes(path, keys)}

    def histograms(self, episode: Episode) -> dict[str, Stats]:
        """Camera key -> histogram of its pictures in an episode, where it was kept. Raises DataError."""
        path = self.root / layout.levels_file(episode.index)
        return read_levels(read_json(path, staging.NOTES_LIMIT)) if path.exists() else {}

    def notes(self, episode: Episode) -> dict[str, Any]:
        """What was noted about an episode, its success as `outcome_of` reads it; {} for datasets of others."""
        path = self.root / layout.notes_file(episode.index)
        value = read_json(path, staging.NOTES_LIMIT) if path.exists() else {}
        return normalised(value) if isinstance(value, dict) else {}


def _batches(path: Path, names: list[str], features: Sequence[Feature]) -> Iterator[tuple[Any, Rows]]:
    with tables.opened(path) as file:
        there = set(file.schema_arrow.names)
        missing = [name for name in names if name not in there]
        if missing:
            raise DataError(f"{path} has no column {missing[0]!r}")
        number = DERIVED[2]
        for batch in file.iter_batches(batch_size=BATCH, columns=names, use_threads=False):
            rows = {f.key: tables.numbers(batch.column(f.key), f) for f in features}
            yield tables.numbers(batch.column(number.key), number).reshape(-1), rows


def _joined(parts: list[Rows], episode: Episode, path: Path) -> Rows:
    rows = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    for key, values in rows.items():
        if len(values) != episode.length:
            raise DataError(
                f"{path}: episode {episode.index} has {len(values)} rows of {key}, listed are {episode.length}"
            )
    return rows


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in read_bounded(path, LINES_LIMIT).splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not all(isinstance(line, dict) for line in lines):
        raise DataError(f"{path}: a line is no object")
    return lines


def _old_tasks(root: Path) -> list[str]:
    path = root / "meta/tasks.jsonl"
    try:
        found = {int(line["task_index"]): str(line["task"]) for line in _lines(path)}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
    if sorted(found) != list(range(len(found))):
        raise DataError(f"{path}: task_index does not count from 0")
    return [found[i] for i in range(len(found))]


def _old_episodes(root: Path, info: Info) -> list[Episode]:
    path = root / "meta/episodes.jsonl"
    out, start, keys = [], 0, [f.key for f in info.schema.videos]
    try:
        for line in sorted(_lines(path), key=lambda line: int(line["episode_index"])):
            index, length = int(line["episode_index"]), int(line["length"])
            slot = Slot(*divmod(index, info.chunks_size))
            place = VideoPlace(slot, 0.0, length / info.schema.fps)
            tasks = tuple(str(task) for task in line["tasks"])
            out.append(Episode(index, tasks, length, start, slot, dict.fromkeys(keys, place)))
            start += length
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {type(error).__name__} {error}") from error
    return out


def _old_stats(root: Path) -> dict[int, dict[str, Stats]]:
    path = root / "meta/episodes_stats.jsonl"
    if not path.exists():
        return {}
    try:
        return {int(line["episode_index"]): dict(line["stats"]) for line in _lines(path)}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
