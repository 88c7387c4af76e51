"""Real arms calibrate: joints that go further or less far than declared, and every file that LeRobot ever wrote."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import math
import os
import pty
import re
import select
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motorium._core import ServoEmulator
from motorium.cli.main import main
from motorium.errors import CalibrationError, SpecError
from motorium.robots.calibration import Calibration, spec_hash
from motorium.robots.lerobot_calibration import read_lerobot, write_lerobot
from motorium.robots.sweep import Sweep
from motorium.specs import robot as specs
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
TURN = MotorSpec.load("sts3215").ticks_per_turn
PER_RAD = TURN / (2 * math.pi)
Ranges = tuple[tuple[int, int], ...]

PUBLISHED: dict[str, tuple[str, Ranges]] = {
    "gripper 1.27 times": (
        "so101",
        ((746, 3477), (822, 3211), (901, 3110), (849, 3216), (135, 3984), (1975, 3565)),
    ),
    "gripper 1.15 times": (
        "so101",
        ((743, 3458), (915, 3273), (154, 2334), (805, 3142), (66, 3894), (1456, 2901)),
    ),
    "roll not recorded": (
        "so101",
        ((974, 3369), (820, 3231), (910, 3122), (920, 3228), (0, 4095), (1532, 2772)),
    ),
    "gripper 1.19 times": (
        "so101",
        ((760, 3280), (815, 3170), (900, 3115), (745, 3075), (160, 4035), (2010, 3500)),
    ),
    "wrist 1.19 times": (
        "so101",
        ((943, 3337), (775, 3266), (890, 3081), (652, 3222), (0, 4095), (1925, 3343)),
    ),
    "leader": (
        "so101_leader",
        ((725, 3449), (862, 3253), (842, 3047), (909, 3254), (139, 3971), (2032, 3288)),
    ),
}
ARMS = {
    **PUBLISHED,
    "koch, for want of a published one": (
        "koch_follower",
        ((0, 4095), (1400, 2980), (1050, 3200), (800, 3500), (0, 4095), (1900, 3200)),
    ),
}
NARROW: Ranges = ((994, 3064), (306, 2621), (1108, 3297), (731, 3210), (913, 3093), (2015, 3522))


def table(ranges: Ranges) -> dict[str, dict[str, int]]:
    return {
        name: {
            "id": i + 1, "drive_mode": 0, "homing_offset": 63 - 100 * i, "range_min": low, "range_max": high
        }
        for i, (name, (low, high)) in enumerate(zip(JOINTS, ranges, strict=True))
    }  # fmt: skip


def file(tmp_path: Path, ranges: Ranges, encoding: str = "utf-8") -> Path:
    path = tmp_path / "arm.json"
    path.write_text(json.dumps(table(ranges)), encoding=encoding)
    return path


def opening(calibration: Calibration, spec: RobotSpec, ticks: int) -> float:
    joint, zero = spec.joints[-1], calibration.joints["gripper"]
    return zero.sign * (ticks - zero.zero_ticks) / PER_RAD * joint.slot_scale + joint.slot_offset


def swept(spec: RobotSpec, ranges: Ranges, accept: tuple[str, ...] = ()) -> Sweep:
    sweep = Sweep(spec, TURN, dict.fromkeys(JOINTS, 0), accept)
    for step in range(101):
        phase = math.sin(step / 100 * 2 * math.pi)
        middles = (
            (name, (low + high) / 2, (high - low) / 2)
            for name, (low, high) in zip(JOINTS, ranges, strict=True)
        )
        sweep.feed({name: round(middle + phase * half) % TURN for name, middle, half in middles})
    return sweep


@pytest.mark.parametrize("which", ARMS)
def test_files_of_real_arms_are_taken_and_closed_is_closed(
    tmp_path: Path, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    robot, ranges = ARMS[which]
    spec = RobotSpec.load(robot)
    path = file(tmp_path, ranges)
    found = read_lerobot(path, spec)
    assert abs(opening(found, spec, ranges[-1][0])) < 0.02
    assert opening(found, spec, ranges[-1][1]) > 0.95
    assert caplog.records == []
    write_lerobot(found, spec, path)
    assert json.loads(path.read_text()) == table(ranges), "and go back to LeRobot as they came"


@pytest.mark.parametrize("which", [w for w, (robot, r) in PUBLISHED.items() if r[4] != (0, 4095)])
def test_an_arm_that_moves_so_far_is_calibrated_by_hand(which: str) -> None:
    robot, ranges = PUBLISHED[which]
    spec = RobotSpec.load(robot)
    sweep = swept(spec, ranges)
    assert sweep.complete
    found = Calibration(spec.name, spec_hash(spec), sweep.zeros(), travel_ticks=sweep.travel_ticks())
    assert abs(opening(found, spec, found.travel_ticks["gripper"][0])) < 0.02
    assert found.warnings(spec) == []


def test_a_joint_with_the_drive_reversed_is_closed_at_its_other_end(tmp_path: Path) -> None:
    spec = RobotSpec.load("so101")
    path = file(tmp_path, PUBLISHED["gripper 1.27 times"][1])
    reversed_ = json.loads(path.read_text())
    reversed_["gripper"]["drive_mode"] = 1
    path.write_text(json.dumps(reversed_))
    assert abs(opening(read_lerobot(path, spec), spec, 3565)) < 0.02


def test_a_narrow_joint_is_a_warning_that_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = RobotSpec.load("so101")
    path = file(tmp_path, NARROW)
    with caplog.at_level(logging.WARNING):
        found = read_lerobot(path, spec)
    pan = caplog.messages[0]
    assert "shoulder_pan moved 3.18 rad, 83% of its 3.84 rad: 0.66 rad are missing" in pan
    assert "up to 0.33 rad off" in pan
    found.save(tmp_path / "kept.json")
    assert Calibration.load(tmp_path / "kept.json", spec).warnings(spec) == caplog.messages
    sweep = swept(spec, NARROW)
    assert not sweep.complete
    assert any("--accept shoulder_pan" in line for line in sweep.incomplete())
    assert swept(spec, NARROW, ("shoulder_pan", "wrist_roll")).complete
    assert sweep.zeros()["shoulder_pan"].zero_ticks == pytest.approx((994 + 3064) / 2, abs=1)


def test_what_is_refused_names_range_and_way_round(tmp_path: Path) -> None:
    spec = RobotSpec.load("so101")
    wild = ((20, 4070), *PUBLISHED["roll not recorded"][1][1:5], (1500, 1800))
    path = file(tmp_path, wild)
    with pytest.raises(CalibrationError) as refused:
        read_lerobot(path, spec)
    assert "shoulder_pan moved 6.21 rad of 3.84 rad (3.26 to 4.60 rad are allowed)" in str(refused.value)
    assert "gripper moved 0.46 rad of 1.92 rad (1.63 to 2.80 rad are allowed)" in str(refused.value)
    assert "--accept gripper" in str(refused.value)
    taken = read_lerobot(path, spec, accept=("shoulder_pan", "gripper"))
    assert abs(opening(taken, spec, 1500)) < 0.02
    with pytest.raises(CalibrationError, match="no joint 'grippers'"):
        read_lerobot(path, spec, accept=("grippers",))
    unknown = file(tmp_path, (*PUBLISHED["leader"][1][:5], (0, 4095)))
    with pytest.raises(CalibrationError, match="its closed position is unknown"):
        read_lerobot(unknown, spec)


def test_the_verb_takes_a_file_that_needs_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = str(file(tmp_path, (*NARROW[:5], (1500, 1800))))
    call = ["calibrate", "so101", "--from-lerobot", path, "--json"]
    assert "--accept gripper" in CliRunner().invoke(main, call).stdout
    result = CliRunner().invoke(main, [*call, "--accept", "gripper"])
    assert result.exit_code == 0, result.output
    assert any("shoulder_pan" in line for line in json.loads(result.stdout)["warnings"])


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    spec = RobotSpec.load("so101")
    ranges = PUBLISHED["roll not recorded"][1]
    assert read_lerobot(file(tmp_path, ranges, "utf-8-sig"), spec) == read_lerobot(
        file(tmp_path, ranges), spec
    )
    marked = tmp_path / "marked.toml"
    text = (specs.DATA / "so101.toml").read_text(encoding="utf-8")
    marked.write_text(text, encoding="utf-8-sig")
    assert RobotSpec.load(marked).joints == spec.joints
    kept = tmp_path / "kept.json"
    Calibration.nominal(spec).save(kept)
    kept.write_text(kept.read_text(), encoding="utf-8-sig")
    assert Calibration.load(kept, spec).robot == "so101"


def test_the_old_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    old = {
        "homing_offset": [-2145] * 6,
        "drive_mode": [0] * 6,
        "start_pos": [2085] * 6,
        "end_pos": [3169] * 6,
    }
    path.write_text(json.dumps({**old, "calib_mode": ["DEGREE"] * 6, "motor_names": list(JOINTS)}))
    with pytest.raises(
        CalibrationError,
        match=r"LeRobot's format from before May 2025.*motorium calibrate so101.*lerobot-calibrate",
    ):
        read_lerobot(path, RobotSpec.load("so101"))


def test_bounds_of_travel_leave_calibrations_of_before_valid() -> None:
    """The hash is that of the files of release 0.1.0, in which no joint declared any."""
    spec = RobotSpec.load("so101")
    bare = replace(
        spec, joints=tuple(replace(j, min_travel_rad=0.0, max_travel_rad=0.0) for j in spec.joints)
    )
    assert spec_hash(bare) == spec_hash(spec)
    assert spec_hash(spec) == "517731b23aea935904eb657381de4a55c96f7b1504e8c9b6320ea4345ffb894b"


def test_a_file_of_release_0_1_0_opens_and_means_the_same(tmp_path: Path) -> None:
    spec, zero = RobotSpec.load("so101"), {"zero_ticks": 2048.0, "sign": 1, "homing_offset": None}
    old = {
        "format": "motorium-calibration",
        "version": 1,
        "robot": "so101",
        "spec_hash": "517731b23aea935904eb657381de4a55c96f7b1504e8c9b6320ea4345ffb894b",
        "adapter": "58CD177682",
        "joints": dict.fromkeys(JOINTS, zero),
        "checksum": "c2884aa03727d26260d52414214e02809fdbb09fd5426e23617379c52c69b7e5",
    }
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old, indent=2))
    found = Calibration.load(path, spec)
    assert found.joints == Calibration.nominal(spec).joints
    assert (found.adapter, found.usb_path, found.warnings(spec)) == ("58CD177682", None, [])
    path.write_text(json.dumps({**old, "travel_ticks": {"gripper": [3000, 2000]}}))
    with pytest.raises(CalibrationError, match="checksum"):
        Calibration.load(path, spec)


@pytest.mark.parametrize(
    ("name", "value"), [("max_travel_rad", 1.0), ("min_travel_rad", -0.1), ("min_travel_rad", 9.0)]
)
def test_bounds_that_contradict_each_other_are_refused(tmp_path: Path, name: str, value: float) -> None:
    text = (specs.DATA / "so101.toml").read_text(encoding="utf-8")
    text = re.sub(r"max_travel_rad = 4\.6 .*", f"{name} = {value}", text, count=1)
    path = tmp_path / "so101.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=r"shoulder_pan.*min_travel_rad"):
        RobotSpec.load(path)


def test_enter_ends_the_sweep_of_an_arm_that_cannot_go_all_the_way(tmp_path: Path) -> None:
    """On a terminal, where what was typed before the sweep does not count."""
    spec = RobotSpec.load("so101")
    emulator = ServoEmulator([joint.id for joint in spec.joints])
    middle, half = (
        np.array([2029, 1464, 2202, 1970, 2003, 2768]),
        np.array([1035, 1157, 1094, 1239, 1090, 753]),
    )
    leader, line = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "motorium", "calibrate", "so101", "--port", emulator.port, "--yes", "--limit", "50"],
        stdin=line, stdout=line, stderr=line, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads here
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    os.close(line)
    os.write(leader, b"\n")
    shown, step, heard, pressed = "", 0, 0, False
    while process.poll() is None:
        ticks = (middle + half * np.sin(step * np.pi / 32)).round().astype(np.int32)
        emulator.update(ticks, np.zeros(6, np.int32), np.zeros(6, np.int32))
        if select.select([leader], [], [], 0.004)[0]:
            with contextlib.suppress(OSError):  # it ended
                shown += os.read(leader, 65536).decode(errors="replace")
        moving = "Enter when every joint" in shown
        before, heard = heard, emulator.stats().requests
        step += moving and heard > before  # a busy machine never sees it leap
        if step > 80 and not pressed:
            os.write(leader, b"\n")
            pressed = True
    emulator.close()
    os.close(leader)
    assert process.returncode == 0, shown[-2000:]
    assert pressed
    assert "shoulder_pan moved 3.18 rad, 83% of its 3.84 rad" in shown
    assert "wrote " in shown
