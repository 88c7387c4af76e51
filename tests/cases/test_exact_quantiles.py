"""Quantiles of a dataset are those of all its rows and pictures, after every way in which episodes come and go."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import data_samples
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.edit import convert
from motorium.data.edit import edits as edit
from motorium.data.format import layout, whole_stats
from motorium.data.format.dataset import Dataset
from motorium.data.format.stats import QUANTILES, column_stats
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

FRONT = data_samples.CAMERAS[0]
PLACES = (0.0, 1.5, -0.7)
LIGHTS = (20, 230, 90)


def apart(episode: int, k: int, row: dict, images: dict) -> None:
    """Episodes that keep to places and light of their own, and are of other lengths."""
    if k >= 10 + 7 * episode:
        row.clear()
        return
    row["action"] = (row["action"] * 0.1 + PLACES[episode]).astype(np.float32)
    for key, image in images.items():
        images[key] = np.full_like(image, LIGHTS[episode] + k)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours") / "d"
    return data_samples.write(folder, ("t",) * 3, seconds=2, cameras=(FRONT,), change=apart)


def stored(root: Path) -> dict:
    return json.loads((root / layout.STATS).read_text())


def assert_true(root: Path) -> None:
    """Compare stats.json with numpy's quantiles of all rows, and of all pictures that are looked at."""
    dataset, found = Dataset.open(root), stored(root)
    rows = [rows for _, rows in dataset.stream()]
    for key in ("action", "observation.state", "timestamp", "index", "row_s"):
        whole = np.concatenate([part[key] for part in rows]).astype(np.float64)
        assert found[key]["count"] == [dataset.frames]
        np.testing.assert_allclose(found[key]["std"], whole.std(axis=0), atol=1e-12)
        for name, percent in QUANTILES.items():
            wanted = np.quantile(whole, percent / 100, axis=0, method="inverted_cdf")
            np.testing.assert_array_equal(found[key][name], wanted)
    if dataset.schema.videos:
        pictures = np.concatenate(
            [np.stack([im for _, im in dataset.pictures(e, FRONT, every=4)]) for e in dataset.episodes]
        )
        for name, percent in QUANTILES.items():
            wanted = np.quantile(pictures, percent / 100, axis=(0, 1, 2), method="inverted_cdf") / 255
            np.testing.assert_allclose(np.ravel(found[FRONT][name]), wanted, atol=4 / 255)


def test_they_are_exact_after_a_session_and_after_another_one(written, tmp_path):
    assert_true(written)
    root = Path(shutil.copytree(written, tmp_path / "d"))
    data_samples.write(root, ("t",), seconds=1, cameras=(FRONT,))
    assert_true(root)
    assert repair(root).nothing


def test_the_mean_of_the_episodes_is_not_taken_for_one(written):
    """Half of all rows are of the last episode, around -0.7; a mean of medians lies where no row ever was."""
    dataset = Dataset.open(written)
    middle = stored(written)["action"]["q50"][0]
    values = np.concatenate([rows["action"][:, 0] for _, rows in dataset.stream()])
    assert np.abs(values - middle).min() == 0


@pytest.mark.nightly
@pytest.mark.parametrize("verb", ["delete", "merge", "mirror", "downsample", "old"])
def test_they_are_exact_after_every_edit(written, tmp_path, verb):
    source, out = Dataset.open(written), tmp_path / "out"
    if verb == "delete":
        edit.delete(source, frozenset({1}), out)
    elif verb == "merge":
        edit.merge([source, source], out)
    elif verb == "mirror":
        edit.mirror(source, {"shoulder_pan": -1}, {}, out)
    elif verb == "downsample":
        edit.downsample(source, 10, out)
    else:
        convert.convert(source, "v2.1", tmp_path / "old")
        convert.convert(Dataset.open(tmp_path / "old"), "v3.0", out)
    assert_true(out)
    assert "bounds" not in CliRunner().invoke(main, ["data", "stats", str(out), "--json"]).stdout


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import data_samples
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError
writer = DatasetWriter(Path(sys.argv[1]), data_samples.schema(cameras=()), reserve_mb=1)
writer.begin("t", 0)
for k in range(30):
    writer.add(data_samples.row(5, k, cameras=0), {})
writer.end()
os._exit(9)
"""


def test_a_session_that_was_killed_is_made_up_for(tmp_path):
    root = data_samples.write(tmp_path / "d", ("t",) * 2, seconds=0.5, cameras=())
    words = [sys.executable, "-c", KILLED, str(root), str(Path(data_samples.__file__).parent)]
    assert subprocess.run(words, check=False).returncode == 9
    assert len(Dataset.open(root).episodes) == 3
    assert whole_stats.stats_of(Dataset.open(root)).stats["action"]["count"] == [50]
    assert repair(root).fixed == [f"computed {layout.STATS} from all rows"]
    assert_true(root)
    assert repair(root).nothing


def test_bounds_are_told_where_no_histogram_was_kept(written, tmp_path):
    """As in a dataset of LeRobot's, which keeps quantiles of each episode and nothing to add them up from."""
    root = Path(shutil.copytree(written, tmp_path / "d"))
    shutil.rmtree(root / layout.OURS)
    found = whole_stats.stats_of(Dataset.open(root))
    for name in QUANTILES:
        least, greatest = (np.ravel(bound) for bound in found.bounds[FRONT][name])
        assert (least <= np.ravel(stored(written)[FRONT][name])).all()
        assert (np.ravel(stored(written)[FRONT][name]) <= greatest).all()
        assert (least <= np.ravel(found.stats[FRONT][name])).all()
    assert "action" not in found.bounds
    done = CliRunner().invoke(main, ["data", "stats", str(root)])
    assert "estimated; between" in done.stdout
    edit.relabel(Dataset.open(root), {"t": "u"}, tmp_path / "out")
    told = json.loads(CliRunner().invoke(main, ["data", "stats", str(tmp_path / "out"), "--json"]).stdout)
    assert set(told[FRONT]["bounds"]) == set(QUANTILES)
    assert set(told["action"]) == {"min", "max", "mean", "std", "count", *QUANTILES}


