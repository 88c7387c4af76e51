"""Build a new dataset from episodes of others: beside its place, moved there once complete and durable."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import rooted
from ...errors import DataError
from ...files import check_text, sync_folder, write_json
from ...foreign import open_regular
from ...logs import logger
from ..format import layout, parquet, tables, video, whole_stats
from ..format.dataset import Dataset
from ..format.exchange import BuildingSite, settle
from ..format.layout import FilePlace
from ..format.lock import Lock
from ..format.passing import as_data_error, passing, remedy
from ..format.schema import Info, Schema, write_info
from ..format.splits import Splits, carried
from ..format.stats import STATS_EVERY, PictureStats, Stats, column_stats, keep_levels, sound
from ..format.tables import Episode, Rows, VideoPlace
from ..record import aside
from ..record.repair import repair_locked
from . import film

_log = logger(__name__)


@dataclass(frozen=True)
class Pick:
    """Episodes of one dataset, and how they go into the new one.

    Attributes:
        dataset: where from.
        episodes: which of them, by number.
        rename: task -> task; those not named keep theirs.
        rows: changes the columns; what it returns may be shorter.
        film: makes the video of a camera anew, (source, target, episode, key) -> None; None copies frames as they are.
        key: camera key -> key in the new dataset.
        film_changes: whether `film` changes pictures, and not only leaves some out: the motion is another, too.
        words: changes every other text about an episode: columns of texts, its notes.
        split: name of the split that its episodes shall be in; None: those they are in.
    """

    dataset: Dataset
    episodes: frozenset[int]
    rename: Mapping[str, str] | None = None
    rows: Callable[[Rows, Episode], Rows] | None = None
    film: Callable[[Dataset, Episode, str, Path], None] | None = None
    key: Mapping[str, str] | None = None
    film_changes: bool = False
    split: str | None = None
    words: Callable[[str], str] | None = None


def build(target: Path, schema: Schema, picks: Sequence[Pick]) -> Info:
    """Write a LeRobot v3.0 dataset with the picked episodes in order. Raises DataError; `target` must not exist."""
    with beside(target) as work:
        for pick in picks:
            complete(pick)
        return fill(work, schema, picks)


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Make a folder that becomes `target`, durable, when the block ends well, and is gone when it does not.

    Raises DataError: `target` is there already, or no folder can be made beside it.
    """
    check_text(target.absolute())
    where = target.absolute()
    for line in settle(where):
        _log.warning("%s", line)
    if os.path.lexists(where):
        raise DataError(f"{target} already exists: give another --out, or remove it first")
    site = BuildingSite(where)
    try:
        with as_data_error(f"{target} could not be written, and nothing of it is left"):
            site.new.mkdir()
            yield site.new
            _durable(site.new)
            site.take()
    finally:
        site.close()


def complete(pick: Pick) -> None:
    """Raise DataError when pictures are to be changed that lie in the data files: those are only copied."""
    for feature in pick.dataset.schema.carried if pick.film_changes else ():
        if feature.dtype == "image":
            raise DataError(
                f"{pick.dataset.root}: {feature.key} is not a video, and only videos are re-encoded; nothing was done"
            )


def fill(root: Path, schema: Schema, picks: Sequence[Pick]) -> Info:
    """Write the same into the empty folder `root`, of `beside`. Raises DataError."""
    new = _New(root, schema)
    for pick, source, rows in _chosen(picks):
        new.add(pick, source, rows)
    for pick in picks:
        pick.dataset.check_place()  # videos and notes were read after the rows
    if not new.stats:
        raise DataError("no episode would be left")
    tables.write_table_whole(root, root / layout.TASKS, tables.tasks_table(new.words))
    splits = carried((pick.dataset.root, _splits(pick), episodes) for pick, episodes in new.parts())
    info = Info(
        schema, layout.VERSION, len(new.stats), new.start, len(new.words), splits=splits, more=_more(picks)
    )
    write_info(root, info)
    whole_stats.write(Dataset.open(root))
    return info


def _splits(pick: Pick) -> Splits | None:
    if pick.split is None:
        return pick.dataset.info.splits
    return {pick.split: f"0:{max(pick.episodes, default=-1) + 1}"}


def _more(picks: Sequence[Pick]) -> dict[str, Any]:
    """Return what info.json has besides, where all datasets say the same."""
    first, *others = (pick.dataset.info.more for pick in picks)
    return {key: entry for key, entry in first.items() if all(other.get(key) == entry for other in others)}


def _chosen(picks: Sequence[Pick]) -> Iterator[tuple[Pick, Episode, Rows]]:
    for pick in picks:
        missing = pick.episodes - {e.index for e in pick.dataset.episodes}
        if missing:
            raise DataError(
                f"{pick.dataset.root} has no episode {min(missing)}; it has {len(pick.dataset.episodes)}"
            )
        chosen = replace(
            pick.dataset, episodes=tuple(e for e in pick.dataset.episodes if e.index in pick.episodes)
        )
        for episode, rows in chosen.stream():
            yield pick, episode, rows


