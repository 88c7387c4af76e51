"""Calibration end to end: virtual servos moved by an unseen hand, the verb, and a robot that stands where it is."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motorium._core import JointState, ServoEmulator, ServoFault
from motorium.cli import _sweep_view
from motorium.cli.main import main
from motorium.errors import BusError, CalibrationError
from motorium.motors.emulated import emulate
from motorium.robots import calibration as store
from motorium.robots.bus import bus_config, open_joints
from motorium.robots.calibrate import calibrate
from motorium.robots.calibration import Calibration, spec_hash
from motorium.robots.lerobot_calibration import read_lerobot, write_lerobot
from motorium.robots.robot import Robot
from motorium.robots.sweep import Sweep
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec
from motorium.specs.zero import JointZero

SPEC = RobotSpec.load("so101")
(TURN,) = {MotorSpec.load(motor).ticks_per_turn for motor in SPEC.motor_names}
PER_RAD = TURN / (2 * math.pi)
LOWER = np.array([joint.lower_rad for joint in SPEC.joints])
UPPER = np.array([joint.upper_rad for joint in SPEC.joints])
ENCODER_ZERO = np.array([2048, 4000, 100, 3000, 2048, 900])
"""Where the horns were mounted: the seam lies inside the travel of four joints."""


class Hand:
    """Moves a limp arm from stop to stop, slowly at the pace of a 50 Hz film, until told to stop."""

    def __init__(self, share: float = 1.0) -> None:
        self.emulator = ServoEmulator([joint.id for joint in SPEC.joints])
        self.share, self.phase = share, 0.0
        self.place((LOWER + UPPER) / 2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def place(self, q_rad: np.ndarray) -> None:
        ticks = np.rint(ENCODER_ZERO + q_rad * PER_RAD).astype(np.int32) % TURN
        self.emulator.update(ticks, np.zeros(6, np.int32), np.zeros(6, np.int32))

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            self.phase += 0.02
            self.place((LOWER + UPPER) / 2 + self.share * math.sin(self.phase) * (UPPER - LOWER) / 2)

    def __enter__(self) -> Hand:
        self._thread.start()
        return self

    def rest(self) -> None:
        self._stop.set()
        self._thread.join()
        self.place(np.array([joint.rest_rad for joint in SPEC.joints]))

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.emulator.close()


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hand]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Hand() as moving:
        yield moving


def test_a_calibrated_arm_knows_where_it_stands(hand: Hand) -> None:
    found = calibrate(SPEC, hand.emulator.port, lambda sweep, still_s: sweep.complete and still_s > 0.3)
    offsets = [found.joints[name].homing_offset for name in SPEC.joint_names]
    assert offsets[0] == 0, "shoulder_pan is mounted well and keeps its own"
    assert all(offset != 0 for offset in offsets[1:4])
    hand.rest()
    with Robot.open("so101", port=hand.emulator.port, calibration=found) as robot:
        rest = [joint.rest_rad for joint in SPEC.joints]
        np.testing.assert_allclose(robot.position_rad, rest, atol=0.03)


def test_an_arm_whose_servos_count_over_the_seam_keeps_their_offsets() -> None:
    spec = RobotSpec.load("koch_leader")
    lower = np.array([joint.lower_rad for joint in spec.joints])
    upper = np.array([joint.upper_rad for joint in spec.joints])
    mounted = np.array([2048, 4000, 100, 3000, 2048, 900])
    servos = emulate([joint.id for joint in spec.joints], spec.motor_names)
    supply = [50] * 6
    (turn,) = {MotorSpec.load(motor).ticks_per_turn for motor in spec.motor_names}
    stop, phase = threading.Event(), 0.0

    def place(q_rad: np.ndarray) -> None:
        servos.update(
            np.rint(mounted + q_rad * turn / (2 * np.pi)).astype(np.int32), [0] * 6, [0] * 6, supply
        )

    def move() -> None:
        nonlocal phase
        while not stop.wait(0.005):
            phase += 0.02
            place((lower + upper) / 2 + math.sin(phase) * (upper - lower) / 2)

    place((lower + upper) / 2)
    thread = threading.Thread(target=move, daemon=True)
    thread.start()
    found = calibrate(spec, servos.port, lambda sweep, still_s: sweep.complete and still_s > 0.3)
    stop.set()
    thread.join()
    assert all(zero.homing_offset is None for zero in found.joints.values())
    off = np.array([zero.zero_ticks for zero in found.joints.values()]) - mounted
    assert np.abs((off + turn // 2) % turn - turn // 2).max() < 20
    place(np.full(6, 0.03))
    config = bus_config(spec, list(found.joints.values()))
    config.reply_margin_s = 0.3
    bus, readings = open_joints(servos.port, config), JointState()
    bus.read_state(readings)
    np.testing.assert_allclose(readings.position_rad, 0.03, atol=0.03)
    servos.close()


def test_the_verb_saves_what_the_next_program_finds(
    hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sweep_view, "STILL_S", 0.5)
    exported = tmp_path / "lerobot.json"
    result = CliRunner().invoke(
        main, ["calibrate", "so101", "--port", hand.emulator.port, "--json", "--to-lerobot", str(exported)]
    )
    assert result.exit_code == 0, result.output
    reply = json.loads(result.output)
    saved = Calibration.load("so101", SPEC)
    assert Path(reply["file"]) == store.find("so101")
    assert reply["joints"]["elbow_flex"]["homing_offset"] == saved.joints["elbow_flex"].homing_offset
    again = read_lerobot(exported, SPEC)
    for name, zero in saved.joints.items():
        assert again.joints[name].homing_offset == zero.homing_offset
        assert again.joints[name].zero_ticks == pytest.approx(zero.zero_ticks, abs=2.0)


def test_a_joint_left_out_is_named_and_nothing_is_written(hand: Hand) -> None:
    hand.share = 0.5
    before = [hand.emulator.registers(joint.id)[31:33] for joint in SPEC.joints]
    result = CliRunner().invoke(main, ["calibrate", "so101", "--port", hand.emulator.port, "--limit", "1"])
    assert result.exit_code == 2
    assert all(name in result.output for name in SPEC.joint_names)
    assert "move it from stop to stop" in result.output
    assert [hand.emulator.registers(joint.id)[31:33] for joint in SPEC.joints] == before
    assert not list(store.directory().glob("*"))


def test_a_loose_cable_is_named(hand: Hand) -> None:
    def loosen(_sweep: Sweep, _still_s: float) -> bool:
        hand.emulator.set_fault(ServoFault.DROP, 4)
        return False

    with pytest.raises(BusError, match=r"wrist_flex .*stopped answering"):
        calibrate(SPEC, hand.emulator.port, loosen)


def test_a_simulated_arm_needs_none() -> None:
    result = CliRunner().invoke(main, ["calibrate", "sim:so101"])
    assert result.exit_code == 2
    assert "needs no calibration" in result.output


def test_found_by_the_serial_number_of_the_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(
        store, "adapter_serial", {"/dev/left": "L1", "/dev/right": "R1", "/dev/bare": None}.get
    )
    for name, zero, serial in (("left", 1000.0, "L1"), ("right", 1100.0, "R1"), ("so101", 1200.0, None)):
        joints = {joint: JointZero(zero, 1, 5) for joint in SPEC.joint_names}
        Calibration(SPEC.name, spec_hash(SPEC), joints, serial).save(store.directory() / f"{name}.json")
    (store.directory() / "broken.json").write_text("{")
    for port, zero in (("/dev/left", 1000.0), ("/dev/right", 1100.0), ("/dev/bare", 1200.0)):
        assert Calibration.of_adapter(port, SPEC).joints["gripper"] == JointZero(zero, 1, 5)
    Calibration.load("left", SPEC).save(store.directory() / "twin.json")
    with pytest.raises(CalibrationError, match="left, twin are all calibrations of the adapter L1"):
        Calibration.of_adapter("/dev/left", SPEC)


LEROBOT = {
    name: {
        "id": i,
        "drive_mode": 0,
        "homing_offset": -100,
        "range_min": 2048 - 1200,
        "range_max": 2048 + 1200,
    }
    for i, name in enumerate(SPEC.joint_names, start=1)
}
LEROBOT["wrist_roll"] |= {"range_min": 0, "range_max": 4095}
LEROBOT["gripper"] |= {"range_min": 2000, "range_max": 3250}


def test_a_file_of_lerobot_means_the_same_angles(tmp_path: Path) -> None:
    path = tmp_path / "follower.json"
    path.write_text(json.dumps(LEROBOT))
    found = read_lerobot(path, SPEC)
    assert found.joints["shoulder_pan"] == JointZero(2048.0, 1, -100)
    assert found.joints["wrist_roll"] == JointZero(2047.5, 1, -100)
    gripper = found.joints["gripper"]
    assert (2000 - gripper.zero_ticks) / PER_RAD == pytest.approx(SPEC.joints[5].lower_rad, abs=0.01)
    write_lerobot(found, SPEC, path)
    assert json.loads(path.read_text())["shoulder_pan"]["homing_offset"] == -100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gripper": {}}, "exactly the keys id, drive_mode"),
        ({"gripper": LEROBOT["gripper"] | {"range_min": 3300}}, "not inside 0..4095"),
        ({"gripper": LEROBOT["gripper"] | {"range_max": 2100}}, "calibrate the arm again"),
        ({"gripper": LEROBOT["gripper"] | {"range_max": True}}, "whole number"),
        ({"gripper": LEROBOT["gripper"] | {"id": 5}}, "not one of servo 6"),
        ({"thumb": LEROBOT["gripper"]}, "has elbow_flex, gripper.*thumb"),
    ],
)
def test_a_file_of_lerobot_that_does_not_fit(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "follower.json"
    path.write_text(json.dumps(LEROBOT | change))
    with pytest.raises(CalibrationError, match=message):
        read_lerobot(path, SPEC)
