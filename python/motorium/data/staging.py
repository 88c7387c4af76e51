"""From the episode in progress to the finished one. The rename of its folder is the moment it becomes durable.

.recording/episode-000012.part/    journal, fragments; then the finished files, all on the disk
.recording/episode-000012.done/    finished: `publish` moves its files to their places and can do so again and again
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import rooted
from ..errors import DataError
from ..files import write_json
from . import layout, marks, tables
from .journal import read_journal
from .schema import Info, Schema, read_info, read_json
from .sink import video_name
from .splits import resized
from .stats import Stats, aggregate, column_stats
from .tables import Episode, VideoPlace

FRAMES, TELEMETRY = "frames.jnl", "telemetry.jnl"
PLAN = "plan.json"
NOTES_LIMIT = 16 << 20


def part_folder(root: Path, episode: int) -> Path:
    """Of the episode in progress. An encoder that outlives its recorder never writes into another one's."""
    return root / layout.STAGING / f"episode-{episode:06d}-{os.getpid()}{layout.PART}"


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def seal(root: Path, part: Path, length: int, pictures: Sequence[Stats], notes: Mapping[str, Any]) -> Episode:
    """Build the finished files in `part` from its journal and videos, make all durable, and rename it: finished.

    Args:
        root: the dataset.
        part: its staging folder; `video-<i>.mp4` of `length` frames each must lie there.
        length: rows to keep.
        pictures: statistics of each camera.
        notes: plain values for JSON.

    Raises DataError; then the folder is still a part.
    """
    rooted.check(root, part)
    info = read_info(root)
    schema = info.schema
    header, rows = read_journal(part / FRAMES)
    if rows.dtype != schema.row or len(rows) < length or length < 1:
        raise DataError(f"{part} holds {len(rows)} rows of another schema, or not {length} of them")
    rows = rows[:length]
    task, index, slot = str(header["task"]), info.episodes, layout.next_slot(root)
    tasks = _tasks(root)
    number = tasks.index(task) if task in tasks else len(tasks)
    columns = {f.key: rows[f.key] for f in schema.columns}
    start_ns, events = int(header["start_ns"]), marks.read(part)
    times_ns = start_ns + _row_times_ns(columns, length, schema.fps)
    columns |= marks.columns(schema, events, times_ns)
    columns |= tables.derived(index, info.frames, length, schema.fps, number)
    tables.write_parquet(root, part / "data.parquet", tables.data_table(schema, columns))
    stats: dict[str, Stats] = {f.key: s for f, s in zip(schema.videos, pictures, strict=True)}
    stats |= {key: column_stats(values) for key, values in columns.items()}
    place = VideoPlace(slot, 0.0, length / schema.fps)
    videos = {f.key: place for f in schema.videos}
    episode = Episode(index, (task,), length, info.frames, slot, videos, stats)
    tables.write_parquet(root, part / "episode.parquet", tables.episode_table([(episode, slot)]))
    moves = {"data.parquet": layout.data_file(slot)}
    moves |= {video_name(i): layout.video_file(f.key, slot) for i, f in enumerate(schema.videos)}
    if (part / TELEMETRY).exists():
        _telemetry(root, part, columns_until_ns=start_ns + round(length / schema.fps * 1e9))
        moves["telemetry.parquet"] = layout.telemetry_file(slot)
    kept = {
        **notes,
        "episode": index,
        "task": task,
        "started": header.get("started"),
        "start_ns": start_ns,
    }
    if events:
        kept["events"] = marks.noted(events, start_ns, int(times_ns[-1]) + round(1e9 / schema.fps))
    write_json(part / "notes.json", kept, root=root)
    moves["notes.json"] = layout.notes_file(index)
    moves["episode.parquet"] = layout.episode_file(slot)
    write_json(part / PLAN, {"episode": index, "task": task, "moves": moves}, root=root)
    for name in moves:
        _sync_file(part / name)
    sync_folder(part)
    rooted.move(root, part, part.with_suffix(layout.DONE), replace=False)
    return episode


def _row_times_ns(columns: tables.Rows, length: int, fps: int) -> NDArray[np.int64]:
    """When each row was taken, from the start of the episode."""
    times_s = columns["row_s"].reshape(-1) if "row_s" in columns else np.arange(length) / fps
    return np.round(times_s * 1e9).astype(np.int64)


def _telemetry(root: Path, part: Path, columns_until_ns: int) -> None:
    import pyarrow as pa

    _, ticks = read_journal(part / TELEMETRY)
    if ticks.dtype.names and "t_ns" in ticks.dtype.names:
        ticks = ticks[ticks["t_ns"] <= columns_until_ns]
    columns = {}
    for name in ticks.dtype.names or ():
        values = np.ascontiguousarray(ticks[name])
        flat = pa.array(values.reshape(-1))
        columns[name] = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    tables.write_parquet(root, part / "telemetry.parquet", pa.table(columns))