class _New:
    """The dataset that grows."""

    def __init__(self, root: Path, schema: Schema) -> None:
        self.root, self.schema = root, schema
        self.words: list[str] = []
        self.stats: list[Mapping[str, Stats]] = []
        self.start = 0
        self._sources: list[tuple[Pick, int]] = []

    def parts(self) -> Iterator[tuple[Pick, list[int]]]:
        """Yield of each pick the numbers that its episodes had, in their order here."""
        for pick, sources in itertools.groupby(self._sources, key=lambda source: source[0]):
            yield pick, [number for _, number in sources]

    def add(self, pick: Pick, source: Episode, rows: Rows) -> None:
        """Add one episode."""
        number, schema = len(self.stats), self.schema
        columns = pick.rows(rows, source) if pick.rows is not None else rows
        length, place = len(next(iter(columns.values()))), FilePlace.number(number)
        labels = self._labels(pick, {**rows, **columns})[:length]
        carried = _reworded(pick, carried_rows(pick.dataset, source, columns))
        columns = {f.key: columns[f.key] for f in schema.columns}
        index = np.array([self.words.index(name) for name in labels])
        columns |= tables.derived(number, self.start, length, schema.fps, index)
        path = self.root / layout.data_file(place)
        tables.write_parquet(self.root, path, tables.data_table(schema, columns, carried))
        stats = self._videos(pick, source, place, length)
        stored = self._stored(pick, source, carried)
        stats |= {key: old for key in carried if (old := sound(stored.get(key)))}
        stats |= {key: column_stats(values) for key, values in columns.items()}
        where = VideoPlace(place, 0.0, length / schema.fps)
        videos = {f.key: where for f in schema.videos}
        episode = Episode(number, tuple(dict.fromkeys(labels)), length, self.start, place, videos, stats)
        path = self.root / layout.episode_file(place)
        tables.write_parquet(self.root, path, tables.episode_table([(episode, place)]))
        levels = self.root / layout.levels_file(number)
        keep_levels(self.root, levels, {f.key: stats[f.key] for f in schema.videos})
        _extras(self.root, pick, source, episode)
        self.stats.append(stats)
        self._sources.append((pick, source.index))
        self.start = episode.stop

    def _labels(self, pick: Pick, rows: Rows) -> list[str]:
        """Return the task of every row, in the new dataset's words."""
        names, numbers = [_renamed(pick, task) for task in pick.dataset.tasks], rows["task_index"].reshape(-1)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(names):
            raise DataError(
                f"{pick.dataset.root}: task_index reaches {numbers.max()}, there are {len(names)} tasks"
            )
        labels = [names[i] for i in numbers]
        self.words += [name for name in dict.fromkeys(labels) if name not in self.words]
        return labels

    @staticmethod
    def _stored(pick: Pick, source: Episode, carried: Mapping[str, Any]) -> Mapping[str, Stats]:
        return pick.dataset.stats(source) if carried else {}

    def _videos(self, pick: Pick, source: Episode, place: FilePlace, length: int) -> dict[str, Stats]:
        stored = pick.dataset.stats(source) if self.schema.videos and pick.film is None else {}
        levels = pick.dataset.histograms(source) if self.schema.videos and pick.film is None else {}
        stats: dict[str, Stats] = {}
        for old, new in _cameras(pick, self.schema):
            path = self.root / layout.video_file(new, place)
            rooted.reserve(self.root, path)
            if pick.film is not None:
                pick.film(pick.dataset, source, old, path)
            else:
                copy_video(pick.dataset, source, old, path)
            kept = sound(stored.get(old)) | levels.get(old, {})
            stats[new] = kept if "q50" in kept else picture_stats(path, length, self.schema.fps)
        return stats


def carried_rows(dataset: Dataset, source: Episode, columns: Rows) -> Mapping[str, Any]:
    """Read texts and pictures of the rows that are left, which their numbers tell."""
    keys = [feature.key for feature in dataset.schema.carried]
    if not keys:
        return {}
    wanted = columns["frame_index"].reshape(-1)
    return tables.carried_columns(dataset.data_path(source), keys, source.index, wanted)


def _reworded(pick: Pick, carried: Mapping[str, Any]) -> Mapping[str, Any]:
    if pick.words is None:
        return carried
    texts = {f.key for f in pick.dataset.schema.carried if f.dtype == "string"}
    return {
        key: [_changed(pick.words, text) for text in column.to_pylist()] if key in texts else column
        for key, column in carried.items()
    }


def _changed(words: Callable[[str], str], text: Any) -> Any:
    if isinstance(text, list):
        return [_changed(words, part) for part in text]
    return words(text) if isinstance(text, str) else text


def _renamed(pick: Pick, task: str) -> str:
    return (pick.rename or {}).get(task, task)


def _cameras(pick: Pick, schema: Schema) -> list[tuple[str, str]]:
    new_to_old = {new: old for old, new in (pick.key or {}).items()}
    return [(new_to_old.get(f.key, f.key), f.key) for f in schema.videos]


