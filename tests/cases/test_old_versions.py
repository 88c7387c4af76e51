"""Datasets of LeRobot's older formats: their folders are found by their own `chunks_size`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import data_samples
import pytest

from motorium.data.check.judge import check
from motorium.data.edit import convert
from motorium.data.edit import edits as edit
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.errors import DataError

TASKS = ("put it away", "put it back", "put it away", "wave", "wave")
FRONT = data_samples.CAMERAS[0]


def rechunked(root: Path, size: int) -> Path:
    """Lay the files of a v2.1 dataset out in folders of `size` episodes, as its info.json then says."""
    path = root / layout.INFO
    info = json.loads(path.read_text())
    info["chunks_size"] = size
    path.write_text(json.dumps(info))
    for file in sorted([*root.glob("data/chunk-000/*"), *root.glob("videos/chunk-000/*/*")]):
        chunk = int(file.stem.removeprefix("episode_")) // size
        target = Path(str(file).replace("chunk-000", f"chunk-{chunk:03d}"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, target)
    return root


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return data_samples.write(
        tmp_path_factory.mktemp("ours") / "d", TASKS, seconds=1.2, cameras=data_samples.CAMERAS[:1]
    )


@pytest.mark.nightly
@pytest.mark.parametrize("size", [1, 2])
def test_episodes_are_looked_for_where_chunks_size_says(written, tmp_path, size):
    convert.convert(Dataset.open(written), "v2.1", tmp_path / "old")
    old = Dataset.open(rechunked(tmp_path / "old", size))
    assert old.info.chunks_size == size
    assert check(old.root).findings == ()
    assert data_samples.content(old) == data_samples.content(Dataset.open(written))
    convert.convert(old, "v3.0", tmp_path / "new")
    assert data_samples.content(Dataset.open(tmp_path / "new")) == data_samples.content(old)
    edit.delete(old, frozenset({1}), tmp_path / "fewer")
    assert len(Dataset.open(tmp_path / "fewer").episodes) == len(TASKS) - 1


def test_what_is_written_says_the_same_size(written):
    info = Dataset.open(written).info
    assert info.as_json()["chunks_size"] == info.chunks_size == 1000


@pytest.mark.parametrize("size", [0, -2, 10**9, None, "many"])
def test_a_size_that_is_none_is_refused(written, tmp_path, size):
    root = tmp_path / "d"
    shutil.copytree(written / "meta", root / "meta")
    info = json.loads((root / layout.INFO).read_text())
    (root / layout.INFO).write_text(json.dumps({**info, "chunks_size": size}))
    with pytest.raises(DataError, match=r"chunks_size|TypeError|ValueError"):
        Dataset.open(root)
