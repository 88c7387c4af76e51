"""Turn the episode in progress into a finished one. The rename of its folder is the moment it becomes durable.

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

from ... import rooted
from ...errors import DataError
from ...files import sync_file, sync_folder, write_json
from ..format import layout, tables
from ..format.instants import observation_times_s
from ..format.passing import as_data_error, passing
from ..format.schema import OWN, Info, Schema, read_info, read_json, write_info
from ..format.splits import resized
from ..format.stats import Stats, aggregate, column_stats, keep_levels
from ..format.tables import Episode, VideoPlace
from . import aside, marks
from .journal import read_journal
from .sink import video_name

FRAMES, TELEMETRY = "frames.jnl", "telemetry.jnl"
REPEATABLE = "repeatable"
"""In the header of a journal: whoever recorded the episode can make the same one again."""
BUILT = ("data.parquet", "episode.parquet", "telemetry.parquet", "levels.json", "notes.json", layout.PLAN)
"""What `seal` writes into a staging folder from the rest of it."""


class MisplacedError(DataError):
    """A finished episode whose number or place is taken by now; its journal and videos are complete."""


def part_folder(root: Path, episode: int) -> Path:
    """Return the folder of the episode in progress, which an encoder that outlives its recorder keeps to itself."""
    return root / layout.STAGING / f"episode-{episode:06d}-{os.getpid()}{layout.PART}"


def seal(root: Path, part: Path, length: int, pictures: Sequence[Stats], notes: Mapping[str, Any]) -> Episode:
    """Build the finished files in `part` from its journal and videos, make all durable, and rename it: finished.

    Episodes that were finished before and still wait are published first: their numbers and places are theirs.

    Args:
        root: the dataset.
        part: its staging folder; `video-<i>.mp4` of `length` frames each must lie there.
        length: rows to keep.
        pictures: statistics of each camera.
        notes: plain values for JSON.

    Raises DataError; then the folder is still a part.
    """
    rooted.check(root, part)
    for waiting in layout.leftovers(root)[0]:
        publish(root, waiting)
    with as_data_error(f"{part} could not be finished and stays where it is"):
        episode, moves = _build(root, part, length, pictures, notes)
        for name in moves:
            sync_file(part / name)
        sync_folder(part)
        rooted.move(root, part, part.with_suffix(layout.DONE), replace=False)
    return episode


def _build(
    root: Path, part: Path, length: int, pictures: Sequence[Stats], notes: Mapping[str, Any]
) -> tuple[Episode, dict[str, str]]:
    """Write the finished files and the plan; returns the episode's line, and file -> place."""
    info = read_info(root)
    schema = info.schema
    header, rows = read_journal(part / FRAMES)
    if rows.dtype != schema.row or len(rows) < length or length < 1:
        raise DataError(f"{part} holds {len(rows)} rows of another schema, or not {length} of them")
    rows = rows[:length]
    task, index, place = str(header["task"]), info.episodes, layout.next_file_place(root)
    tasks = _tasks(root)
    number = tasks.index(task) if task in tasks else len(tasks)
    columns = {f.key: rows[f.key] for f in schema.columns}
    start_ns, events = int(header["start_ns"]), marks.read(part)
    observed_ns, taken_ns = (start_ns + times for times in _row_times_ns(schema, columns, length))
    columns |= marks.columns(schema, events, observed_ns)
    columns |= tables.derived(index, info.frames, length, schema.fps, number)
    tables.write_parquet(root, part / "data.parquet", tables.data_table(schema, columns))
    stats: dict[str, Stats] = {f.key: s for f, s in zip(schema.videos, pictures, strict=True)}
    stats |= {key: column_stats(values) for key, values in columns.items()}
    frames = VideoPlace(place, 0.0, length / schema.fps)
    videos = {f.key: frames for f in schema.videos}
    episode = Episode(index, (task,), length, info.frames, place, videos, stats)
    tables.write_parquet(root, part / "episode.parquet", tables.episode_table([(episode, place)]))
    moves = {"data.parquet": layout.data_file(place)}
    moves |= {video_name(i): layout.video_file(f.key, place) for i, f in enumerate(schema.videos)}
    ticks = _telemetry(root, part, columns_until_ns=start_ns + round(length / schema.fps * 1e9))
    if ticks is None:
        moves["telemetry.parquet"] = layout.telemetry_file(place)
    kept = {
        **notes,
        **({"telemetry": ticks} if ticks else {}),
        **_recorded_with(header),
        "episode": index,
        "task": task,
        "started": header.get("started"),
        "start_ns": start_ns,
    }
    if events:
        kept["events"] = marks.noted(events, start_ns, int(taken_ns[-1]) + round(1e9 / schema.fps))
    if keep_levels(root, part / "levels.json", {f.key: stats[f.key] for f in schema.videos}):
        moves["levels.json"] = layout.levels_file(index)
    write_json(part / "notes.json", kept, root=root)
    moves["notes.json"] = layout.notes_file(index)
    moves["episode.parquet"] = layout.episode_file(place)
    plan = {"episode": index, "task": task, "task_index": number, "moves": moves}
    write_json(part / layout.PLAN, plan, root=root)
    return episode, moves


