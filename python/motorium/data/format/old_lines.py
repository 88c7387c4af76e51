"""Read what LeRobot v2.0 and v2.1 keep in `meta/*.jsonl`: tasks, episodes and their statistics, one line each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import DataError
from ...foreign import open_regular, parse_json
from .layout import FilePlace
from .schema import Info
from .stats import Stats
from .tables import MAX_EPISODES, Episode, VideoPlace, checked_episode

FILE_LIMIT = 512 << 20
LINE_LIMIT = 8 << 20
MAX_TASKS = 1000
"""Most tasks of one episode that are read."""
_NUMBER = re.compile(rb'"episode_index"\s*:\s*(\d{1,15})\b')


def read_tasks(root: Path) -> list[str]:
    """Read the tasks in the order of their index. Raises DataError."""
    path = root / "meta/tasks.jsonl"
    try:
        found = {int(line["task_index"]): str(line["task"]) for line in _lines(path, root)}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: {type(error).__name__} {error}") from error
    if sorted(found) != list(range(len(found))):
        raise DataError(f"{path}: task_index does not count from 0")
    return [found[i] for i in range(len(found))]


def read_episodes(root: Path, info: Info) -> list[Episode]:
    """Read the line about each episode, in order. Raises DataError."""
    path = root / "meta/episodes.jsonl"
    out, start, keys = [], 0, [f.key for f in info.schema.videos]
    try:  # of a line, which may hold anything, no more than this is kept
        told = [
            (int(line["episode_index"]), int(line["length"]), _tasks(line)) for line in _lines(path, root)
        ]
        for index, length, tasks in sorted(told, key=lambda one: one[0]):
            place = FilePlace(*divmod(index, info.chunks_size))
            frames = VideoPlace(place, 0.0, length / info.schema.fps)
            episode = Episode(index, tasks, length, start, place, dict.fromkeys(keys, frames))
            out.append(checked_episode(episode))
            start += length
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: {type(error).__name__} {error}") from error
    return out


def _tasks(line: dict[str, Any]) -> tuple[str, ...]:
    if len(line["tasks"]) > MAX_TASKS:
        raise ValueError(f"an episode of {len(line['tasks'])} tasks; at most {MAX_TASKS} are allowed")
    return tuple(str(task) for task in line["tasks"])


class OldStats:
    """Statistics by episode; keeps only the position of each line, since a line may have megabytes."""

    def __init__(self, root: Path) -> None:
        """Open those of a dataset; one that has none is empty. Raises DataError."""
        self._path, self._root = root / "meta/episodes_stats.jsonl", root
        self._places: dict[int, int] = {}
        if self._path.exists():
            with open_regular(self._path, FILE_LIMIT, error=DataError, inside=root) as file:
                for place, line in _raw(file, self._path):
                    found = _NUMBER.search(line)
                    if found:
                        self._places.setdefault(int(found[1]), place)

    def of(self, index: int) -> dict[str, Stats]:
        """Return those of one episode; {} when it has none. Raises DataError."""
        if index not in self._places:
            return {}
        with open_regular(self._path, FILE_LIMIT, error=DataError, inside=self._root) as file:
            file.seek(self._places[index])
            _, text = next(_raw(file, self._path), (0, b""))
        line = _parsed(text, self._path, nan=True)
        if line.get("episode_index") != index or not isinstance(line.get("stats"), dict):
            raise DataError(f"{self._path}: the line about episode {index} has no statistics")
        return dict(line["stats"])


def _lines(path: Path, root: Path) -> Iterator[dict[str, Any]]:
    with open_regular(path, FILE_LIMIT, error=DataError, inside=root) as file:
        for _, text in _raw(file, path):
            yield _parsed(text, path)


def _raw(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield where a line begins, and the line; none that are empty. DataError: too many, or one is too long."""
    count = 0
    while True:
        place = file.tell()
        line = file.readline(LINE_LIMIT + 1)
        if not line:
            return
        if len(line) > LINE_LIMIT:
            raise DataError(f"{path} has a line of more than {LINE_LIMIT >> 20} MB")
        if not line.strip():
            continue
        count += 1
        if count > MAX_EPISODES:
            raise DataError(f"{path} has more than the {MAX_EPISODES} lines that are read")
        yield place, line


def _parsed(text: bytes, path: Path, *, nan: bool = False) -> dict[str, Any]:
    try:
        line = parse_json(text, nan=nan)
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not isinstance(line, dict):
        raise DataError(f"{path}: a line is not an object")
    return line
