"""What does not fit is refused by name, each with one sentence that says what to do; nothing is mixed in silence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_samples import CAMERAS, write

from motorium.data.edit.marking import mark
from motorium.data.format.outcome import Outcome
from motorium.errors import DataError
from motorium.learn.data import Recordings, SourceSpec, TableSpec
from motorium.learn.data.source import open_source
from motorium.learn.given import datasets


def with_info(root: Path, target: Path, change) -> Path:
    """A copy of a dataset whose info.json somebody changed."""
    shutil.copytree(root, target)
    path = target / "meta/info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    return target


def with_column(root: Path, target: Path, key: str, change) -> Path:
    """A copy of a dataset whose rows of one column somebody changed in episode 1."""
    shutil.copytree(root, target)
    path = target / "data/chunk-000/file-001.parquet"
    table = pq.read_table(path)
    rows = table[key].to_pylist()
    change(rows)
    changed = pa.array(rows, table.schema.field(key).type)
    pq.write_table(table.set_column(table.column_names.index(key), key, changed), path)
    return target


def refusal(cache, *sources: SourceSpec | Path, table: TableSpec | None = None) -> str:
    given = [source if isinstance(source, SourceSpec) else SourceSpec(source) for source in sources]
    with pytest.raises(DataError) as caught:
        Recordings.open(given, table or TableSpec(rows=4), cache)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


CHANGES = {
    "no action column": (
        lambda info: info["features"].pop("action"),
        "there are observation.state, capture_s, row_s. Record it anew (motorium record)",
    ),
    "no state": (lambda info: info["features"].pop("observation.state"), "no column 'observation.state'"),
    "unknown robot": (lambda info: info.update(robot_type="lekiwi"), "lekiwi"),
    "no robot": (lambda info: info.update(robot_type=None), "does not say its robot"),
    "no unit": (lambda info: info["motorium"].pop("units"), "unit of observation.state is unknown"),
    "-100 to 100": (
        lambda info: info["motorium"].update(units={"observation.state": "lerobot", "action": "lerobot"}),
        "calibration of the arm",
    ),
    "other joints": (
        lambda info: info["features"]["action"].update(names=["a", "b", "c", "d", "e", "f"]),
        "Declare which is which",
    ),
    "joints without names": (
        lambda info: [info["features"][key].update(names=None) for key in ("action", "observation.state")],
        "6 values without names",
    ),
    "pictures in the data files": (
        lambda info: info["features"][CAMERAS[0]].update(dtype="image"),
        "has its pictures in the data files",
    ),
    "units that cannot be": (
        lambda info: info.update(robot_type="aloha") or info["motorium"].update(units={}),
        "aloha",
    ),
    "a split that names nothing": (
        lambda info: info.update(splits={"train": "0:3", "val": "the last"}),
        "does not name episodes",
    ),
    "splits without training": (lambda info: info.update(splits={"val": "0:4"}), "no episode for training"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_dataset_that_does_not_fit(what, two_tasks, cache, tmp_path):
    change, told = CHANGES[what]
    table = TableSpec(rows=4, roles=("front", "wrist"))
    text = refusal(cache, with_info(two_tasks, tmp_path / "changed", change), table=table)
    assert told in text
    assert str(tmp_path / "changed") in text


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("key", ["observation.state", "action"])
def test_a_value_that_is_no_number_is_named_with_its_row(key, value, two_tasks, cache, tmp_path):
    def spoil(rows):
        rows[7][2] = rows[9][0] = value

    text = refusal(cache, with_column(two_tasks, tmp_path / "bad", key, spoil))
    assert "episode 1, row 7" in text
    assert f"{key} of elbow_flex" in text
    assert "2 such rows" in text


def test_degrees_called_radians_are_found(two_tasks, cache, tmp_path):
    def spoil(rows):
        rows[:] = [[57.3 * value for value in row] for row in rows]

    text = refusal(cache, with_column(two_tasks, tmp_path / "deg", "observation.state", spoil))
    assert "far beyond its limits" in text
    assert "its unit is not rad" in text


def test_one_episode_only(cache, tmp_path):
    text = refusal(cache, write(tmp_path / "one", ("wave",), seconds=1.0))
    assert "one episode only" in text
    assert "record at least one more" in text


def test_an_empty_instruction_is_refused_or_declared(cache, tmp_path):
    root = write(tmp_path / "silent", ("wave", " "), seconds=0.5)
    text = refusal(cache, root)
    assert "episode 1 has an empty instruction" in text
    assert f"motorium data relabel {root}" in text
    assert "--task" in text
    with Recordings.open([SourceSpec(root, task="do nothing")], TableSpec(rows=2), cache) as table:
        assert table.tasks == ("wave", "do nothing")


def test_rates_are_declared_or_refused(two_tasks, cache):
    assert "20 rows per second" in refusal(cache, two_tasks, table=TableSpec(rows=4, dt_s=0.1))
    wrong = SourceSpec(two_tasks, fps=30)
    assert "not the 30 that were declared" in refusal(cache, wrong, table=TableSpec(rows=4, dt_s=0.1))
    with Recordings.open([SourceSpec(two_tasks, fps=20)], TableSpec(rows=3, dt_s=0.1), cache) as table:
        rows = table.column("rows")
        np.testing.assert_array_equal(rows[0, 1], rows[2, 0])
        assert any("interpolated" in line for line in table.remarks)


def test_datasets_of_two_rates_are_learned_by_the_first_ones_when_the_other_is_declared(cache, tmp_path):
    quick, slow = (
        write(tmp_path / name, (f"wave {name}",) * 2, seconds=1.0, fps=fps)
        for name, fps in (("quick", 20), ("slow", 10))
    )
    given = (str(quick), str(slow))
    text = refusal(cache, *datasets(given, {}))
    assert text.startswith(f"{slow} has 10 rows per second")
    assert "20 per second" in text
    assert "--fps 10" in text
    assert "motorium data downsample" in text
    assert "not the 30 that were declared" in refusal(cache, *datasets(given, {"fps": 30}))
    with Recordings.open(datasets(given, {"fps": 10}), TableSpec(rows=4), cache) as table:
        assert table.dt_s == pytest.approx(0.05)
        assert [line for line in table.remarks if "interpolated" in line] == [
            f"{slow}: its 10 rows per second are interpolated to rows of 0.05 s"
        ]


def test_a_camera_of_another_name_is_declared(two_tasks, cache):
    table = TableSpec(rows=2, roles=("front", "side"))
    text = refusal(cache, two_tasks, table=table)
    assert "no camera observation.images.side" in text
    assert "observation.images.front, observation.images.wrist" in text
    assert "--camera side=KEY" in text
    declared = SourceSpec(two_tasks, cameras={"side": CAMERAS[1]})
    with Recordings.open([declared], table, cache) as recordings:
        assert recordings.roles == ("front", "side")
    assert "two roles" in refusal(cache, SourceSpec(two_tasks, cameras={"side": CAMERAS[0]}), table=table)
    assert "the roles are" in refusal(cache, declared, table=TableSpec(roles=("front",)))


def test_failed_and_cut_off_episodes_are_left_out_unless_asked_for(cache, tmp_path):
    root = write(tmp_path / "some", ("wave",) * 5, seconds=0.5)
    mark(root, [1], Outcome(False, "key f"))
    mark(root, [2], Outcome(None))  # nobody knows: learned
    notes = root / "meta/motorium/episode-000003.json"
    notes.write_text(json.dumps(json.loads(notes.read_text()) | {"recovered": True}))
    source = open_source(SourceSpec(root), TableSpec())
    assert [e.index for e in source.dataset.episodes] == [0, 2, 4]
    assert source.left_out == (
        f"{root}: left out episode 3, whose end is missing", f"{root}: left out episode 1, marked as failed",
    )  # fmt: skip
    everything = TableSpec(with_failures=True, with_cut_off=True)
    assert len(open_source(SourceSpec(root), everything).dataset.episodes) == 5
    mark(root, range(5), Outcome(False, "key f"))
    assert "nothing is left to learn from; failed ones" in refusal(cache, root)


@pytest.mark.parametrize("text", ["a=0", "a=-1", "a=x", "a=nan", "a=inf", "=1"])
def test_a_weight_that_is_none(text):
    with pytest.raises(DataError, match="not a weight"):
        SourceSpec.parse(text)


def test_paths_may_have_equals_signs(tmp_path):
    there = tmp_path / "lr=3"
    there.mkdir()
    assert SourceSpec.parse(str(there)) == SourceSpec(there)
    assert SourceSpec.parse(f"{there}=0.5") == SourceSpec(there, 0.5)
    assert SourceSpec.parse("a") == SourceSpec(Path("a"))


def test_tables_that_cannot_be():
    assert "0 rows" in _table_refusal(rows=0)
    assert "dt of 0 s" in _table_refusal(dt_s=0.0)
    assert "share of 1" in _table_refusal(validation=1.0)
    assert "96 x 4" in _table_refusal(size=(4, 96))


def test_sources_that_do_not_fit_each_other(two_tasks, cache, tmp_path):
    text = refusal(cache, two_tasks, two_tasks)
    assert "same dataset" in text
    link = tmp_path / "link"
    link.symlink_to(two_tasks)
    assert "same dataset" in refusal(cache, two_tasks, link)
    one = write(tmp_path / "one-camera", ("wave",) * 2, seconds=0.5, cameras=CAMERAS[:1])
    assert "no camera observation.images.wrist" in refusal(cache, two_tasks, one)
    assert "give all of them one, or none" in refusal(
        cache, SourceSpec(two_tasks, 0.5), SourceSpec(one), table=TableSpec(roles=("front",))
    )
    slower = with_info(two_tasks, tmp_path / "slower", lambda info: info.update(fps=10))
    text = refusal(cache, two_tasks, slower)
    assert f"{slower} has 10 rows per second" in text
    assert "declare its rate" in text
    assert "no dataset was given" in refusal(cache)
    assert "given twice" in _table_refusal(roles=("front", "front"))


def _table_refusal(**wanted) -> str:
    with pytest.raises(DataError) as caught:
        TableSpec(**wanted)
    return str(caught.value)


def test_the_room_needs_no_torch():
    code = (
        "import sys, motorium.learn.data, motorium.learn.data.statistics; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
