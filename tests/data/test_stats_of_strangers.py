"""Statistics that others stored: what is none counts as absent, and never ends an edit or a recording."""

from __future__ import annotations

import copy
import json
import random
import warnings
from pathlib import Path

import hostile_files
import numpy as np
import pytest

from motorium.data.format.stats import aggregate, column_stats

GOOD = {"a": column_stats(np.arange(12.0).reshape(6, 2))}
ODD = {
    "ragged": ("max", [[1.0], 2.0]),
    "another shape": ("max", [1.0]),
    "texts": ("mean", ["x", "y"]),
    "NaN": ("std", [float("nan"), 1.0]),
    "no count": ("count", []),
    "a negative count": ("count", [-3]),
    "nothing": ("min", None),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_statistics_counts_as_absent(odd):
    name, value = ODD[odd]
    bad = copy.deepcopy(GOOD) | {"b": 3}
    bad["a"][name] = value
    assert aggregate([bad, GOOD]) == GOOD
    assert aggregate([GOOD, bad]) == GOOD
    assert aggregate([bad]) == {}


def test_sums_beyond_all_numbers_are_left_out():
    far = {"a": column_stats(np.full((3, 1), 1e300)), "b": GOOD["a"]}
    near = {"a": column_stats(np.full((3, 1), -1e300)), "b": GOOD["a"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(aggregate([far, near])) == ["b"]


def test_damaged_statistics_are_told_apart():
    source = random.Random(3)
    for _ in range(hostile_files.runs(300)):
        bad = copy.deepcopy(GOOD)
        hostile_files.mutate_document(bad, source)
        found = aggregate([bad, GOOD])
        json.dumps(found, allow_nan=False)
        assert found["a"]["count"][0] >= 6


def test_an_episode_is_published_beside_a_strangers_stats(tmp_path: Path):
    pytest.importorskip("pyarrow")
    import data_samples

    from motorium.data.format.dataset import Dataset

    root = data_samples.write(tmp_path / "d", ("a",), seconds=1, cameras=())
    path = root / "meta/stats.json"
    said = json.loads(path.read_text())
    said["action"]["max"] = [[1], 2]
    path.write_text(json.dumps(said))
    data_samples.write(root, ("a",), seconds=1, cameras=())
    assert len(Dataset.open(root).episodes) == 2
    assert np.shape(json.loads(path.read_text())["action"]["max"]) == (6,)


def test_edits_carry_no_statistics_that_are_none(tmp_path: Path):
    """Lines of v2.1 hold what a stranger wrote; the new dataset's are computed, or left out."""
    pytest.importorskip("av")
    import data_samples

    from motorium.data.edit.convert import convert
    from motorium.data.edit.edits import delete
    from motorium.data.format.dataset import Dataset

    camera = data_samples.CAMERAS[0]
    root = data_samples.write(tmp_path / "d", ("a", "a"), seconds=1, cameras=(camera,))
    convert(Dataset.open(root), "v2.1", tmp_path / "old")
    path = tmp_path / "old/meta/episodes_stats.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["stats"][camera]["max"] = [0.5, [[0.5]], [[0.5]]]
    path.write_text("\n".join(map(json.dumps, lines)))
    delete(Dataset.open(tmp_path / "old"), frozenset({0}), tmp_path / "new")
    found = Dataset.open(tmp_path / "new")
    assert np.shape(found.stats(found.episodes[0])[camera]["max"]) == (3, 1, 1)
