"""Recompute stored statistics from the rows: stale after an edit by another program, or missing in an older format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...files import write_whole
from ..format import layout, parquet, tables, whole_stats
from ..format.dataset import Dataset
from ..format.lock import Lock
from ..format.schema import DERIVED
from ..format.stats import PictureStats, Stats, column_stats, keep_levels, without_levels
from ..format.tables import Episode, Rows

OLD_STATS = "meta/episodes_stats.jsonl"


@dataclass(frozen=True)
class Restat:
    """What was written.

    Attributes:
        episodes: how many have statistics of their own now.
        files: that were replaced, relative to the dataset.
    """

    episodes: int
    files: tuple[str, ...]


def restat(root: Path, on_progress: Callable[[int, int], None] | None = None) -> Restat:
    """Write the statistics of every episode and of the dataset anew, under its lock; each file is replaced whole.

    Those of pictures are kept where there is a histogram too; else every fourth picture is looked at, so that those of
    the dataset become exact.

    Args:
        root: the dataset.
        on_progress: called with (episodes done, of how many).

    Raises DataError: no dataset, in use, without a row, damaged. Then files that were not reached are as they were.
    """
    with Lock(root):
        dataset = Dataset.open(root)
        found: dict[int, Mapping[str, Stats]] = {}
        if dataset.info.version != "v2.0":  # which has none of episodes
            for episode, rows in dataset.stream():
                found[episode.index] = _of(dataset, episode, rows)
                if on_progress is not None:
                    on_progress(len(found), len(dataset.episodes))
            missing = [episode.index for episode in dataset.episodes if episode.index not in found]
            if missing:
                raise DataError(f"{root}: there is no row of episode {missing[0]}; nothing was written")
        files = _write_lines(dataset, found)
        if dataset.info.version != layout.VERSION_OLD:
            whole_stats.write(Dataset.open(root))
            files.append(layout.STATS)
        return Restat(len(found), tuple(files))


def _of(dataset: Dataset, episode: Episode, rows: Rows) -> dict[str, Stats]:
    out = dict(dataset.stats(episode))
    out |= {f.key: column_stats(rows[f.key]) for f in (*dataset.schema.columns, *DERIVED)}
    levels = dataset.histograms(episode)
    for feature in dataset.schema.videos:
        if feature.key not in levels:
            seen = whole_stats.decoded_stats(dataset, episode, feature.key)
            levels[feature.key] = seen.result()
        elif "q50" not in out.get(feature.key, {}):
            seen = PictureStats()
            seen.merge(levels[feature.key])
        else:
            continue
        out[feature.key] = without_levels(seen.result())
    if dataset.info.version == layout.VERSION:
        keep_levels(dataset.root, dataset.root / layout.levels_file(episode.index), levels)
    return out


def _write_lines(dataset: Dataset, found: Mapping[int, Mapping[str, Stats]]) -> list[str]:
    root = dataset.root
    if dataset.info.version == layout.VERSION_OLD:
        lines = [{"episode_index": index, "stats": stats} for index, stats in sorted(found.items())]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_whole(root / OLD_STATS, lambda file: file.write(text.encode("utf-8")), root=root)
        return [OLD_STATS]
    written = []
    for path in sorted((root / layout.EPISODES).glob("chunk-*/file-*.parquet")) if found else ():
        with parquet.opened(path, root) as file:
            table = file.read(max_rows=tables.MAX_EPISODES)
        tables.write_table_whole(root, path, tables.with_stats(table, found))
        written.append(str(path.relative_to(root)))
    return written
