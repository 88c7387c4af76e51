"""A user's robot, calibration and cameras of 0.1.0: the arm stands where it stood then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import motorium
from motorium._core import ServoEmulator
from motorium.cameras.setup import CameraSetup
from motorium.cli.main import main
from motorium.robots.calibration import Calibration
from motorium.robots.identity import Identity
from motorium.robots.lerobot_calibration import read_lerobot, write_lerobot
from motorium.specs.robot import RobotSpec

TASK = "put the red cube in the tray"
OWN_SERVO_HASH = "504b8cc6a966d44308581e313d22933b6ca2ff9cbd75769860139ee5269b99b2"
"""Of robot/own_servo.toml, by 0.1.0."""


@pytest.fixture
def servos() -> Iterator[ServoEmulator]:
    emulator = ServoEmulator([1, 2, 3, 4, 5, 6])
    yield emulator
    emulator.close()


@pytest.mark.parametrize("calibration", ["by-hand", "by its file"])
def test_an_arm_stands_where_it_stood(
    at_home: Path, servos: ServoEmulator, recorded, calibration: str
) -> None:
    stood = recorded("calibration/stands.json")
    servos.update(np.array(stood["ticks"], np.int32), np.zeros(6, np.int32), np.zeros(6, np.int32))
    given = (
        calibration if calibration == "by-hand" else str(at_home / "config/motorium/calibration/by-hand.json")
    )
    robot = motorium.Robot.open(str(at_home / "robot/mine.toml"), port=servos.port, calibration=given)
    try:
        state = robot.observe(TASK).state
    finally:
        robot.close()
    assert {str(slot) for slot in np.flatnonzero(state)} == set(stood["slots"])
    for slot, value in stood["slots"].items():
        assert state[int(slot)] == pytest.approx(value, abs=1e-6), slot


def test_a_calibration_says_what_it_said(at_home: Path) -> None:
    for name, robot in (("by-hand", "robot/mine.toml"), ("from-lerobot", "so101")):
        spec = RobotSpec.load(robot)
        path = at_home / f"config/motorium/calibration/{name}.json"
        before = json.loads(path.read_text())
        found = Calibration.load(name, spec)
        for joint, zero in before["joints"].items():
            now = found.joints[joint]
            assert (now.zero_ticks, now.sign, now.homing_offset, now.reverse) == (
                zero["zero_ticks"], zero["sign"], zero["homing_offset"], zero["reverse"],
            )  # fmt: skip
        found.save(at_home / "again.json")
        assert json.loads((at_home / "again.json").read_text()) == before, "written as it was read"


@pytest.mark.usefixtures("at_home")
def test_a_calibration_of_a_robot_with_a_servo_file_still_opens(tmp_path: Path) -> None:
    """0.1.0 put the servo file's path into the hash."""
    spec = RobotSpec.load("robot/own_servo.toml")
    made = replace(Calibration.nominal(spec), spec_hash=OWN_SERVO_HASH)
    made.save(tmp_path / "made.json")
    assert Calibration.load(tmp_path / "made.json", spec) == made
    then = Identity(spec.name, OWN_SERVO_HASH)
    assert then.same_declaration(Identity.of(spec, None)), "its recordings go on"
    assert Identity.of(spec, None).same_declaration(then)
    other = Identity.of(RobotSpec.load("robot/mine.toml"), None)
    assert not then.same_declaration(other)


def test_the_file_for_lerobot_is_written_the_same(at_home: Path) -> None:
    spec = RobotSpec.load("robot/mine.toml")
    kept = at_home / "calibration/to-lerobot.json"
    write_lerobot(Calibration.load("by-hand", spec), spec, at_home / "again.json")
    assert json.loads((at_home / "again.json").read_text()) == json.loads(kept.read_text())
    theirs = read_lerobot(kept, RobotSpec.load("so101"))
    assert theirs.joints == Calibration.load("from-lerobot", RobotSpec.load("so101")).joints


def test_cameras_are_bound_as_they_were(at_home: Path) -> None:
    path = at_home / "config/motorium/cameras/mine.json"
    before = json.loads(path.read_text())
    setup = CameraSetup.load("mine")
    assert (setup.cameras["front"].usb_path, setup.cameras["wrist"].kind) == ("1-1.2", "realsense")
    assert setup.cameras["front"].max_age_s == 0.4
    setup.save()
    assert json.loads(path.read_text()) == before


@pytest.mark.usefixtures("at_home")
def test_a_servo_beside_its_robot_is_found() -> None:
    said = CliRunner().invoke(main, ["robots", "robot/own_servo.toml", "--json"])
    assert said.exit_code == 0, said.output
    spec = RobotSpec.load("robot/own_servo.toml")
    assert spec.control.settle_s == 0.8
    assert spec.control.estop_hold_s == 0.4
    assert (spec.control.fallback, spec.control.fallback_after_s, spec.exit.policy) == (
        "hold",
        2.5,
        "release",
    )
