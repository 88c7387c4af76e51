"""Datasets and checkpoints made to harm: each verb ends with one clear error, and nothing outside is written."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import data_samples
import hostile_files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.check.judge import check
from motorium.data.format import parquet
from motorium.data.format.dataset import Dataset
from motorium.data.format.whole_stats import stats_of
from motorium.errors import MotoriumError


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return data_samples.write(tmp_path_factory.mktemp("good") / "d", ("push", "pull"), seconds=1)


def _info(root: Path, **changes: object) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _first(root: Path, folder: str, suffix: str) -> Path:
    return sorted((root / folder).rglob(f"*{suffix}"))[0]


def _million(root: Path) -> None:
    path = _first(root, "meta/episodes", ".parquet")
    table = pq.read_table(path)
    plain = table.select([name for name in table.column_names if not name.startswith("stats/")])
    pq.write_table(plain.take(pa.array([0] * 1_000_000)), path, compression="zstd")


def _words(root: Path) -> None:
    path = root / "meta/tasks.parquet"
    table = pq.read_table(path)
    bomb = pa.table({"task_index": range(20), "task": ["x" * (1 << 20)] * 20})
    pq.write_table(bomb.replace_schema_metadata(table.schema.metadata), path, compression="zstd")


def _pipe(folder: str, suffix: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = _first(root, folder, suffix)
        path.unlink()
        os.mkfifo(path)

    return change


def _long_row(root: Path) -> None:
    """The first row of a column stands for nearly a million numbers."""
    path = _first(root, "data", ".parquet")
    table = pq.read_table(path)
    count = 800_000
    offsets = pa.array(np.array([0, *(count + 6 * k for k in range(len(table)))], np.int32))
    numbers = pa.ListArray.from_arrays(offsets, pa.array(np.zeros(count + 6 * len(table), np.int8)))
    place = table.column_names.index("action")
    bomb = table.set_column(place, "action", numbers)
    pq.write_table(bomb.replace_schema_metadata(None), path, compression="zstd")


def _late(root: Path) -> None:
    path = _first(root, "meta/episodes", ".parquet")
    table = pq.read_table(path)
    name = next(name for name in table.column_names if name.endswith("from_timestamp"))
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, pa.array([float("inf")] * len(table))), path)


MADE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a name of a million digits": (
        lambda root: _info(root, data_path="data/{chunk_index:01000000d}.parquet"),
        "not a path pattern",
    ),
    "videos of a wide name": (
        lambda root: _info(root, video_path="{video_key}/{episode_index:0999999999d}.mp4"),
        "not a path pattern",
    ),
    "a pattern without end": (
        lambda root: _info(root, data_path="{file_index}" * 100_000),
        "not a path pattern",
    ),
    "a pattern that leads out": (lambda root: _info(root, data_path="../d.parquet"), "outside the dataset"),
    "a million lines about episodes": (_million, "1000000 rows; at most"),
    "words that unpack to much": (_words, "unpacks to more than"),
    "info.json is a pipe": (_pipe("meta", "info.json"), "no meta/info.json|a FIFO"),
    "tasks are a pipe": (_pipe("meta", "tasks.parquet"), "a FIFO"),
    "half a letter": (lambda root: _info(root, robot_type="so101\ud800"), "not Unicode text"),
    "frames beyond all numbers": (lambda root: _info(root, total_frames=10**30), "beyond 64 bits"),
    "an infinite rate": (lambda root: _info(root, fps=float("inf")), "Infinity is not a JSON number"),
    "an infinite time": (_late, "inf"),
}


@pytest.mark.parametrize("made", MADE)
def test_every_verb_refuses_it_with_its_cause(tmp_path, monkeypatch, good, made):
    monkeypatch.setattr(parquet, "TABLE_BYTES", parquet.TABLE_BYTES // 10)
    change, words = MADE[made]
    root = tmp_path / "d"
    shutil.copytree(good, root)
    change(root)
    before = sorted(path.name for path in tmp_path.iterdir())
    out = str(tmp_path / "out")
    for verb in (
        ["data", "info", str(root)],
        ["data", "check", str(root)],
        ["data", "convert", str(root), "--to", "v2.1", "--out", out],
        ["data", "delete", str(root), "--episodes", "0", "--out", out],
        ["data", "view", str(root), "--out", str(tmp_path / "out.html")],
        ["data", "repair", str(root)],
        ["teleop", "sim:so101", "--leader", "replay", "--dataset", str(root), "--seconds", "0.5"],
    ):
        done = CliRunner().invoke(main, verb)
        assert done.exit_code == 2, f"{verb}: {done.output}"
        assert any(word in done.output for word in words.split("|")), f"{verb}: {done.output}"
        assert done.output.count("\n") < 5
    assert sorted(path.name for path in tmp_path.iterdir()) == before


ROWS: dict[str, tuple[Callable[[Path], None], str]] = {
    "rows are a pipe": (_pipe("data", ".parquet"), "is a FIFO"),
    "a video is a pipe": (_pipe("videos", ".mp4"), "is a FIFO"),
    "a row of many numbers": (_long_row, "action"),
}


@pytest.mark.parametrize("made", ROWS)
def test_what_is_wrong_with_rows_and_pictures_is_found(tmp_path, monkeypatch, good, made):
    monkeypatch.setattr(parquet, "MAX_GROUP_BYTES", parquet.MAX_GROUP_BYTES // 100)
    change, words = ROWS[made]
    root = tmp_path / "d"
    shutil.copytree(good, root)
    change(root)
    done = CliRunner().invoke(main, ["data", "check", str(root)])
    assert done.exit_code in (1, 2)
    assert words in done.output
    done = CliRunner().invoke(
        main, ["data", "delete", str(root), "--episodes", "1", "--out", str(tmp_path / "o")]
    )
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "endless", "folder"])
def test_a_checkpoint_whose_files_are_none_is_refused(tmp_path, file, kind):
    import nano_samples

    from motorium.policies.nano.checkpoint import save_checkpoint

    sample = nano_samples.descriptor(nano_samples.SMALL)
    folder = save_checkpoint(tmp_path / "c", sample, nano_samples.weights(sample))
    path = folder / file
    path.unlink()
    {"pipe": os.mkfifo, "endless": lambda p: p.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind](path)
    done = CliRunner().invoke(main, ["eval", str(folder), "--episodes", "1"])
    assert done.exit_code == 2
    assert any(word in done.output for word in ("is a FIFO", "/dev/zero", "is a folder")), done.output


def test_damaged_descriptions_are_refused_or_sound(tmp_path, good):
    """info.json changed in its values, and below the level of values: what is wrong is a DataError, or a finding."""
    root = tmp_path / "d"
    shutil.copytree(good, root)
    path = root / "meta/info.json"
    text, source, refused = path.read_text(), random.Random(5), 0
    for turn in range(hostile_files.runs(15)):
        document = json.loads(text)
        hostile_files.mutate_document(document, source)
        path.write_bytes(
            hostile_files.mutate_text(text, source) if turn % 3 == 0 else json.dumps(document).encode()
        )
        try:
            found = Dataset.open(root)
            if turn % 5 == 0:
                check(root, pictures=False)
            for episode in found.episodes:
                found.rows(episode)
                found.stats(episode)
        except MotoriumError:
            refused += 1
    assert refused > 3


@pytest.mark.parametrize("file", ["meta/stats.json", "meta/motorium/episode-000000.json"])
def test_damaged_documents_of_a_dataset_are_refused_or_sound(tmp_path, good, file):
    root = tmp_path / "d"
    shutil.copytree(good, root)
    path = root / file
    text, source = path.read_text(), random.Random(6)
    for turn in range(hostile_files.runs(6)):
        document = json.loads(text)
        hostile_files.mutate_document(document, source)
        path.write_bytes(
            hostile_files.mutate_text(text, source) if turn % 3 == 0 else json.dumps(document).encode()
        )
        with contextlib.suppress(MotoriumError):
            check(root, pictures=False)
        with contextlib.suppress(MotoriumError):
            stats_of(Dataset.open(root))
