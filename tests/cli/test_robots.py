"""`motorium robots`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from motorium.robots.calibration import Calibration
from motorium.robots.compiled import read_compiled
from motorium.robots.config import robot_config
from motorium.specs.robot import DATA, RobotSpec

SPEC = RobotSpec.load("so101")


def test_lists_every_robot_that_ships(call):
    robots = json.loads(call("robots", "--json").output)["robots"]
    assert sorted(robot["name"] for robot in robots) == sorted(path.stem for path in DATA.rglob("*.toml"))
    so101 = next(robot for robot in robots if robot["name"] == "so101")
    assert [joint["id"] for joint in so101["joints"]] == [1, 2, 3, 4, 5, 6]


def test_shows_one_robot_with_its_joints_and_cameras(call):
    shown = call("robots", "so101").output
    for word in ("shoulder_pan", "gripper", "opening", "wrist", "96x96", "200 Hz"):
        assert word in shown


def test_reads_a_robot_from_a_file(call, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text((DATA / "so101.toml").read_text(encoding="utf-8").replace("SO-101 follower", "My"))
    assert "My arm" in call("robots", str(mine)).output


def test_an_unknown_robot_is_refused_with_the_known_ones(shell):
    result = shell("robots", "r2d2")
    assert result.returncode == 2
    known = ", ".join(
        path.stem for folder in (DATA, DATA / "pairs") for path in sorted(folder.glob("*.toml"))
    )
    assert result.stderr == f"error: no robot 'r2d2'; known robots: {known}\n"


def test_a_duplicate_slot_is_refused_by_name(call, tmp_path):
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace("slot = 51", "slot = 50"))
    result = call("robots", str(bad))
    assert result.exit_code == 2
    assert "slot 50 is used more than once" in result.stderr


def test_the_verb_compiles_and_shows(call, tmp_path):
    path = tmp_path / "arm.robot"
    made = json.loads(call("robots", "--compile", "so101", "--out", str(path), "--json").output)
    assert (made["robot"], made["bytes"]) == ("so101", path.stat().st_size)
    shown = json.loads(call("robots", "--show", str(path), "--json").output)
    assert shown["hash"] == made["hash"] == robot_config(SPEC).content_hash().hex()
    assert [joint["name"] for joint in shown["joints"]] == list(SPEC.joint_names)
    assert shown["buses"][0]["family"] == "feetech"
    assert (shown["format"], shown["zeros"], shown["exit"]) == (1, "nominal", "park")
    table = call("robots", "--show", str(path)).output
    assert "on exit park, nominal zeros" in table
    assert "rest rad" in table
    assert "front   96x96  20" in table
    assert "shoulder_pan" in table
    assert shown["hash"] in table
    for arguments in (["--compile", "so101"], ["so101", "--show", str(path)], ["--out", str(path)]):
        assert call("robots", *arguments).exit_code == 2
    path.write_bytes(b"not a robot at all, but long enough for the header of one, or so it seems")
    refused = call("robots", "--show", str(path))
    assert refused.exit_code == 2
    assert "not a compiled robot" in refused.output


def test_both_tables_write_a_limit_alike(call, tmp_path):
    path = tmp_path / "arm.robot"
    call("robots", "--compile", "so101", "--out", str(path))
    for arguments in (["so101"], ["--show", str(path)]):
        assert "-0.174533" in call("robots", *arguments).output


def test_a_compiled_pair_shows_the_side_of_every_servo(call, tmp_path):
    path = tmp_path / "arms.robot"
    call("robots", "--compile", "bi_so101_follower", "--out", str(path))
    rows = [line.split() for line in call("robots", "--show", str(path)).output.splitlines()]
    sides = {row[0]: row[1] for row in rows if len(row) > 3 and row[2] == "feetech"}
    assert len(sides) == 12
    assert all(joint.startswith(f"{side}_") for joint, side in sides.items())


def test_compiling_says_in_one_line_what_was_made(shell, tmp_path):
    path = tmp_path / "arm.robot"
    done = shell("robots", "--compile", "so101", "--out", str(path))
    assert done.stdout.startswith(f"{path}: so101, nominal zeros; {path.stat().st_size} bytes, SHA-256 ")
    assert done.stderr == "--calibration CALIBRATION gives an arm its own zeros\n"


@pytest.mark.parametrize("arguments", [["sim:so101"], ["--compile", "sim:so101", "--out", "never.robot"]])
def test_how_an_arm_is_opened_is_no_robot(call, arguments):
    refused = call("robots", *arguments)
    assert refused.exit_code == 2
    assert "sim:so101 is how to open an arm; the robot is so101" in refused.output


def test_a_compiled_robot_is_not_run_from_python(call, tmp_path):
    path = tmp_path / "arm.robot"
    call("robots", "--compile", "so101", "--out", str(path))
    refused = call("run", "so101-pick", "--robot", str(path), "--task", "put the red cube in the tray")
    assert refused.exit_code == 2
    assert "arm.robot is a compiled robot, which C++ opens" in refused.output


def test_a_calibration_goes_into_the_file(call, tmp_path):
    zeros = Calibration.nominal(SPEC)
    joints = {name: replace(zero, zero_ticks=2000.0, homing_offset=12) for name, zero in zeros.joints.items()}
    calibration, path = tmp_path / "mine.json", tmp_path / "mine.robot"
    replace(zeros, joints=joints).save(calibration)
    assert (
        call("robots", "--compile", "so101", "--calibration", str(calibration), "--out", str(path)).exit_code
        == 0
    )
    config = read_compiled(Path(path))
    assert json.loads(call("robots", "--show", str(path), "--json").output)["zeros"] == "calibrated"
    assert {servo.zero_ticks for servo in config.buses[0].joints} == {2000.0}
    offsets = [setting.value for setting in config.buses[0].settings if setting.words.name == "homing_offset"]
    assert offsets == [12] * 6


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('name = "x\\u0000y"', "bad.toml: a robot's texts are UTF-8"),
        (f'name = "{"x" * 1001}"', "is longer than 200 bytes"),
        ("max_velocity_rad_s = 1e-320", "so101: joint limits are contradictory"),
    ],
)
def test_what_no_compiled_robot_can_hold_is_refused_in_words(call, tmp_path, line, told):
    key = line.split()[0]
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    bad, out = tmp_path / "bad.toml", tmp_path / "bad.mtr"
    bad.write_text(re.sub(rf"^{key} = \S+", lambda _: line, text, count=1, flags=re.MULTILINE))
    result = call("robots", "--compile", str(bad), "--out", str(out))
    assert result.exit_code == 2
    assert told in result.stderr
    assert not out.exists()
