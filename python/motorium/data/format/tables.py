"""Read and write parquet: rows of episodes, lines about episodes, tasks. Everything read is checked first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import rooted
from ...errors import DataError
from ...files import write_whole
from .layout import EPISODES, FilePlace
from .parquet import MAX_ROWS, TABLE_BYTES, opened
from .schema import DERIVED, Feature, Info, Schema
from .stats import LEVELS, Stats

if TYPE_CHECKING:
    import pyarrow as pa

MAX_EPISODES = 200_000
"""Most episodes of a dataset; each costs a kilobyte in memory."""
LATEST_S = 1e9
Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class VideoPlace:
    """The place of one camera's frames in one episode."""

    file: FilePlace
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Episode:
    """The line about one episode.

    Attributes:
        index: its number.
        tasks: what was to be done in it.
        length: rows.
        start: number of its first row in the dataset.
        data: the file of its rows.
        videos: camera key -> place.
        stats: feature key -> statistics.
    """

    index: int
    tasks: tuple[str, ...]
    length: int
    start: int
    data: FilePlace
    videos: Mapping[str, VideoPlace] = field(default_factory=dict)
    stats: Mapping[str, Stats] = field(default_factory=dict)

    @property
    def stop(self) -> int:
        """Number of the first row after it."""
        return self.start + self.length


def write_parquet(root: Path, path: Path, table: pa.Table) -> None:
    """Write a file of its own below `root`; the caller makes it durable. DataError: a full disk, or a link."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with rooted.create(root, path) as file:
            pq.write_table(table, file, compression="snappy")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot write {path}: {error}") from error


def column(values: NDArray[Any], feature: Feature) -> pa.Array:
    """Return an arrow column as LeRobot stores a feature: plain for shape (1,), else lists of fixed size."""
    import pyarrow as pa

    flat = np.ascontiguousarray(values, dtype=feature.numpy.newbyteorder("=")).reshape(len(values), -1)
    out = pa.array(flat.ravel())
    if feature.shape == (1,):
        return out
    for size in reversed(feature.shape):
        out = pa.FixedSizeListArray.from_arrays(out, size)
    return out


def numbers(array: pa.ChunkedArray | pa.Array, feature: Feature) -> NDArray[Any]:
    """Return (N, *shape) from an arrow column; DataError when kind or sizes are not as declared."""
    import pyarrow as pa

    count, lists = len(array), (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    while pa.types.is_nested(whole.type):
        if not any(is_list(whole.type) for is_list in lists):
            raise DataError(f"{feature.key} is {whole.type}, not {feature.dtype}")
        if whole.null_count:
            raise DataError(f"{feature.key} has empty rows")
        whole = whole.flatten()
    if whole.null_count or not (pa.types.is_primitive(whole.type) and not pa.types.is_temporal(whole.type)):
        raise DataError(f"{feature.key} is {whole.type}, not {feature.dtype}")
    values = whole.to_numpy(zero_copy_only=False)
    if len(values) != count * feature.size:
        raise DataError(f"{feature.key}: {len(values)} values in {count} rows of shape {list(feature.shape)}")
    return np.asarray(values, dtype=feature.numpy).reshape(count, *feature.shape)


def derived(episode: int, start: int, length: int, fps: int, task: int | NDArray[Any]) -> Rows:
    """Return the columns that follow from the place of a row. `timestamp` is LeRobot's: frame_index / fps."""
    frame = np.arange(length, dtype=np.int64)
    return {
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(length, episode, dtype=np.int64),
        "index": start + frame,
        "task_index": np.broadcast_to(np.asarray(task, dtype=np.int64).reshape(-1), (length,)),
    }


def data_table(
    schema: Schema, rows: Mapping[str, NDArray[Any]], carried: Mapping[str, Any] | None = None
) -> pa.Table:
    """Join all numeric columns, those that are copied as they are, and the derived ones."""
    import pyarrow as pa

    columns = {f.key: column(rows[f.key], f) for f in schema.columns} | dict(carried or {})
    return pa.table(columns | {f.key: column(rows[f.key], f) for f in DERIVED})


