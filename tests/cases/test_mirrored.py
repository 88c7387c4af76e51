"""A dataset in the mirror: every column that holds a joint follows it, or is named; words keep their case and signs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import data_samples
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.edit import edits as edit
from motorium.data.edit.mirror import Mirror, exchange_sides, mirror_dataset
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.format.schema import Feature, Schema
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

JOINTS = data_samples.NAMES
TASK = "put the Left, LEFT-hand cup (right) upright"


def write(root: Path, features: dict[str, tuple[str, ...] | int], own: dict | None = None) -> Path:
    """Two rows of random numbers in each column; a number is the size of one without names."""
    columns = []
    for key, names in features.items():
        size, known = (names, None) if isinstance(names, int) else (len(names), names)
        columns.append(Feature(key, "float32", (size,), known))
    rng = np.random.default_rng(0)
    with DatasetWriter(root, Schema(20, "so101", tuple(columns), own or {}), reserve_mb=1) as writer:
        writer.begin(TASK, 0)
        for _ in range(2):
            writer.add({f.key: rng.normal(size=f.shape).astype(np.float32) for f in columns}, {})
        writer.end({"events": [{"t_s": 0, "kind": "subtask", "text": "grip the right one"}]})
    return root


def rows(root: Path) -> dict[str, np.ndarray]:
    dataset = Dataset.open(root)
    return dataset.rows(dataset.episodes[0])


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("left, right. (Left) LEFT!", "right, left. (Right) RIGHT!"),
        ("the left-hand cup", "the right-hand cup"),
        ("the leftmost, rightward righthand cup", "the rightmost, leftward lefthand cup"),
        ("left_arm to right_arm", "right_arm to left_arm"),
        ("leftover, upright, bright, copyright, Wright", "leftover, upright, bright, copyright, Wright"),
        ("Left.\nright", "Right.\nleft"),
        ("«left» 'right' left/right", "«right» 'left' right/left"),
        ("", ""),
    ],
)
def test_words_for_sides_are_exchanged_wherever_they_stand(text, other):
    assert exchange_sides(text) == other
    assert exchange_sides(other) == text


@pytest.mark.parametrize("spelling", ["{}.pos", "main_{}", "{}", "{}.vel"])
def test_a_joint_is_negated_in_every_column_that_holds_it(tmp_path, spelling):
    names = tuple(spelling.format(joint) for joint in data_samples.JOINTS)
    keys = ("observation.state", "action", "commanded_rad", "velocity_rad_s", "effort", "leader_rad")
    root = write(tmp_path / "d", {**dict.fromkeys(keys, names), "joint_age_s": names})
    path = root / layout.INFO
    info = json.loads(path.read_text())
    for key in keys[:2]:
        info["features"][key]["names"] = [list(names)]
    path.write_text(json.dumps(info))
    done = CliRunner().invoke(
        main, ["data", "mirror", str(root), "--negate", "shoulder_pan", "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    before, after = rows(root), rows(tmp_path / "out")
    for key in keys:
        np.testing.assert_array_equal(after[key], before[key] * np.array([-1, 1, 1, 1, 1, 1], np.float32))
    np.testing.assert_array_equal(after["joint_age_s"], before["joint_age_s"])


def test_words_go_with_it_everywhere(tmp_path):
    own = {"subtasks": ["", "reach left"], "limits_rad": {"wrist_roll": [-2.7, 2.8], "gripper": [-0.1, 1.7]}}
    root = write(tmp_path / "d", {"observation.state": JOINTS, "action": JOINTS}, own)
    source = Dataset.open(root)
    _, said = mirror_dataset(source, Mirror({"wrist_roll": -1}), tmp_path / "out")
    made = Dataset.open(tmp_path / "out")
    other = "put the Right, RIGHT-hand cup (left) upright"
    assert made.tasks == (other,)
    notes = made.notes(made.episodes[0])
    assert (notes["task"], notes["events"][0]["text"]) == (other, "grip the left one")
    assert made.schema.own["subtasks"] == ["", "reach right"]
    assert made.schema.own["limits_rad"] == {"wrist_roll": [-2.8, 2.7], "gripper": [-0.1, 1.7]}
    assert said == [f"task {TASK!r} is {other!r} now"]


def test_columns_of_texts_are_reworded(tmp_path):
    root = write(tmp_path / "d", {"action": JOINTS})
    path, data = root / layout.INFO, root / layout.data_file(layout.FilePlace.number(0))
    info = json.loads(path.read_text())
    info["features"]["language"] = {"dtype": "string", "shape": [1], "names": None}
    path.write_text(json.dumps(info))
    pq.write_table(pq.read_table(data).append_column("language", [["go left", "RIGHT"]]), data)
    mirror_dataset(Dataset.open(root), Mirror({}), tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / layout.data_file(layout.FilePlace.number(0)))[
        "language"
    ].to_pylist() == [
        "go right",
        "LEFT",
    ]


def test_a_renamed_task_is_renamed_in_the_notes_too(tmp_path):
    root = write(tmp_path / "d", {"action": JOINTS})
    edit.relabel(Dataset.open(root), {TASK: "other words"}, tmp_path / "out")
    made = Dataset.open(tmp_path / "out")
    assert made.notes(made.episodes[0])["task"] == "other words"


def test_two_arms_change_places_value_by_value(tmp_path):
    arms = ("left_pan", "left_lift", "right_pan", "right_lift")
    names = tuple(f"{joint}.{what}" for what in ("pos", "vel") for joint in arms)
    root = write(tmp_path / "d", {"observation.state": names, "action": names[:4]})
    swap = {"left_pan": "right_pan", "left_lift": "right_lift"}
    mirror_dataset(Dataset.open(root), Mirror({"left_pan": -1, "right_pan": -1}, swap), tmp_path / "out")
    before, after = rows(root), rows(tmp_path / "out")
    signs = np.array([-1, 1, -1, 1], np.float32)
    np.testing.assert_array_equal(after["action"], before["action"][:, [2, 3, 0, 1]] * signs)
    order = [2, 3, 0, 1, 6, 7, 4, 5]
    np.testing.assert_array_equal(
        after["observation.state"], before["observation.state"][:, order] * np.tile(signs, 2)
    )
    mirror_dataset(
        Dataset.open(tmp_path / "out"), Mirror({"left_pan": -1, "right_pan": -1}, swap), tmp_path / "back"
    )
    np.testing.assert_array_equal(rows(tmp_path / "back")["action"], before["action"])


@pytest.mark.parametrize(
    ("features", "how", "words"),
    [
        ({"action": JOINTS}, Mirror({"pan": -1}), "no joint or camera 'pan'; joints are shoulder_pan"),
        ({"action": ("left_pan.pos", "right_pan.pos")}, Mirror({"pan": -1}), "joints are left_pan, right_pan"),
        ({"action": JOINTS, "goal": JOINTS}, Mirror({"gripper": -1}), "goal names gripper.*--also goal.*--keep"),
        ({"action": JOINTS, "observation.state": 6}, Mirror({"gripper": -1}), "state holds joints, but has no names"),
        ({"action": JOINTS, "action_slots": 200}, Mirror({}), "in the unified slots"),
        ({"action": ("a", "b"), "effort": ("a", "c")}, Mirror({}, {"a": "b"}), "effort has a and not b"),
        ({"action": JOINTS}, Mirror({}, keep=("goal",)), "no column 'goal'; columns are action"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_asked_for_and_nothing_is_half_done(tmp_path, features, how, words):
    source = Dataset.open(write(tmp_path / "d", features))
    with pytest.raises(DataError, match=words):
        mirror_dataset(source, how, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_whoever_knows_says_so(tmp_path):
    root = write(tmp_path / "d", {"action": JOINTS, "goal": JOINTS, "heat": JOINTS, "object": 3})
    command = [
        "data",
        "mirror",
        str(root),
        "--negate",
        "gripper",
        "--also",
        "goal",
        "--keep",
        "heat",
        "--json",
    ]
    done = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["notes"][0] == "unchanged: heat, object"
    before, after = rows(root), rows(tmp_path / "out")
    np.testing.assert_array_equal(after["goal"][:, 5], -before["goal"][:, 5])
    np.testing.assert_array_equal(after["heat"], before["heat"])


def test_cameras_change_places_with_their_times_and_only_where_they_fit(tmp_path):
    def late(_episode: int, _k: int, row: dict, _images: dict) -> None:
        row["capture_s"] -= np.array([0.001, 0.002, 0.003])

    root = data_samples.write(tmp_path / "d", ("t",), seconds=0.5, change=late)
    swap = dict([data_samples.CAMERAS])
    mirror_dataset(Dataset.open(root), Mirror({}, swap), tmp_path / "out")
    np.testing.assert_array_equal(rows(tmp_path / "out")["capture_s"], rows(root)["capture_s"][:, [1, 0, 2]])
    source = Dataset.open(root)
    features = [
        replace(f, shape=(32, 32, 3)) if f.key == data_samples.CAMERAS[1] else f
        for f in source.schema.features
    ]
    other = replace(
        source, info=replace(source.info, schema=replace(source.schema, features=tuple(features)))
    )
    with pytest.raises(DataError, match="differ in size"):
        mirror_dataset(other, Mirror({}, swap), tmp_path / "no")


@pytest.mark.parametrize("unit", ["deg", "lerobot"])
def test_what_is_counted_from_a_middle_that_is_no_zero_is_converted_first(tmp_path, unit):
    """LeRobot counts from the middle of the travel: only where that is the joint's zero is its mirror image -x."""
    limits = {"shoulder_pan": [-1.9, 1.9], "shoulder_lift": [-0.4, 2.0], "wrist_roll": [-2.7, 2.9]}
    names = tuple(f"{joint}.pos" for joint in limits)
    own = {"limits_rad": limits, "units": {"observation.state": unit, "action": unit}}
    dataset = Dataset.open(write(tmp_path / "d", {"observation.state": names, "action": names}, own))
    for joint in ("shoulder_pan", "wrist_roll"):
        mirror_dataset(dataset, Mirror({joint: -1}), tmp_path / joint)
        np.testing.assert_array_equal(rows(tmp_path / joint)["action"], -rows(tmp_path / "d")["action"] * [
            1 if name.startswith(joint) else -1 for name in names
        ])  # fmt: skip
    with pytest.raises(DataError, match=r"shoulder_lift.*units .*--to rad"):
        mirror_dataset(dataset, Mirror({"shoulder_lift": -1}), tmp_path / "no")
    assert not (tmp_path / "no").exists()
