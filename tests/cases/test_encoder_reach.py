"""What an encoder cannot tell is refused when the file is read, and again with a calibration's zeros; never clamped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from servo_memory import Servos

from motorium.errors import CalibrationError, SpecError
from motorium.foreign import parse_toml
from motorium.robots.bus import bus_config
from motorium.robots.vendor_kit import VendorKit
from motorium.specs import servo as motor_spec
from motorium.specs.robot import DATA, RobotSpec
from motorium.specs.servo import MotorSpec
from motorium.specs.zero import JointZero

PER_RAD = 4096 / (2 * np.pi)


def with_range(folder: Path, robot: str, low: float, high: float) -> Path:
    """A shipped robot whose wrist_roll has other limits."""
    head, tail = (DATA / f"{robot}.toml").read_text(encoding="utf-8").split('name = "wrist_roll"')
    lines = tail.split("\n")
    for i, line in enumerate(lines[:20]):
        if line.startswith("lower_rad"):
            lines[i] = f"lower_rad = {low}"
        if line.startswith("upper_rad"):
            lines[i] = f"upper_rad = {high}"
    path = folder / f"{robot}.toml"
    path.write_text(head + 'name = "wrist_roll"' + "\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("robot", "low", "high", "message"),
    [
        ("so101", -0.2, 5.0, r"wrist_roll is declared from -0.20 to 5.00 rad, .* tells -3.14 to 3.14 rad"),
        ("so101", -3.3, 1.0, r"wrist_roll is declared from -3.30 .* \(counts 0 to 4095\)"),
        ("koch_follower", -9.0, 9.0, r"wrist_roll travels 18.00 rad, a turn or more"),
        ("koch_follower", -0.2, 6.1, r"wrist_roll travels 6.30 rad, a turn or more"),
    ],
)
def test_limits_beyond_the_encoder_are_refused_when_the_file_is_read(tmp_path, robot, low, high, message):
    with pytest.raises(SpecError, match=message):
        RobotSpec.load(with_range(tmp_path, robot, low, high))


def test_and_again_with_the_zeros_of_a_calibration():
    spec = RobotSpec.load("so101")
    zeros = [JointZero(2048.0, 1)] * 6
    zeros[spec.joint_names.index("elbow_flex")] = JointZero(3200.0, 1)  # 1.69 rad beyond is count 4301
    with pytest.raises(CalibrationError, match=r"elbow_flex .* zero at count 3200 .*motorium calibrate"):
        bus_config(spec, zeros)


@pytest.mark.parametrize("at_rad", [4.0, -0.15, 4.95, 2.4])
def test_the_first_reading_lies_in_the_turn_of_the_joints_middle(tmp_path, at_rad):
    servos = Servos(RobotSpec.load(with_range(tmp_path, "koch_follower", -0.2, 5.0)))
    ticks = np.full(6, 2048)
    for turns in (-1, 0, 3):  # a servo counts on, and forgets turns when it restarts
        ticks[4] = 2048 + round(at_rad * PER_RAD) + 4096 * turns
        servos.place(ticks)
        bus = servos.open()
        assert servos.read(bus, "wrist_roll") == pytest.approx(at_rad, abs=0.01)
        del bus  # and the port with it


def test_the_vendors_kit_tells_turns_apart_in_the_same_way(tmp_path):
    pytest.importorskip("dynamixel_sdk", reason="comes with dynamixel-sdk")
    servos = Servos(RobotSpec.load(with_range(tmp_path, "koch_follower", -0.2, 5.0)))
    ticks = np.full(6, 2048)
    ticks[4] = 2048 + round(4.0 * PER_RAD) - 4096
    servos.place(ticks)
    kit = VendorKit(servos.chain.port, servos.spec, servos.zeros())
    servo = kit._servos[4]
    assert servo.from_zero(int(ticks[4])) * servo.rad_per_tick == pytest.approx(4.0, abs=0.01)
    assert servo.ticks(4.0) == pytest.approx(
        int(ticks[4]), abs=1
    )  # the goal is where it stands, in its own turn
    kit.relay.close()


def test_a_calibrated_sign_turns_the_middle_too(tmp_path):
    servos = Servos(RobotSpec.load(with_range(tmp_path, "koch_follower", -0.2, 5.0)))
    zeros = servos.zeros(wrist_roll=JointZero(1000.0, -1))
    ticks = np.full(6, 2048)
    ticks[4] = (1000 - round(4.5 * PER_RAD)) % 4096
    servos.place(ticks)
    assert servos.read(servos.open(zeros), "wrist_roll") == pytest.approx(4.5, abs=0.01)


def test_the_last_count_is_not_the_scale():
    little = MotorSpec.load("scs0009")
    assert (little.ticks_per_turn, little.max_ticks) == (1229, 1023)
    assert MotorSpec.load("sts3215").max_ticks == 4095  # one less, where a table does not say
    spec = RobotSpec.load("so101")
    joints = tuple(replace(joint, motor="scs0009", zero_ticks=512) for joint in spec.joints)
    with pytest.raises(CalibrationError, match=r"wrist_roll .*\(counts 0 to 1023\) tells -2.62 to 2.61 rad"):
        bus_config(replace(spec, joints=joints))
    short = tuple(
        replace(j, lower_rad=max(j.lower_rad, -2.6), upper_rad=min(j.upper_rad, 2.6)) for j in joints
    )
    config = bus_config(replace(spec, joints=short))
    assert max(joint.max_ticks for joint in config.joints) == 1023
    assert config.joints[0].ticks_per_rad == pytest.approx(1229 / (2 * np.pi))


@pytest.mark.parametrize("count", [-1, 32768])
def test_a_last_count_that_no_register_holds_is_refused(count):
    text = (motor_spec.DATA / "scs0009.toml").read_text(encoding="utf-8")
    table = parse_toml(text.replace("max_ticks = 1023", f"max_ticks = {count}"))
    with pytest.raises(SpecError, match=r"max_ticks is .*; valid: 1..32767"):
        motor_spec.parse(table)