def carried_columns(
    path: Path, keys: Sequence[str], episode: int, wanted: NDArray[np.int64]
) -> dict[str, Any]:
    """Read texts and pictures of an episode's `wanted` rows as arrow arrays. DataError: not all are there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with opened(path) as file:
        missing = [key for key in keys if key not in file.schema_arrow.names]
        if missing:
            raise DataError(f"{path} has no column {missing[0]!r}")
        batches = file.iter_batches(
            256, columns=[*keys, "episode_index"], row_groups=file.groups_with("episode_index", episode)
        )
        parts, size = [], 0
        for batch in batches:
            parts.append(batch.filter(pc.equal(batch.column("episode_index"), episode)))
            size += parts[-1].nbytes
            if size > TABLE_BYTES + 4 * path.stat().st_size:
                raise DataError(f"{path}: episode {episode} unpacks to {size >> 20} MB, which is too much")
    if not parts:
        raise DataError(f"{path} has no row of episode {episode}")
    whole = pa.Table.from_batches(parts)
    if len(wanted) and (wanted.min() < 0 or wanted.max() >= len(whole)):
        raise DataError(f"{path}: episode {episode} has {len(whole)} rows of {keys[0]}")
    taken = whole.take(pa.array(wanted))
    return {key: taken[key] for key in keys}


def episode_table(episodes: Sequence[tuple[Episode, FilePlace]]) -> pa.Table:
    """Write lines of meta/episodes, each with the place of its own file, in LeRobot's order of columns."""
    import pyarrow as pa

    lines = []
    for episode, own in episodes:
        line: dict[str, Any] = {
            "episode_index": episode.index,
            "tasks": list(episode.tasks),
            "length": episode.length,
            "data/chunk_index": episode.data.chunk,
            "data/file_index": episode.data.file,
            "dataset_from_index": episode.start,
            "dataset_to_index": episode.stop,
        }
        for key, place in episode.videos.items():
            line[f"videos/{key}/chunk_index"] = place.file.chunk
            line[f"videos/{key}/file_index"] = place.file.file
            line[f"videos/{key}/from_timestamp"] = place.from_s
            line[f"videos/{key}/to_timestamp"] = place.to_s
        for key, stats in episode.stats.items():
            line |= {f"stats/{key}/{name}": value for name, value in stats.items() if name != LEVELS}
        line |= {"meta/episodes/chunk_index": own.chunk, "meta/episodes/file_index": own.file}
        lines.append(line)
    columns = {key: [line[key] for line in lines] for key in lines[0]}
    kinds = {key: _arrow_type(values).value_type for key, values in columns.items()}
    kinds["tasks"] = pa.list_(pa.string())  # also where there is none
    return pa.table({key: pa.array(values, kinds[key]) for key, values in columns.items()})


def with_stats(table: pa.Table, stats: Mapping[int, Mapping[str, Stats]]) -> pa.Table:
    """Put the statistics of `stats`, episode -> feature -> statistics, into lines of meta/episodes that they have."""
    import pyarrow as pa

    lines = [
        {f"stats/{key}/{name}": value for key, one in stats[index].items() for name, value in one.items()}
        for index in table["episode_index"].to_pylist()
    ]
    names = dict.fromkeys(name for line in lines for name in line)
    table = table.drop_columns([name for name in names if name in table.column_names])
    for name in names:
        values = [line.get(name) for line in lines]
        kind = _arrow_type([value for value in values if value is not None]).value_type
        table = table.append_column(name, pa.array(values, kind))
    return table


def _arrow_type(values: Any) -> Any:
    """Return arrow's type for nested lists; when it finds it by itself, it tries to import dateutil every time."""
    import pyarrow as pa

    if not isinstance(values, list):
        kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
        return kinds[type(values)] if type(values) in kinds else pa.scalar(values).type
    found = list(dict.fromkeys(_arrow_type(value) for value in values))
    whole = str(found[0]).replace("int64", "double") if found else ""
    inner = next((kind for kind in found if str(kind) == whole), found[0] if found else pa.float64())
    return pa.list_(inner)


