"""What cannot be judged is said; joints are judged in their own unit; no time is taken for right because it is NaN."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import data_samples
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.check.findings import Finding
from motorium.data.check.judge import check
from motorium.data.edit.restat import restat
from motorium.data.format import layout

STATE, ACTION = "observation.state", "action"
DEG = 180 / np.pi
FIRST = layout.data_file(layout.FilePlace.number(0))


def write(root: Path, change=None, seconds: float = 2.0) -> Path:
    """Two episodes without cameras; `change(k, row)` spoils rows of the first."""

    def spoil(episode, k, row, images):
        del images
        if change is not None and episode == 0:
            change(k, row)

    return data_samples.write(root, ("a", "b"), seconds=seconds, cameras=(), change=spoil)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return write(tmp_path_factory.mktemp("clean") / "d")


@pytest.fixture
def root(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "d")


def told(root: Path, change) -> None:
    """Let `change` alter info.json."""
    path = root / layout.INFO
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def altered(root: Path, change) -> Path:
    """Let `change` alter every data file's table, and bring the statistics in line."""
    for path in sorted((root / "data").rglob("*.parquet")):
        pq.write_table(change(pq.read_table(path)), path)
    restat(root)
    return root


def replaced(table: pa.Table, column: str, values) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, column, pa.array(values, table.schema.field(place).type))


def scaled(root: Path, factor: float, low: float = -np.inf, high: float = np.inf) -> Path:
    """State and action times `factor`, then clipped."""

    def change(table: pa.Table) -> pa.Table:
        for key in (STATE, ACTION):
            values = np.clip(np.array(table[key].to_pylist()) * factor, low, high)
            table = replaced(table, key, values.tolist())
        return table

    return altered(root, change)


def of(root: Path, *kinds: str) -> list[Finding]:
    return [f for f in check(root).findings if f.kind in kinds]


def test_columns_of_other_names_are_not_taken_for_perfect(root):
    def rename(info):
        features = info["features"]
        features["state"], features["actions"] = features.pop(STATE), features.pop(ACTION)

    told(root, rename)
    names = {STATE: "state", ACTION: "actions"}
    altered(root, lambda table: table.rename_columns([names.get(n, n) for n in table.column_names]))
    verdict = check(root)
    assert not verdict.blocking
    assert verdict.score == 99
    state, action = of(root, "not_judged")
    for kind in ("static", "joint_jump", "limit_contact", "gripper_range", "tracking", "duplicate"):
        assert kind in state.detail
    assert "no column observation.state among " in state.detail
    assert "state, actions" in state.detail
    assert "joint_jump of the action" in action.detail
    result = CliRunner().invoke(main, ["data", "check", str(root)])
    assert result.exit_code == 0
    assert [line for line in result.output.splitlines() if line.startswith("not_judged: ")] == [
        f"not_judged: {f.detail}" for f in (state, action)
    ]


UNNAMED = {
    "null": (None, "no names of joints"),
    "too few": (["pan.pos", "lift.pos"], "2 names for 6 values"),
    "others": ([f"joint_{i}.pos" for i in range(6)], "no limits for joint_0, joint_1"),
}


@pytest.mark.parametrize("case", UNNAMED)
def test_joints_without_names_or_limits_are_said(root, case):
    names, words = UNNAMED[case]

    def change(info):
        for key in (STATE, ACTION):
            info["features"][key]["names"] = names

    told(root, change)
    details = [f.detail for f in of(root, "not_judged")]
    assert any(d.startswith("limit_contact, gripper_range: ") and words in d for d in details)
    assert check(root).score == 99


@pytest.mark.parametrize(
    "limits", [{"shoulder_pan": ["low", "high"]}, {"shoulder_pan": [1, -1]}, "wide", None]
)
def test_limits_that_are_none_are_not_judged_by(root, limits):
    told(root, lambda info: info["motorium"].update(limits_rad=limits))
    (finding,) = of(root, "not_judged")
    assert "no limits for shoulder_pan" in finding.detail


def test_without_true_times_cadence_is_not_judged(root):
    told(root, lambda info: [info["features"].pop(key) for key in ("row_s", "capture_s")])
    altered(root, lambda table: table.drop_columns(["row_s", "capture_s"]))
    (finding,) = of(root, "not_judged")
    assert finding.detail.startswith("clock, rate, cadence, skew: ")


def test_splits_that_are_not_understood_are_not_taken_for_apart(root):
    told(root, lambda info: info.update(splits={"train": "0:1", "test": "the rest"}))
    (finding,) = of(root, "not_judged")
    assert "leakage" in finding.detail
    assert "test" in finding.detail


def in_degrees(info) -> None:
    info["motorium"]["units"] = {STATE: "deg", ACTION: "deg"}


def test_degrees_are_judged_as_degrees(root):
    told(root, in_degrees)
    scaled(root, DEG)
    assert check(root).findings == ()


@pytest.mark.nightly
@pytest.mark.parametrize(("step_rad", "found"), [(0.1, False), (1.0, True)])
@pytest.mark.parametrize("unit", ["rad", "deg", "degrees"])
def test_a_leap_is_one_in_every_unit(tmp_path, step_rad, found, unit):
    factor = 1.0 if unit == "rad" else DEG

    def leap(k, row):
        for key in (STATE, ACTION):
            row[key][1] += step_rad if k == 20 else 0

    root = write(tmp_path / "d", leap)
    told(root, lambda info: info["motorium"].update(units={STATE: unit, ACTION: unit}))
    scaled(root, factor)
    leaps = of(root, "joint_jump")
    assert bool(leaps) == found
    if found:
        assert f" {'rad' if unit == 'rad' else 'deg'} in one row" in leaps[0].detail
        assert leaps[0].time_s == pytest.approx(1.0)
    assert not of(root, "not_judged", "unit")