def test_bounds_become_exact_when_the_pictures_are_looked_at(written, tmp_path):
    root = Path(shutil.copytree(written, tmp_path / "d"))
    shutil.rmtree(root / layout.OURS)
    assert whole_stats.stats_of(Dataset.open(root)).bounds
    assert CliRunner().invoke(main, ["data", "stats", str(root), "--write"]).exit_code == 0
    assert not whole_stats.stats_of(Dataset.open(root)).bounds
    assert_true(root)


def test_what_is_stored_nowhere_is_computed(written, tmp_path):
    convert.convert(Dataset.open(written), "v2.1", tmp_path / "old")
    (tmp_path / "old/meta/episodes_stats.jsonl").unlink()
    shutil.rmtree(tmp_path / "old" / layout.OURS)
    old = Dataset.open(tmp_path / "old")
    found = whole_stats.stats_of(old)
    assert not found.bounds
    np.testing.assert_array_equal(found.stats["action"]["q90"], stored(written)["action"]["q90"])
    np.testing.assert_allclose(found.stats[FRONT]["q90"], stored(written)[FRONT]["q90"], atol=4 / 255)
    one = whole_stats.stats_of(old, 1).stats
    wanted = Dataset.open(written)
    assert one["action"] == wanted.stats(wanted.episodes[1])["action"]
    assert CliRunner().invoke(main, ["data", "stats", str(tmp_path / "old"), "--episode", "1"]).exit_code == 0


@pytest.mark.parametrize("spoiled", [{"mean": [float("nan")]}, {"q50": "x"}, {"min": []}, {"count": None}, 7])
def test_what_others_stored_is_not_believed_too_much(written, tmp_path, spoiled):
    convert.convert(Dataset.open(written), "v2.1", tmp_path / "old")
    shutil.rmtree(tmp_path / "old" / layout.OURS)
    path = tmp_path / "old/meta/episodes_stats.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[:2]:
        line["stats"][FRONT] = {**line["stats"][FRONT], **spoiled} if isinstance(spoiled, dict) else spoiled
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = whole_stats.stats_of(Dataset.open(tmp_path / "old")).stats
    assert found["action"] == stored(written)["action"]
    assert np.isfinite(np.ravel(found.get(FRONT, stored(written)[FRONT])["q50"])).all()


def test_many_passes_find_what_one_finds(written, monkeypatch):
    dataset = Dataset.open(written)
    whole = whole_stats.compute(dataset).stats
    monkeypatch.setattr(whole_stats, "BLOCK_BYTES", 3 * 4 * dataset.frames)
    assert whole_stats.compute(dataset).stats == whole


def test_a_number_that_is_none_does_not_spoil_the_others():
    values = np.array([[3.0, 1.0], [np.nan, 2.0], [1.0, np.inf], [2.0, 4.0]])
    found = column_stats(values)
    assert (found["min"], found["max"], found["q50"], found["count"]) == ([1, 1], [3, 4], [2, 2], [4])
    assert column_stats(np.full((3, 1), np.nan))["max"] == [0]


@pytest.mark.parametrize("noted", ['{"rows": 47, "bounds": []}', '{"rows": "many"}', "[]"])
def test_a_note_of_others_is_not_believed_too_much(written, tmp_path, noted):
    root = Path(shutil.copytree(written, tmp_path / "d"))
    (root / layout.STATS_NOTE).write_text(noted)
    (root / layout.levels_file(0)).write_text(
        '{"observation.images.front": {"levels": [[-1]], "count": [1]}}'
    )
    assert whole_stats.stats_of(Dataset.open(root)).stats["action"]["count"] == [Dataset.open(root).frames]


def test_rows_that_are_only_claimed_cost_no_memory(written, tmp_path):
    root = Path(shutil.copytree(written, tmp_path / "d"))
    shutil.rmtree(root / layout.OURS)
    path = root / layout.episode_file(layout.FilePlace.number(2))
    table = pq.read_table(path)
    for name, value in (("length", 1 << 40), ("dataset_to_index", 1 << 40)):
        table = table.set_column(table.column_names.index(name), name, [[value]])
    pq.write_table(table, path)
    with pytest.raises(DataError):
        whole_stats.stats_of(Dataset.open(root))


def test_an_episode_without_an_end_changes_nothing(tmp_path):
    with DatasetWriter(tmp_path / "d", data_samples.schema(cameras=()), reserve_mb=1) as writer:
        writer.begin("t", 0)
        writer.add(data_samples.row(0, 0, cameras=0), {})
        writer.discard()
    assert not (tmp_path / "d" / layout.STATS).exists()
