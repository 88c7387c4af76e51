"""Several datasets as one table: weights, embodiments, words, and which recordings are held out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_samples import FPS, write

from motorium.data.format.dataset import Dataset
from motorium.errors import DataError
from motorium.learn.data import Recordings, SourceSpec, TableSpec
from motorium.learn.data.splits import divide, draw
from motorium.learn.data.statistics import joint_statistics

TABLE = TableSpec(rows=2)
COMPAT = Path(__file__).parents[2] / "compat/data"


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> Path:
    """Two episodes of half a second."""
    return write(tmp_path_factory.mktemp("data") / "short", ("wave", "put the cube in the tray"), seconds=0.5)


def test_two_sources_are_one_table(two_tasks, short, cache):
    sources = [SourceSpec.parse(f"{two_tasks}=0.7"), SourceSpec.parse(f"{short}=0.3")]
    with Recordings.open(sources, TABLE, cache) as table:
        assert len(table) == 5 * FPS
        assert table.weights == pytest.approx((0.7, 0.3))
        assert table.column("source").tolist() == [0] * 4 * FPS + [1] * FPS
        assert table.column("episode").max() == 5
        assert table.tasks == ("put the cube in the tray", "wave")
        assert table.column("task")[-FPS:].tolist() == [1] * (FPS // 2) + [0] * (FPS // 2)
        held = set(table.column("episode")[table.validation].tolist())
        assert len(held & {0, 1, 2, 3}) == 1
        assert len(held & {4, 5}) == 1
        with Recordings.open([SourceSpec(short)], TABLE, cache) as alone:
            np.testing.assert_array_equal(
                table.pictures(np.array([4 * FPS + 3])), alone.pictures(np.array([3]))
            )
    with Recordings.open([SourceSpec(two_tasks), SourceSpec(short)], TABLE, cache) as table:
        assert table.weights == pytest.approx((0.8, 0.2))  # by frames


def test_two_robots_share_the_slots_they_share(two_tasks, short, cache, tmp_path):
    """An arm without a wrist_roll: its column is absent, and said to be."""
    spec = (Path(__file__).parents[3] / "python/motorium/specs/robots/so101.toml").read_text()
    head, *joints = spec.split("[[joints]]")
    kept = [joint for joint in joints if 'name = "wrist_roll"' not in joint]
    text = "[[joints]]".join([head.replace('name = "so101"', 'name = "so100-5"'), *kept])
    robot = tmp_path / "five.toml"
    robot.write_text(text.replace('"wrist_roll"', '"wrist_flex"'))
    sources = [SourceSpec(two_tasks), SourceSpec(short, robot=str(robot), joints={"gripper": "gripper"})]
    with Recordings.open(sources, TABLE, cache) as table:
        assert [r.name for r in table.robots] == ["so101", "so100-5"]
        assert table.slots == tuple(joint.slot for joint in table.robots[0].joints)
        assert table.present.sum(axis=1).tolist() == [6, 5]
        assert not table.present[1, 54]
        assert table.column("embodiment").tolist() == [0] * 4 * FPS + [1] * FPS
        assert not table.column("state")[4 * FPS :, 4].any()
        ours, theirs = joint_statistics(table)
        assert ours.has.all()
        assert theirs.has.tolist() == [True] * 4 + [False, True]


def test_marks_name_sub_tasks(cache):
    with Recordings.open(
        [SourceSpec(COMPAT / "dataset")], TableSpec(rows=2, with_failures=True), cache
    ) as table:
        assert table.tasks == ("put the red cube in the tray",)  # nobody pressed anything


@pytest.mark.parametrize("declared", [True, False])
def test_a_sub_task_replaces_the_instruction_as_long_as_it_holds(declared, cache, tmp_path):
    root = tmp_path / "marked"
    shutil.copytree(COMPAT / "dataset", root)
    path = next(iter(sorted(root.glob("data/*/*.parquet"))))
    rows = pq.read_table(path)
    index = [0] * 5 + [1] * 5 + [2] * (len(rows) - 10)
    column = rows.column_names.index("subtask_index")
    pq.write_table(rows.set_column(column, "subtask_index", pa.array(index, pa.int64())), path)
    if not declared:  # then the marks of each episode tell
        info = json.loads((root / "meta/info.json").read_text())
        info["motorium"].pop("subtasks")
        (root / "meta/info.json").write_text(json.dumps(info))
        notes = root / "meta/motorium/episode-000000.json"
        texts = {0.5: "reach", 1.0: "grasp"}
        marks = [{"t_s": t, "kind": "subtask", "source": "key n", "text": text} for t, text in texts.items()]
        notes.write_text(json.dumps(json.loads(notes.read_text()) | {"events": marks}))
    table = TableSpec(rows=2, with_failures=True)
    with Recordings.open([SourceSpec(root)], table, cache) as marked:
        words = [marked.tasks[i] for i in marked.column("task")[:12]]
        assert words == ["put the red cube in the tray"] * 5 + ["reach"] * 5 + ["grasp"] * 2
    with Recordings.open(
        [SourceSpec(root)], TableSpec(rows=2, with_failures=True, subtasks=False), cache
    ) as plain:
        assert plain.tasks == ("put the red cube in the tray",)


def test_what_a_dataset_says_of_its_splits_counts(two_tasks, cache, tmp_path):
    root = tmp_path / "split"
    shutil.copytree(two_tasks, root)
    info = json.loads((root / "meta/info.json").read_text())
    info["splits"] = {"train": "0:1,3:4", "val": "1:2", "test": "2:3"}
    (root / "meta/info.json").write_text(json.dumps(info))
    assert divide([Dataset.open(root)], 0.1, 0) == [{0: False, 1: True, 3: False}]
    with Recordings.open([SourceSpec(root)], TABLE, cache) as table:
        assert len(table) == 3 * FPS
        assert set(table.column("episode")[table.validation]) == {1}


@pytest.mark.parametrize("counts", [(2,), (50,), (1, 1), (1, 40), (3, 2, 1)])
def test_every_draw_leaves_something_on_both_sides(counts):
    for seed in range(5):
        held = draw(counts, 0.1, seed)
        assert [len(one) for one in held] == list(counts)
        assert any(one.any() for one in held)
        assert not all(one.all() for one in held)
        assert all(one.any() and not one.all() for one in held if len(one) > 1)
    seeds = [np.concatenate(draw((50,), 0.1, seed)) for seed in range(2)]
    assert (seeds[0] != seeds[1]).any()
    with pytest.raises(DataError, match="one episode only"):
        draw((1,), 0.1, 0)


def test_a_recording_that_is_in_two_datasets_is_refused(two_tasks, cache, tmp_path):
    """As after a merge: held out in the one, learned in the other."""
    shutil.copytree(two_tasks, tmp_path / "copy")
    with pytest.raises(DataError, match=r"episode 0 of .*copy and episode 0 of .*two are the same recording"):
        Recordings.open([SourceSpec(two_tasks), SourceSpec(tmp_path / "copy")], TABLE, cache)