def test_a_gripper_of_0_to_100_is_within_its_travel(tmp_path):
    """LeRobot counts joints in degrees from the middle of their travel, and grippers from 0 to 100."""

    def closed(k, row):
        del k
        row[STATE][5] = row[ACTION][5] = 50 / DEG

    root = write(tmp_path / "d", closed)
    told(root, in_degrees)
    scaled(root, DEG)
    (finding,) = of(root, "gripper_range")
    assert finding.detail == "gripper moves by 0.0 deg within 100.0 deg"


def test_limits_are_converted_too(tmp_path):
    def lean(k, row):
        if k >= 20:
            row[STATE][2] = 1.895  # 0.29 degrees from the limit

    root = write(tmp_path / "d", lean)
    told(root, in_degrees)
    scaled(root, DEG)
    (finding,) = of(root, "limit_contact")
    assert (finding.episode, finding.time_s) == (0, pytest.approx(1.0))
    assert "elbow_flex" in finding.detail


GUESSES = {  # name -> (factor, clipped at, the guess, what it was taken from)
    "radians": (1.0, np.inf, "rad", "goes from -0.8"),
    "degrees or LeRobot's": (DEG, np.inf, "deg or lerobot", "goes from -45"),
    "beyond a hundred": (200.0, np.inf, "deg", "goes from -1"),
    "clipped at a hundred": (200.0, 100.0, "lerobot", "goes from -100"),
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", GUESSES)
def test_a_unit_that_nobody_tells_is_guessed_and_said(root, name):
    factor, most, unit, words = GUESSES[name]
    told(root, lambda info: info["motorium"].pop("units"))
    scaled(root, factor, -most, most)
    (guess,) = of(root, "unit")
    assert guess.detail.startswith(f"observation.state and action are taken for {unit}: ")
    assert words in guess.detail
    assert f"motorium data units {root} --set" in guess.remedy
    assert not of(root, "joint_jump")
    assert bool(of(root, "not_judged")) == (unit == "deg or lerobot")
    assert check(root).score <= 99


def test_names_may_tell_the_unit(root):
    def change(info):
        info["motorium"].pop("units")
        for key in (STATE, ACTION):
            info["features"][key]["names"] = [f"{joint}_deg" for joint in data_samples.JOINTS]

    told(root, change)
    scaled(root, DEG)
    assert not of(root, "unit", "joint_jump")


def test_ticks_are_no_angles(root):
    told(root, lambda info: info["motorium"].pop("units"))
    scaled(root, 4096 / (2 * np.pi))
    assert not of(root, "unit", "joint_jump", "static")
    assert "which fits none of" in of(root, "not_judged")[0].detail


def spoiled(root: Path, column: str, row: int, value) -> None:
    """One value of the first episode, also where it stands in a list."""
    table = pq.read_table(root / FIRST)
    values = table[column].to_pylist()
    values[row] = [value] if isinstance(values[row], list) else value
    pq.write_table(replaced(table, column, values), root / FIRST)


TIMES = {  # name -> (column, row, value, kinds that block, words)
    "NaN": ("timestamp", 7, np.nan, {"index", "not_finite"}, "timestamp is nan in row 7"),
    "infinite": ("timestamp", 7, np.inf, {"index", "not_finite"}, "timestamp is inf in row 7"),
    "half a millisecond late": ("timestamp", 7, 7 / 20 + 5e-4, {"index"}, "timestamp is 0.3505 in row 7"),
    "NaN of a row": ("row_s", 7, np.nan, {"not_finite"}, "row_s is nan in row 7"),
    "standing": ("row_s", 7, 6 / 20, {"clock"}, "two rows have the same row_s"),
    "backwards": ("row_s", 7, 0.1, {"clock"}, "row_s goes back by 0.200 s"),
    "infinite capture": ("capture_s", 7, -np.inf, {"not_finite", "clock"}, "capture_s (joints) is -inf in row 7"),
    "captured before": ("capture_s", 7, 0.2, {"clock"}, "capture_s goes back by 0.096 s"),
    "number twice": ("frame_index", 7, 6, {"index"}, "frame_index is 6 in row 7, expected 7"),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_no_time_passes_that_is_none(root, name):
    column, row, value, kinds, words = TIMES[name]
    spoiled(root, column, row, value)
    blocking = [f for f in check(root).blocking if f.kind != "stats"]
    assert {f.kind for f in blocking} == kinds
    assert {f.episode for f in blocking} == {0}
    assert any(words in f.detail for f in blocking), [f.detail for f in blocking]


def test_no_remedy_changes_a_dataset_without_a_copy(root):
    for column, row, value, _, _ in TIMES.values():
        spoiled(root, column, row, value)
    for finding in check(root).findings:
        if "motorium data delete" in finding.remedy:
            assert " --out NEW" in finding.remedy


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [1e308, -1e308, 1e200])
def test_numbers_beyond_all_reason_are_judged_without_a_warning(root, value):
    spoiled(root, "row_s", 7, value)
    assert check(root).blocking
    restat(root)
    assert not of(root, "stats")
