"""Units and joints: what a dataset's numbers are in radians of its robot, and in slots."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_samples import JOINTS, row

from motorium.errors import DataError
from motorium.learn.data import Recordings, SourceSpec, TableSpec
from motorium.robots.calibration import Calibration
from motorium.robots.lerobot_calibration import read_lerobot
from motorium.specs.lerobot_units import from_radians
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
TABLE = TableSpec(rows=3)
KEYS = ("observation.state", "action")


def converted(root: Path, target: Path, convert, unit: str | None, names=None) -> Path:
    """A copy of a dataset with its joints in another unit, by `convert`, (N, 6) -> (N, 6)."""
    shutil.copytree(root, target)
    for path in sorted(target.glob("data/*/*.parquet")):
        table = pq.read_table(path)
        for key in KEYS:
            rows = convert(np.array(table[key].to_pylist()))
            changed = pa.array(rows.tolist(), pa.list_(pa.float32(), 6))
            table = table.set_column(table.column_names.index(key), key, changed)
        pq.write_table(table, path)
    path = target / "meta/info.json"
    info = json.loads(path.read_text())
    info["motorium"].pop("units")
    info["motorium"] |= {"units": dict.fromkeys(KEYS, unit)} if unit else {}
    for key in KEYS:
        info["features"][key]["names"] = names or info["features"][key]["names"]
    path.write_text(json.dumps(info))
    return target


def states(path: Path, cache, **declared) -> np.ndarray:
    with Recordings.open([SourceSpec(path, **declared)], TABLE, cache) as table:
        return table.column("state")


def test_degrees_are_radians_by_what_the_file_says_or_is_given(two_tasks, cache, tmp_path):
    wanted = states(two_tasks, cache)
    said = converted(two_tasks, tmp_path / "said", lambda q: from_radians(q, SPEC, "deg"), "degrees")
    np.testing.assert_allclose(states(said, cache), wanted, atol=1e-5)
    silent = converted(two_tasks, tmp_path / "silent", lambda q: from_radians(q, SPEC, "deg"), None)
    np.testing.assert_allclose(states(silent, cache, units="deg"), wanted, atol=1e-5)
    with pytest.raises(DataError, match="unknown"):
        states(silent, cache)
    with pytest.raises(DataError, match="'turns' is unknown"):
        states(silent, cache, units="turns")
    with pytest.raises(DataError, match="is in deg, and rad was given"):
        states(said, cache, units="rad")


CALIBRATION = {
    name: {"id": i + 1, "drive_mode": int(name == "elbow_flex"), "homing_offset": 11 * i, "range_min": 800 - 20 * i,
           "range_max": 3200 + 20 * i}
    for i, name in enumerate(JOINTS)
}  # fmt: skip
CALIBRATION["gripper"] |= {"range_min": 2000, "range_max": 3300}


def lerobot_normalised(q: np.ndarray, path: Path, mode: str) -> np.ndarray:
    """What LeRobot's `_normalize` makes of the counts of an arm in this pose (lerobot 0.4.4, motors_bus.py)."""
    zeros, out = read_lerobot(path, SPEC).joints, np.empty_like(q)
    for i, name in enumerate(JOINTS):
        entry, zero = CALIBRATION[name], zeros[name]
        ticks = zero.zero_ticks + zero.sign * q[:, i] * 4096 / (2 * math.pi)
        low, high = entry["range_min"], entry["range_max"]
        share = (ticks - low) / (high - low)
        if name == "gripper":
            out[:, i] = 100 * (1 - share if entry["drive_mode"] else share)
        elif mode == "degrees":
            out[:, i] = (ticks - (low + high) / 2) * 360 / 4095
        else:
            out[:, i] = (200 * share - 100) * (-1 if entry["drive_mode"] else 1)
    return out


@pytest.mark.parametrize("mode", ["lerobot", "degrees"])
def test_lerobots_numbers_become_radians_by_the_calibration_of_the_arm(mode, two_tasks, cache, tmp_path):
    file = tmp_path / "arm.json"
    file.write_text(json.dumps(CALIBRATION))
    wanted = states(two_tasks, cache)
    made = converted(two_tasks, tmp_path / "made", lambda q: lerobot_normalised(q, file, mode), mode)
    np.testing.assert_allclose(states(made, cache, calibration=file), wanted, atol=2e-5)
    ours = tmp_path / "ours.json"
    read_lerobot(file, SPEC).save(ours)
    np.testing.assert_allclose(states(made, cache, calibration=ours), wanted, atol=2e-5)
    if mode == "lerobot":
        with pytest.raises(DataError, match="give its file"):
            states(made, cache)
    with pytest.raises(DataError, match="No such file"):
        states(made, cache, calibration=tmp_path / "gone.json")


def test_a_calibration_without_the_travel_cannot_tell_shares_of_it(two_tasks, cache, tmp_path):
    file = tmp_path / "ours.json"
    Calibration.nominal(SPEC).save(file)
    made = converted(two_tasks, tmp_path / "made", lambda q: q, "lerobot")
    with pytest.raises(DataError, match="does not tell the travel of shoulder_pan"):
        states(made, cache, calibration=file)


def test_joints_are_taken_by_name_in_any_order(two_tasks, cache, tmp_path):
    wanted, order = states(two_tasks, cache), [5, 0, 3, 1, 2, 4]
    names = [f"main_{JOINTS[i]}" for i in order]
    turned = converted(two_tasks, tmp_path / "turned", lambda q: q[:, order], "rad", names)
    np.testing.assert_array_equal(states(turned, cache), wanted)
    named = converted(two_tasks, tmp_path / "named", lambda q: q, None, [f"{name}_rad" for name in JOINTS])
    np.testing.assert_array_equal(states(named, cache), wanted)


def test_joints_of_other_names_are_declared(two_tasks, cache, tmp_path):
    names = ["pan", *(f"{name}.pos" for name in JOINTS[1:])]
    other = converted(two_tasks, tmp_path / "other", lambda q: q, "rad", names)
    np.testing.assert_array_equal(
        states(other, cache, joints={"shoulder_pan": "pan"}), states(two_tasks, cache)
    )
    with pytest.raises(DataError, match="joints, shoulder_pan=pan"):
        states(other, cache)
    with pytest.raises(DataError, match="Declare which is which"):
        states(other, cache, joints={"shoulder_pan": "pan", "gripper": "pan"})


def test_an_action_is_in_force_at_its_own_row_or_one_later_as_the_dataset_says(two_tasks, cache, tmp_path):
    """Others send their action when they have observed; ours, by rule 2, tell what was in force a row later."""
    with Recordings.open([SourceSpec(two_tasks)], TABLE, cache) as table:
        rows, valid = table.column("rows"), table.column("valid")
    np.testing.assert_allclose(
        rows[4, 0, :5], row(0, 4)["action"][:5], atol=0.02
    )  # row_s is 4 ms beside the picture
    assert valid[19].tolist() == [True, False, False]
    ours = converted(two_tasks, tmp_path / "ours", lambda q: q, "rad")
    path = ours / "meta/info.json"
    info = json.loads(path.read_text())
    info["motorium"]["pairing"] = 2
    path.write_text(json.dumps(info))
    with Recordings.open([SourceSpec(ours)], TABLE, cache) as table:
        rows, valid = table.column("rows"), table.column("valid")
    np.testing.assert_allclose(rows[4, 1, :5], row(0, 4)["action"][:5], atol=1e-6)
    assert valid[19].tolist() == [True, True, False]
