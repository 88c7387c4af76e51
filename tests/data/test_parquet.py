"""Parquet files of others: what unpacks to gigabytes is refused by its pages, whatever the footer says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from motorium.data.format import parquet
from motorium.errors import DataError

ANYTHING = 1 << 20


@pytest.fixture(name="narrow")
def narrow_bounds(monkeypatch):
    """The bounds a hundred times closer, so that small tables exceed them."""
    for name in ("MAX_GROUP_BYTES", "SPARE_BYTES", "TABLE_BYTES"):
        monkeypatch.setattr(parquet, name, getattr(parquet, name) // 100)


def read(path, columns=None):
    with parquet.opened(path) as file:
        return file.read(columns, max_rows=ANYTHING)


def test_plain_tables_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "a.b": pa.FixedSizeListArray.from_arrays(pa.array(rng.normal(size=3000)), 3),
            "half": pa.array(rng.normal(size=1000).astype(np.float16)),
            "words": pa.array([["x", "yy"][: i % 3] for i in range(1000)]),
            "pictures": pa.array([rng.bytes(2000) for _ in range(1000)]),
            "said": pa.array(["left", None, "right", "left"] * 250).dictionary_encode(),
        }
    ).replace_schema_metadata({"huggingface": "{}"})
    path = tmp_path / "plain.parquet"
    for options in (
        {},
        {"use_dictionary": False, "data_page_version": "2.0", "compression": "zstd"},
        {"row_group_size": 7, "compression": "none", "data_page_size": 100, "write_page_index": True},
    ):
        pq.write_table(table, path, **options)
        found = read(path)
        assert found.to_pydict() == table.to_pydict()
        assert found["said"].type == pa.string()
        assert found.schema.metadata == {b"huggingface": b"{}"}
        assert read(path, ["words"]).column_names == ["words"]


@pytest.mark.usefixtures("narrow")
def test_a_row_that_holds_far_too_many_numbers_is_refused(tmp_path):
    count = parquet.MAX_GROUP_BYTES // 8 + 1
    numbers = pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), pa.array(np.zeros(count, np.int8)))
    path = tmp_path / "long.parquet"
    pq.write_table(pa.table({"a": numbers, "b": pa.array([1])}), path)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match=f"{count} values of 8 bytes"):
        read(path)
    assert read(path, ["b"]).to_pydict() == {"b": [1]}


BOMBS = {
    "one text again and again": ({"a": ["x" * (80 << 10)] * 40}, {}, "unpacks to more than"),
    "a list of one text again and again": (
        {"a": [["x" * (10 << 10)] * 600]},
        {},
        "600 values of 10240 bytes",
    ),
    "texts that compress": (
        {"a": [f"{i}" + "x" * (80 << 10) for i in range(20)]},
        {"use_dictionary": False, "compression": "zstd"},
        "bytes unpack",
    ),
    "texts that repeat the one before": (
        {"a": ["x" * 100, "x" * 101]},
        {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}},
        "encoding 7",
    ),
}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_unpacks_to_much_is_refused(tmp_path, bomb):
    columns, options, words = BOMBS[bomb]
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table(columns), path, **{"compression": "zstd", **options})
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=words):
        read(path)


def test_more_rows_than_asked_for_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "many.parquet"
    pq.write_table(pa.table({"a": np.zeros(2 * ANYTHING, np.int8)}), path)
    with pytest.raises(DataError, match=f"at most {ANYTHING}"):
        read(path)


def test_damage_anywhere_is_named_or_harmless(tmp_path):
    """Bytes of the file are changed, pages and footer alike: a table comes out, or a DataError."""
    path = tmp_path / "damaged.parquet"
    table = pa.table({"a": [[1.0, 2.0]] * 50, "b": ["left", "right"] * 25})
    pq.write_table(table, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    refused = 0
    for turn in range(300):
        content = bytearray(whole[: rng.integers(len(whole))] if turn % 10 == 0 else whole)
        for place in rng.integers(0, len(content), 1 + turn % 4) if content else ():
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            read(path)
        except DataError:
            refused += 1
    assert refused > 100


def test_groups_of_rows_are_chosen_by_what_the_footer_says(tmp_path):
    path = tmp_path / "many.parquet"
    table = pa.table({"episode_index": np.repeat(np.arange(50), 4), "a": np.arange(200)})
    pq.write_table(table, path, row_group_size=8)
    with parquet.opened(path) as file:
        groups = file.groups_with("episode_index", 7)
        found = pa.Table.from_batches(file.iter_batches(100, columns=["a"], row_groups=groups))
        assert len(groups) == 1
        assert set(range(28, 32)) <= set(found["a"].to_pylist())
        assert file.groups_with("episode_index", 99) == []
        assert not sum(len(batch) for batch in file.iter_batches(100, columns=["a"], row_groups=[]))
        assert len(file.groups_with("unknown", 7)) == 25


def test_a_file_that_is_replaced_is_taken_apart_anew(tmp_path):
    path = tmp_path / "a.parquet"
    for count in (10, 20):
        pq.write_table(
            pa.table({"a": np.arange(count)}), path, row_group_size=count // 5 if count == 10 else 20
        )
        assert len(read(path)) == count