def _tasks(root: Path) -> list[str]:
    path = root / layout.TASKS
    return tables.read_tasks(path) if path.exists() else []


def publish(root: Path, done: Path) -> int:
    """Move the files of a finished episode to their places and count it; whatever was done before is left as it is.

    LeRobot's own order, info.json last. Returns the episode's number. Raises DataError.
    """
    rooted.check(root, done / PLAN)
    plan, info = read_json(done / PLAN), read_info(root)
    try:
        index, task = int(plan["episode"]), str(plan["task"])
        moves = {str(name): str(target) for name, target in plan["moves"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{done / PLAN} is damaged: {error}") from error
    _check_moves(done / PLAN, moves, index, info.schema)
    if index > info.episodes:
        raise DataError(
            f"{done} is episode {index}, but the dataset ends at {info.episodes}: was it edited by hand?"
        )
    tasks = _tasks(root)
    if task not in tasks:
        tasks.append(task)
        tables.write_table_whole(root, root / layout.TASKS, tables.tasks_table(tasks))
    for name, target in moves.items():
        _move(root, done / name, root / target)
    if index == info.episodes:
        (episode,) = tables.read_episodes(
            root / moves["episode.parquet"], [f.key for f in info.schema.videos], stats=True
        )
        _count(root, info, episode, len(tasks))
    gone = done.with_suffix(layout.GONE)
    rooted.move(root, done, gone)  # so that a half-removed folder is never taken for a finished episode
    rooted.remove_tree(root, gone)
    return index


def _check_moves(plan: Path, moves: Mapping[str, str], index: int, schema: Schema) -> None:
    """A plan may name the places of its own episode, each for its own file, and no others. Raises DataError."""
    slot = layout.slot_of(moves.get("episode.parquet", ""))
    if slot is None:
        raise DataError(f"{plan} is damaged: it names no place for the line about the episode")
    places = {
        "data.parquet": layout.data_file(slot),
        "episode.parquet": layout.episode_file(slot),
        "telemetry.parquet": layout.telemetry_file(slot),
        "notes.json": layout.notes_file(index),
    } | {video_name(i): layout.video_file(f.key, slot) for i, f in enumerate(schema.videos)}
    for name, target in moves.items():
        if places.get(name) != target:
            raise DataError(f"{plan} is damaged: {target!r} is no place for {name!r}")


def _move(root: Path, source: Path, target: Path) -> None:
    if rooted.has_file(root, source):
        rooted.move(root, source, target, replace=source.suffix == ".json")
    elif not rooted.has_file(root, target):
        raise DataError(f"{source} is missing and so is {target}")


def _count(root: Path, info: Info, episode: Episode, tasks: int) -> None:
    """The totals and the statistics of one episode more; statistics that count it already stay as they are."""
    path = root / layout.STATS
    before = read_json(path) if path.exists() and info.episodes else {}
    counted = _frames_in(before)
    if counted == info.frames:
        grown_stats = aggregate([before, episode.stats] if before else [episode.stats])
        write_json(path, grown_stats, indent=1, root=root)
    elif counted != info.frames + episode.length:
        lines = all_episodes(root, info, stats=True)
        write_json(path, aggregate([line.stats for line in lines]), indent=1, root=root)
    count = info.episodes + 1
    splits = resized(info.splits, info.episodes, count)
    frames = info.frames + episode.length
    write_info(root, replace(info, episodes=count, frames=frames, tasks=tasks, splits=splits))


def _frames_in(stats: Any) -> int:
    try:
        return int(stats["frame_index"]["count"][0]) if stats else 0
    except (KeyError, TypeError, ValueError, IndexError):
        return -1


def write_info(root: Path, info: Info) -> None:
    """info.json, at once."""
    write_json(root / layout.INFO, info.as_json(), indent=4, root=root)


def all_episodes(root: Path, info: Info, *, stats: bool = False) -> list[Episode]:
    """Every line of meta/episodes, in order, with their statistics if asked for. Raises DataError."""
    keys = [f.key for f in info.schema.videos]
    paths = sorted((root / layout.EPISODES).glob("chunk-*/file-*.parquet"))
    return sorted(
        (line for path in paths for line in tables.read_episodes(path, keys, stats=stats)),
        key=lambda e: e.index,
    )


def leftovers(root: Path) -> tuple[list[Path], list[Path]]:
    """(finished but not in place, in progress) staging folders, in order."""
    staging = root / layout.STAGING
    found = sorted(staging.glob("episode-*")) if staging.is_dir() else []
    return [p for p in found if p.suffix == layout.DONE], [p for p in found if p.suffix == layout.PART]
