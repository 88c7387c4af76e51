"""Columns of kinds that no dataset has, and texts that are none: an error with the name of the column or file."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.parquet as pq

from motorium.data.format.parquet import opened
from motorium.data.format.schema import Feature
from motorium.data.format.tables import numbers, read_tasks
from motorium.errors import DataError

KINDS = {
    "structs": pa.array([{"x": 1.0}] * 3),
    "lists of structs": pa.array([[{"x": 1.0}]] * 3),
    "maps": pa.array([[("a", 1.0)]] * 3, pa.map_(pa.string(), pa.float64())),
    "texts": pa.array(["1"] * 3),
    "nothing": pa.nulls(3, pa.list_(pa.float64())),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_another_kind_is_named(kind):
    with pytest.raises(DataError, match="action"):
        numbers(KINDS[kind], Feature("action", "float64", (1,)))


def test_tasks_that_are_no_unicode(tmp_path: Path):
    path = tmp_path / "tasks.parquet"
    pq.write_table(pa.table({"task_index": [0], "task": ["a long enough task"]}), path, compression="none")
    path.write_bytes(path.read_bytes().replace(b"long", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(DataError, match=r"tasks\.parquet"):
        read_tasks(path)


def test_a_wide_file_of_many_groups_is_measured_where_it_is_read(tmp_path: Path):
    """Columns are looked for once, and pages are walked of those alone that are wanted."""
    path = tmp_path / "tasks.parquet"
    wide = pa.table({"task_index": [0], "task": ["a"]} | {f"c{i}": [0] for i in range(200)})
    with pq.ParquetWriter(path, wide.schema) as writer:
        for _ in range(3):
            writer.write_table(wide)
    measured = []
    with opened(path) as file:
        look = file._measure_column
        file._measure_column = lambda chunk, column: measured.append(column.path) or look(chunk, column)
        file.read(["task"], max_rows=9)
    assert measured == ["task"] * 3
