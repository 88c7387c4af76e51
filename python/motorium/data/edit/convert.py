"""Convert between the versions of LeRobot's format, offline: v2.0 and v2.1 to v3.0, v3.0 to v2.1, bit for bit.

v2.1 (lerobot 0.3, `datasets/utils.py`): one parquet and one mp4 per episode, jsonl files under meta/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ... import rooted
from ...errors import DataError
from ...files import write_json, write_whole
from ..format import layout, tables
from ..format.dataset import Dataset
from ..format.schema import Info
from ..format.stats import keep_levels
from .build import Pick, beside, build, carried_rows, copy_video, keep_telemetry
from .edits import everything

LINES = ("meta/episodes.jsonl", "meta/tasks.jsonl", "meta/episodes_stats.jsonl")


def convert(dataset: Dataset, to: str, target: Path) -> None:
    """Write `dataset` as version `to`, "v3.0" or "v2.1". Raises DataError; `target` must not exist."""
    if to == layout.VERSION:
        build(target, dataset.schema, [Pick(dataset, everything(dataset))])
    elif to == layout.VERSION_OLD:
        _write_old(dataset, target)
    else:
        raise DataError(f"cannot write version {to!r}; known: v3.0, v2.1")


def _write_old(dataset: Dataset, target: Path) -> None:
    try:
        with beside(target) as work:
            _fill_old(dataset, work)
    except OSError as error:
        raise DataError(f"cannot write beside {target}: {error.strerror}") from error


def _fill_old(dataset: Dataset, root: Path) -> None:
    schema, lines, all_stats = dataset.schema, [], []
    for episode, rows in dataset.stream():
        place = {"episode_chunk": episode.index // layout.CHUNK, "episode_index": episode.index}
        tables.write_parquet(
            root,
            root / layout.fill(layout.DATA_PATTERN_OLD, **place),
            tables.data_table(schema, rows, carried_rows(dataset, episode, rows)),
        )
        for feature in schema.videos:
            path = root / layout.fill(layout.VIDEO_PATTERN_OLD, video_key=feature.key, **place)
            rooted.reserve(root, path)
            copy_video(dataset, episode, feature.key, path)
        notes = dataset.notes(episode)
        if notes:
            write_json(root / layout.notes_file(episode.index), notes, root=root)
        keep_levels(root, root / layout.levels_file(episode.index), dataset.histograms(episode))
        keep_telemetry(root, dataset, episode, layout.FilePlace.number(episode.index))
        lines.append({"episode_index": episode.index, "tasks": list(episode.tasks), "length": episode.length})
        all_stats.append({"episode_index": episode.index, "stats": dataset.stats(episode)})
    dataset.check_place()
    tasks = [{"task_index": i, "task": task} for i, task in enumerate(dataset.tasks)]
    for name, content in zip(LINES, (lines, tasks, all_stats), strict=True):
        _write_lines(root, root / name, content)
    info = Info(
        schema, layout.VERSION_OLD, len(lines), dataset.frames, len(tasks), layout.DATA_PATTERN_OLD,
        layout.VIDEO_PATTERN_OLD, splits=dataset.info.splits, more=dataset.info.more,
    ).as_json()  # fmt: skip
    for key in ("data_files_size_in_mb", "video_files_size_in_mb"):
        del info[key]
    info["total_chunks"] = -(-len(lines) // layout.CHUNK)
    info["total_videos"] = len(lines) * len(schema.videos)
    write_json(root / layout.INFO, info, indent=4, root=root)


def _write_lines(root: Path, path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    write_whole(path, lambda file: file.write(text.encode("utf-8")), root=root)
