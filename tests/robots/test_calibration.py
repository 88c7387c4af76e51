"""Calibration files: round trip, and every way one can be wrong."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from motorium.errors import CalibrationError
from motorium.robots.calibration import Calibration, _checksum, spec_hash
from motorium.specs.robot import DATA as ROBOTS
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import DATA as MOTORS
from motorium.specs.zero import JointZero

SPEC = RobotSpec.load("so101")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    joints = {name: JointZero(2000.5 + i, -1 if i % 2 else 1) for i, name in enumerate(SPEC.joint_names)}
    path = tmp_path / "my-arm.json"
    Calibration(SPEC.name, spec_hash(SPEC), joints).save(path)
    return path


def test_round_trip(file: Path) -> None:
    loaded = Calibration.load(file, SPEC)
    assert loaded.joints["elbow_flex"] == JointZero(2002.5, 1)
    assert list(file.parent.iterdir()) == [file]


def test_found_by_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(file.parent / "config"))
    Calibration.load(file, SPEC).save(file.parent / "config/motorium/calibration/bench.json")
    assert Calibration.load("bench", SPEC).joints == Calibration.load(file, SPEC).joints
    with pytest.raises(CalibrationError, match="known: bench"):
        Calibration.load("other", SPEC)


def test_refused_when_the_declaration_changed(file: Path) -> None:
    wrist = dataclasses.replace(SPEC.joints[4], upper_rad=2.9)
    changed = dataclasses.replace(SPEC, joints=(*SPEC.joints[:4], wrist, SPEC.joints[5]))
    with pytest.raises(CalibrationError, match="calibrate the arm again"):
        Calibration.load(file, changed)
    described = dataclasses.replace(SPEC, description="other words")
    assert Calibration.load(file, described)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"robot": "koch"}, "for robot 'koch'"),
        ({"format": "lerobot"}, "not a motorium-calibration"),
        ({"version": 2}, "version 1"),
        ({"joints": {"gripper": {"zero_ticks": 1, "sign": 1, "homing_offset": 0}}}, "has joints gripper"),
        ({"joints": {"gripper": {"zero_ticks": 1, "sign": 0, "homing_offset": 0}}}, "valid choices: -1, 1"),
        ({"joints": {"gripper": {"zero_ticks": "1", "sign": 1, "homing_offset": 0}}}, "must be a number"),
        ({"joints": {"gripper": {"zero_ticks": True, "sign": 1, "homing_offset": 0}}}, "must be a number"),
        (
            {"joints": {"gripper": {"zero_ticks": 1, "sign": 1, "homing_offset": 1.5}}},
            "whole number of ticks",
        ),
        ({"joints": {"gripper": {"sign": 1}}}, "exactly the keys"),
        ({"adapter": 7}, "adapter must be"),
        ({"usb_path": 1.2}, "usb_path must be"),
        ({"travel_ticks": {"thumb": [1, 2]}}, "travel_ticks must name joints"),
        ({"travel_ticks": {"gripper": [2, 1]}}, "two rising counts"),
        ({"travel_ticks": {"gripper": [1, 1 << 30]}}, "two rising counts"),
        ({"travel_ticks": {"gripper": [True, 2]}}, "two rising counts"),
        ({"joints": []}, "needs the keys"),
    ],
)
def test_wrong_files_say_what_is_wrong(file: Path, change: dict[str, Any], message: str) -> None:
    table = {**json.loads(file.read_text()), **change}
    table["checksum"] = _checksum(table)
    file.write_text(json.dumps(table))
    with pytest.raises(CalibrationError, match=message):
        Calibration.load(file, SPEC)


def test_an_edited_file_is_refused(file: Path) -> None:
    file.write_text(file.read_text().replace("2002.5", "2202.5"))
    with pytest.raises(CalibrationError, match="checksum differs"):
        Calibration.load(file, SPEC)


def test_damaged_file(file: Path) -> None:
    file.write_text(file.read_text()[:40])
    with pytest.raises(CalibrationError, match="is not valid JSON"):
        Calibration.load(file, SPEC)


def own_servo(folder: Path, **changes: str) -> RobotSpec:
    """so101 with a servo file of its author beside it, in which some keys have other values."""
    folder.mkdir(exist_ok=True)
    robot = (ROBOTS / "so101.toml").read_text(encoding="utf-8")
    assert 'motor = "sts3215"' in robot
    (folder / "arm.toml").write_text(
        robot.replace('motor = "sts3215"', 'motor = "my.toml"'), encoding="utf-8"
    )
    servo = (MOTORS / "sts3215.toml").read_text(encoding="utf-8")
    for key, value in changes.items():
        servo, count = re.subn(rf"(?m)^{key} = \S+", f"{key} = {value}", servo)
        assert count == 1
    (folder / "my.toml").write_text(servo, encoding="utf-8")
    return RobotSpec.load(folder / "arm.toml")


def test_a_robot_with_a_servo_file_may_be_copied_with_its_calibration(tmp_path: Path) -> None:
    spec = own_servo(tmp_path / "here")
    Calibration.nominal(spec).save(tmp_path / "here" / "mine.json")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    there = RobotSpec.load(tmp_path / "there" / "arm.toml")
    assert (
        Calibration.load(tmp_path / "there" / "mine.json", there).joints == Calibration.nominal(spec).joints
    )


def test_what_a_servo_file_says_of_counts_belongs_to_the_calibration(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    Calibration.nominal(own_servo(tmp_path / "as-calibrated")).save(file)
    for number, change in enumerate(({"ticks_per_turn": "4100"}, {"model": '"sts3250"'})):
        with pytest.raises(CalibrationError, match="calibrate the arm again"):
            Calibration.load(file, own_servo(tmp_path / f"counts-{number}", **change))
    assert Calibration.load(file, own_servo(tmp_path / "tuned", stall_current_ma="2300.0", sag_rad="0.3"))