def read_episodes(
    path: Path, videos: Sequence[str], *, stats: bool = False, inside: Path | None = None
) -> list[Episode]:
    """Read all lines of one file of meta/episodes; statistics are large and only read when asked for.

    `inside` is the dataset that the file belongs to. Raises DataError.
    """
    with opened(path, inside) as file:
        names = [name for name in file.names if stats or not name.startswith("stats/")]
        lines = file.read(names, max_rows=MAX_EPISODES).to_pylist()
    try:
        return [checked_episode(_episode(line, videos)) for line in lines]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: {type(error).__name__} {error}") from error


def all_episodes(root: Path, info: Info, *, stats: bool = False) -> list[Episode]:
    """Read every line of meta/episodes, in order, with their statistics if asked for. Raises DataError."""
    keys = [f.key for f in info.schema.videos]
    paths = sorted((root / EPISODES).glob("chunk-*/file-*.parquet"))
    return sorted(
        (line for path in paths for line in read_episodes(path, keys, stats=stats, inside=root)),
        key=lambda e: e.index,
    )


def checked_episode(episode: Episode) -> Episode:
    """Return the line when its numbers can be meant. Raises ValueError."""
    numbers = (episode.index, episode.start, episode.data.chunk, episode.data.file, episode.length)
    if min(numbers) < 0 or max(numbers) > 1 << 53 or episode.length > MAX_ROWS:
        raise ValueError(f"episode {episode.index} of {episode.length} rows from {episode.start} on")
    for key, place in episode.videos.items():
        if not all(math.isfinite(end) and abs(end) <= LATEST_S for end in (place.from_s, place.to_s)):
            raise ValueError(f"episode {episode.index}: {key} from {place.from_s} to {place.to_s} s")
    return episode


def _episode(line: Mapping[str, Any], videos: Sequence[str]) -> Episode:
    stats: dict[str, Stats] = {}
    for name, value in line.items():
        if name.startswith("stats/") and value is not None:
            key, _, what = name.removeprefix("stats/").rpartition("/")
            stats.setdefault(key, {})[what] = value
    places = {}
    for key in videos:
        start, stop = (float(line[f"videos/{key}/{end}_timestamp"]) for end in ("from", "to"))
        file = FilePlace(int(line[f"videos/{key}/chunk_index"]), int(line[f"videos/{key}/file_index"]))
        places[key] = VideoPlace(file, start, stop)
    start, length = int(line["dataset_from_index"]), int(line["length"])
    data = FilePlace(int(line["data/chunk_index"]), int(line["data/file_index"]))
    tasks = tuple(str(task) for task in line["tasks"] or ())
    return Episode(int(line["episode_index"]), tasks, length, start, data, places, stats)


def tasks_table(tasks: Sequence[str]) -> pa.Table:
    """Write meta/tasks.parquet: a pandas index named "task" and its column, without needing pandas."""
    import pyarrow as pa

    def described(name: str, kind: str, numpy: str) -> dict[str, Any]:
        return {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy, "metadata": None}

    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [described("task_index", "int64", "int64"), described("task", "unicode", "object")],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    table = pa.table(
        {"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())}
    )
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def read_tasks(path: Path, *, inside: Path | None = None) -> list[str]:
    """Read the tasks in the order of their index, whatever the index column is called.

    `inside` is the dataset that the file belongs to. Raises DataError.
    """
    import pyarrow as pa

    with opened(path, inside) as file:
        kinds = file.schema_arrow
        words = [f.name for f in kinds if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        if kinds.names.count("task_index") != 1 or len(words) != 1:
            raise DataError(f"{path} has columns {kinds.names[:20]}; task_index and one of words are needed")
        table = file.read(["task_index", *words], max_rows=MAX_EPISODES)
    try:  # texts of parquet may be any bytes
        pairs = zip(table["task_index"].to_pylist(), table[words[0]].to_pylist(), strict=True)
        tasks = {int(index): str(task) for index, task in pairs}
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
    if sorted(tasks) != list(range(len(tasks))):
        raise DataError(f"{path}: task_index does not count from 0")
    return [tasks[i] for i in range(len(tasks))]


def write_table_whole(root: Path, path: Path, table: pa.Table) -> None:
    """Replace a parquet file below `root` at once. Raises DataError for a link."""
    import pyarrow.parquet as pq

    write_whole(path, lambda file: pq.write_table(table, file, compression="snappy"), root=root)
