"""A servo that counts backwards by its own memory: the same physical turn reads the same sign, or it is refused."""

from __future__ import annotations

import json

import pytest
from servo_arm import TICKS_PER_RAD
from servo_memory import Servos, swept

from motorium.errors import CalibrationError
from motorium.robots.calibration import Calibration, spec_hash
from motorium.robots.lerobot_calibration import read_lerobot, write_lerobot
from motorium.specs.zero import JointZero

TICKS = 300
RAD = TICKS / TICKS_PER_RAD
BACKWARDS = {"koch_leader": ("drive_mode", 0x01), "so101_leader": ("phase", 0x8D)}
"""Per robot the register, and what makes its servo count backwards: of an STS3215 the direction of count and drive."""


@pytest.mark.parametrize("name", BACKWARDS)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_physical_turn_reads_the_same_sign(name, backwards, tmp_path):
    servos, (register, value) = Servos(name), BACKWARDS[name]
    if backwards:
        servos.remember("elbow_flex", register, value)
    found = swept(servos)
    assert found.joints["elbow_flex"].reverse is backwards
    found.save(tmp_path / "arm.json")
    again = Calibration.load(tmp_path / "arm.json", servos.spec)
    assert again.joints == found.joints
    zeros = [again.joints[name] for name in servos.spec.joint_names]
    servos.remember(
        "elbow_flex", register, 0x0C if register == "phase" else 0
    )  # and somebody undid it meanwhile
    servos.place([2048] * 6)
    bus = servos.open(zeros)
    here = servos.read(bus, "elbow_flex")
    assert here == pytest.approx(0.0, abs=0.1)
    servos.place([2048 + TICKS] * 6)
    assert servos.read(bus, "elbow_flex") - here == pytest.approx(RAD, abs=0.01)


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_calibration_that_does_not_know_of_it_is_refused(name):
    servos, (register, value) = Servos(name), BACKWARDS[name]
    servos.remember("elbow_flex", register, value)
    message = servos.refusal()
    assert f"has {register} (direction" in message
    assert "elbow_flex (servo 3" in message
    assert "calibrate the arm again" in message
    assert servos.memory("elbow_flex", register) & value == value


def test_an_older_file_is_read_as_it_was_written(tmp_path):
    spec = Servos("koch_leader").spec
    path = tmp_path / "old.json"
    joints = {name: JointZero(2000.0, 1, None) for name in spec.joint_names}
    Calibration(spec.name, spec_hash(spec), joints).save(path)
    table = json.loads(path.read_text())
    for entry in table["joints"].values():
        del entry["reverse"]
    import motorium.robots.calibration as store

    table["checksum"] = store._checksum(table)
    path.write_text(json.dumps(table))
    assert Calibration.load(path, spec).joints == joints
    table["joints"]["gripper"]["reverse"] = 1
    table["checksum"] = store._checksum(table)
    path.write_text(json.dumps(table))
    with pytest.raises(CalibrationError, match="reverse must be true, false or null"):
        Calibration.load(path, spec)


def test_lerobots_drive_mode_is_the_servos_own_on_a_koch_arm(tmp_path):
    servos = Servos("koch_leader")
    entry = {"drive_mode": 0, "homing_offset": 100, "range_min": 1100, "range_max": 3000}
    names = enumerate(servos.spec.joint_names, start=1)
    table = {name: {"id": i, **entry, "drive_mode": int(name == "elbow_flex")} for i, name in names}
    path = tmp_path / "leader.json"
    path.write_text(json.dumps(table))
    found = read_lerobot(path, servos.spec, accept=servos.spec.joint_names)
    assert (found.joints["elbow_flex"].sign, found.joints["elbow_flex"].reverse) == (-1, True)
    servos.open([found.joints[name] for name in servos.spec.joint_names])
    assert servos.memory("elbow_flex", "drive_mode") == 1
    assert servos.memory("wrist_flex", "drive_mode") == 0
    assert servos.memory("elbow_flex", "homing_offset") == 100
    write_lerobot(found, servos.spec, path)
    assert json.loads(path.read_text())["elbow_flex"] == table["elbow_flex"]


def test_a_sweep_keeps_the_offset_of_a_servo_that_counts_turns():
    servos = Servos("koch_leader")
    servos.remember("wrist_flex", "homing_offset", -500)
    found = swept(servos)
    assert found.joints["wrist_flex"].homing_offset == -500
    assert found.joints["elbow_flex"].homing_offset is None
    servos.place([2048] * 6)
    bus = servos.open([found.joints[name] for name in servos.spec.joint_names])
    assert servos.read(bus, "wrist_flex") == pytest.approx(0.0, abs=0.1)
    del bus  # and the port with it
    servos.remember("wrist_flex", "homing_offset", 0)
    assert servos.read(servos.open(list(found.joints.values())), "wrist_flex") == pytest.approx(0.0, abs=0.1)