def copy_video(dataset: Dataset, episode: Episode, key: str, target: Path) -> None:
    """Copy a camera's frames of an episode into their own file, re-encoding only where necessary.

    Raises DataError.
    """
    source, place, fps = dataset.video_path(episode, key), episode.videos[key], dataset.schema.fps
    try:
        copied = video.remux(source, target, episode.length, fps, from_s=place.from_s, inside=dataset.root)
    except video.CutError as error:
        said = str((dataset.schema.feature(key).info or {}).get("video.codec"))
        _log.warning("%s; those of episode %d are encoded again", error, episode.index)
        images = (image for _, image in dataset.pictures(episode, key))
        copied = film.encode(target, images, fps, said if said in video.CODECS else "h264")
    if copied != episode.length:
        raise DataError(f"{source} has {copied} of the {episode.length} frames of episode {episode.index}")


def picture_stats(path: Path, length: int, fps: int) -> Stats:
    """Compute the statistics of every fourth frame of a file."""
    seen = PictureStats()
    for _, image in video.frames(path, 0.0, length, fps, every=STATS_EVERY):
        seen.add(image)
    return seen.result()


def _extras(root: Path, pick: Pick, source: Episode, episode: Episode) -> None:
    """Copy telemetry and notes, where there are any; telemetry not into a mirror."""
    dataset = pick.dataset
    if not pick.film_changes:
        keep_telemetry(root, dataset, source, episode.data)
    notes = dataset.notes(source)
    if notes:
        path = root / layout.notes_file(episode.index)
        write_json(path, {**_noted(pick, notes), "episode": episode.index}, root=root)


def keep_telemetry(root: Path, dataset: Dataset, source: Episode, place: FilePlace) -> None:
    """Copy the control ticks of an episode, where there are any, to their place in the dataset at `root`."""
    old_place = source.data if dataset.info.version == layout.VERSION else FilePlace.number(source.index)
    ticks = dataset.root / layout.telemetry_file(old_place)
    if not ticks.exists():
        return
    with (
        open_regular(ticks, parquet.MAX_FILE_BYTES, error=DataError, inside=dataset.root) as old,
        rooted.create(root, root / layout.telemetry_file(place)) as new,
    ):
        shutil.copyfileobj(old, new)


def _noted(pick: Pick, notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return notes in the words that the new dataset has."""
    out = dict(notes)
    if isinstance(out.get("task"), str):
        out["task"] = _renamed(pick, out["task"])
    events = out.get("events")
    if pick.words is not None and isinstance(events, list):
        out["events"] = [
            {**e, "text": pick.words(e["text"])}
            if isinstance(e, dict) and isinstance(e.get("text"), str)
            else e
            for e in events
        ]
    return out


def _durable(root: Path) -> None:
    """Bring everything under a folder to the disk; links and FIFOs, which came with what lies aside, are left."""
    for path in sorted(root.rglob("*")):
        if not stat.S_ISREG(path.lstat().st_mode) and not stat.S_ISDIR(path.lstat().st_mode):
            continue
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    sync_folder(root)


def swap(root: Path, make: Callable[[Path], Any], tell: Callable[[str], None] = _log.warning) -> Path:
    """Let `make` write a dataset beside `root`, then exchange the two. Returns where the old one is now.

    What waits in the old one is repaired first, and what lies aside in it goes along.

    Args:
        root: the dataset, or a link to it, which stays.
        make: writes the new dataset to the path that it is given; opens `root` itself, since a repair may add to it.
        tell: is called with a line for each thing that was put right first.

    Raises DataError when the dataset is being written, or something in it waits that cannot be repaired now; whatever
    happens, `root` is either the old or the new one.
    """
    with Lock(root) as lock:
        real = lock.root
        for line in lock.settled:
            tell(line)
        if real.is_mount():
            raise DataError(f"{real} is a mount point and cannot be edited in place: give --out")
        if any(layout.leftovers(real)):
            for line in repair_locked(real).told():
                tell(line)
        site = BuildingSite(real)
        try:
            _fill_beside(real, site.new, make)
            if lock.where() != real:
                raise DataError(f"{real} was moved or replaced meanwhile; nothing was done to it")
            return site.exchange()
        finally:
            site.close()


def _fill_beside(root: Path, new: Path, make: Callable[[Path], Any]) -> None:
    try:
        with as_data_error(f"cannot write beside {root}"):
            make(new)
            _carry_aside(root, new)
            shutil.copymode(root, new)
    except DataError as error:
        if passing(error):
            raise DataError(f"{root} stays as it was: {error}; {remedy(error)}") from error
        raise


def _carry_aside(root: Path, new: Path) -> None:
    """Copy what lies aside in a dataset to its successor. Raises OSError."""
    (new / layout.STAGING).mkdir(exist_ok=True)
    if not aside.lying(root):
        return
    for found in aside.lying(root):
        shutil.copytree(
            found.folder, new / aside.LOST / found.folder.name, symlinks=True, copy_function=_linked
        )
    _durable(new / layout.STAGING)


def _linked(source: str, target: str, *, follow_symlinks: bool = True) -> None:
    """Give the same file another name, which costs no room; copy it where the file system has no such names."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=follow_symlinks)