def _recorded_with(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an episode was recorded with, for its notes: the arm, and the rule that paired its rows."""
    info = header.get("info")
    own = info.get(OWN) if isinstance(info, dict) else None
    return {key: own[key] for key in ("robot", "pairing") if key in own} if isinstance(own, dict) else {}


def _row_times_ns(schema: Schema, columns: tables.Rows, length: int) -> list[NDArray[np.int64]]:
    """Return when each row was observed, and when it was taken, from the start of the episode."""
    observed_s = observation_times_s(schema, columns)
    taken_s = columns["row_s"].reshape(-1) if "row_s" in columns else np.arange(length) / schema.fps
    return [
        np.round(s * 1e9).astype(np.int64) for s in (taken_s if observed_s is None else observed_s, taken_s)
    ]


def _telemetry(root: Path, part: Path, columns_until_ns: int) -> str | None:
    """Write the control ticks; returns None, or why there are none: "" or the damage, which costs no episode."""
    import pyarrow as pa

    if not (part / TELEMETRY).exists():
        return ""
    try:
        _, ticks = read_journal(part / TELEMETRY)
    except DataError as error:
        if passing(error):
            raise
        return str(error).replace(f"{part}/", "")
    if ticks.dtype.names and "t_ns" in ticks.dtype.names:
        ticks = ticks[ticks["t_ns"] <= columns_until_ns]
    columns = {}
    for name in ticks.dtype.names or ():
        values = np.ascontiguousarray(ticks[name])
        flat = pa.array(values.reshape(-1))
        columns[name] = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    tables.write_parquet(root, part / "telemetry.parquet", pa.table(columns))
    return None


def _tasks(root: Path) -> list[str]:
    path = root / layout.TASKS
    return tables.read_tasks(path, inside=root) if path.exists() else []


def publish(root: Path, done: Path) -> int:
    """Move the files of a finished episode into place and count it; skips what was done before.

    LeRobot's own order, info.json last. Returns the episode's number. Raises DataError: MisplacedError when number or
    places are another's by now.
    """
    with as_data_error(f"{done} could not be moved into place and waits"):
        return _publish(root, done)


def _publish(root: Path, done: Path) -> int:
    rooted.check(root, done / layout.PLAN)
    plan, info = read_json(done / layout.PLAN, inside=root), read_info(root)
    try:
        index, task = int(plan["episode"]), str(plan["task"])
        number = None if plan.get("task_index") is None else int(plan["task_index"])
        moves = {str(name): str(target) for name, target in plan["moves"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{done / layout.PLAN} is damaged: {error}") from error
    _check_moves(done / layout.PLAN, moves, index, info.schema)
    _check_free(root, done, index - info.episodes, moves)
    tasks = _tasks(root)
    fresh = task not in tasks
    if fresh:
        tasks.append(task)
    if number not in (None, tasks.index(task)):
        raise MisplacedError(f"{done}: task {task!r} now has another number in the dataset")
    if fresh:
        tables.write_table_whole(root, root / layout.TASKS, tables.tasks_table(tasks))
    for name, target in moves.items():
        _move(root, done / name, root / target)
    if index == info.episodes:
        (episode,) = tables.read_episodes(
            root / moves["episode.parquet"], [f.key for f in info.schema.videos], stats=True, inside=root
        )
        _count(root, info, episode, len(tasks))
    _leave(root, done)
    return index


def _check_free(root: Path, done: Path, ahead: int, moves: Mapping[str, str]) -> None:
    """Raise MisplacedError unless the episode is the next one (`ahead` is 0), or is counted and all of it in place."""
    waiting = {name: target for name, target in moves.items() if rooted.has_file(root, done / name)}
    if ahead > 0 or (ahead < 0 and waiting):
        raise MisplacedError(f"{done}: the dataset was changed meanwhile, and its number is taken")
    taken = [
        target
        for name, target in waiting.items()
        if name != "notes.json" and rooted.has_file(root, root / target)
    ]
    if taken:
        raise MisplacedError(f"{done}: {taken[0]} is already in the dataset")


def _leave(root: Path, done: Path) -> None:
    """Remove the staging folder of an episode that is in its place, or put aside what of it is in no place."""
    if rooted.has_file(root, done / aside.REASON):
        aside.move_aside(root, done)
        return
    gone = done.with_suffix(layout.GONE)
    rooted.remove_tree(root, gone)
    rooted.move(root, done, gone)  # so that a half-removed folder is never taken for a finished episode
    rooted.remove_tree(root, gone)


def _check_moves(plan: Path, moves: Mapping[str, str], index: int, schema: Schema) -> None:
    """Check that a plan names the places of its own episode, each for its own file, and no others. DataError."""
    place = layout.file_place_of(moves.get("episode.parquet", ""))
    if place is None:
        raise DataError(f"{plan} is damaged: it gives no place for the episode's line")
    places = {
        "data.parquet": layout.data_file(place),
        "episode.parquet": layout.episode_file(place),
        "telemetry.parquet": layout.telemetry_file(place),
        "notes.json": layout.notes_file(index),
        "levels.json": layout.levels_file(index),
    } | {video_name(i): layout.video_file(f.key, place) for i, f in enumerate(schema.videos)}
    for name, target in moves.items():
        if places.get(name) != target:
            raise DataError(f"{plan} is damaged: {target!r} is not a place for {name!r}")


def _move(root: Path, source: Path, target: Path) -> None:
    if rooted.has_file(root, source):
        rooted.move(root, source, target, replace=source.suffix == ".json")
    elif not rooted.has_file(root, target):
        raise MisplacedError(f"{source} is missing and so is {target}")


def _count(root: Path, info: Info, episode: Episode, tasks: int) -> None:
    """Count one episode more in totals and statistics; statistics that count it already stay as they are."""
    path = root / layout.STATS
    before = read_json(path, inside=root) if path.exists() and info.episodes else {}
    counted = _frames_in(before)
    if counted == info.frames:
        grown_stats = aggregate([before, episode.stats] if before else [episode.stats])
        write_json(path, grown_stats, indent=1, root=root)
    elif counted != info.frames + episode.length:
        lines = tables.all_episodes(root, info, stats=True)
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
