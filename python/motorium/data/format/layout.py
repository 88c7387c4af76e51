"""Name every file of a dataset: LeRobotDataset v3.0 (lerobot 0.4.4, `datasets/utils.py`), one episode per file.

LeRobot allows many episodes in a file; written here is one per file, so that a finished episode is never touched
again. What it does not know lies beside it and is ignored by it: `telemetry/`, `meta/motorium/`, `.recording/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError

VERSION = "v3.0"
VERSION_OLD = "v2.1"
CHUNK = 1000
"""Most files of a chunk folder (LeRobot's `chunks_size`)."""

INFO = "meta/info.json"
STATS = "meta/stats.json"
OURS = "meta/motorium"
"""What is known of a dataset beside what LeRobot has a place for; unknown to LeRobot."""
STATS_NOTE = "meta/motorium/stats.json"
"""Which rows the statistics cover; unknown to LeRobot."""
TASKS = "meta/tasks.parquet"
EPISODES = "meta/episodes"
DATA_PATTERN = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATTERN = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
DATA_PATTERN_OLD = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATTERN_OLD = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"

STAGING = ".recording"
TELEMETRY = "telemetry"
PART = ".part"
DONE = ".done"
GONE = ".gone"
PLAN = "plan.json"
"""File in the folder of a finished episode: its number, its task, and the place of each of its files."""
LOCK = "lock"
"""File in the staging folder, locked by whoever writes to the dataset."""

_FIELD = re.compile(r"\{(video_key|(?:chunk_index|file_index|episode_chunk|episode_index)(?::0[1-9]d)?)\}")
_LONGEST_PATTERN = 1000


@dataclass(frozen=True, order=True)
class FilePlace:
    """A place for a file: chunk folder and number in it."""

    chunk: int
    file: int

    @classmethod
    def number(cls, n: int) -> FilePlace:
        """Return the n-th place."""
        return cls(n // CHUNK, n % CHUNK)

    @property
    def n(self) -> int:
        """Its number, counted over all chunks."""
        return self.chunk * CHUNK + self.file

    def under(self, folder: str, suffix: str) -> str:
        """Return the path of the file at this place of a tree."""
        return f"{folder}/chunk-{self.chunk:03d}/file-{self.file:03d}{suffix}"


def file_place_of(path: str) -> FilePlace | None:
    """Return the place of a file under meta/episodes; None for any other path."""
    found = re.fullmatch(rf"{EPISODES}/chunk-(\d{{3,6}})/file-(\d{{3}})\.parquet", path, re.ASCII)
    return FilePlace(int(found[1]), int(found[2])) if found else None


def data_file(place: FilePlace) -> str:
    """Return the path of an episode's rows."""
    return place.under("data", ".parquet")


def video_file(key: str, place: FilePlace) -> str:
    """Return the path of the frames of one camera in an episode."""
    return place.under(f"videos/{key}", ".mp4")


def episode_file(place: FilePlace) -> str:
    """Return the path of the line about an episode."""
    return place.under(EPISODES, ".parquet")


def telemetry_file(place: FilePlace) -> str:
    """Return the path of an episode's control ticks; unknown to LeRobot."""
    return place.under(TELEMETRY, ".parquet")


def notes_file(episode: int) -> str:
    """Return the path of an episode's notes: wall clock, losses, events; unknown to LeRobot."""
    return f"meta/motorium/episode-{episode:06d}.json"


def levels_file(episode: int) -> str:
    """Return the path of the histograms of an episode's cameras, for the dataset's quantiles; unknown to LeRobot."""
    return f"meta/motorium/levels-{episode:06d}.json"


def fill(pattern: str, **fields: int | str) -> str:
    """Fill a path pattern of info.json. Raises DataError when it could name anything outside the dataset."""
    plain = _FIELD.sub("", pattern)
    if "{" in plain or "}" in plain or len(pattern) > _LONGEST_PATTERN:
        raise DataError(f"info.json: {pattern[:200]!r} is not a path pattern of LeRobot")
    try:
        path = pattern.format(**fields)
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(f"info.json: {pattern!r} is not a path pattern of LeRobot") from error
    return safe(path)


def check_patterns(data_path: str, video_path: str | None) -> None:
    """Raise DataError when the path patterns of an info.json are none that `fill` fills."""
    zeros = dict.fromkeys(("chunk_index", "file_index", "episode_chunk", "episode_index"), 0)
    fill(data_path, **zeros)
    if video_path is not None:
        fill(video_path, video_key="camera", **zeros)


def safe(path: str) -> str:
    """Return `path`. Raises DataError when it leads out of the dataset."""
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts or "\0" in path:
        raise DataError(f"{path!r} would lie outside the dataset")
    return path


def next_file_place(root: Path) -> FilePlace:
    """Return the first place that no file of any tree has taken yet."""
    trees = [root / "data", root / EPISODES, root / TELEMETRY, *(root / "videos").glob("*")]
    taken = [-1]
    for tree in trees:
        for path in tree.glob("chunk-*/file-*.*"):
            numbers = re.fullmatch(r"chunk-(\d+)/file-(\d+)\.\w+", f"{path.parent.name}/{path.name}")
            if numbers:
                taken.append(FilePlace(int(numbers[1]), int(numbers[2])).n)
    return FilePlace.number(max(taken) + 1)


def leftovers(root: Path) -> tuple[list[Path], list[Path]]:
    """List (finished but not in place, in progress) staging folders, in order."""
    staging = root / STAGING
    found = sorted(staging.glob("episode-*")) if staging.is_dir() else []
    return [p for p in found if p.suffix == DONE], [p for p in found if p.suffix == PART]
