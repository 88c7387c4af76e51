"""Several servo models on one bus, and servos whose table the user brings: read and written in one cycle."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from motorium import _core, doctor
from motorium._core import BusStatus, JointState, Mode
from motorium.errors import SpecError
from motorium.motors.emulated import emulate, servo_model
from motorium.robots.bus import bus_config, open_joints
from motorium.robots.config import robot_config
from motorium.robots.robot import Robot
from motorium.specs.robot import DATA as ROBOTS
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import DATA as MOTORS
from motorium.specs.servo import MotorSpec

OWN_MODEL, OWN_TICKS, OWN_ZERO = 2825, 16384, 8192
TURN = 2 * math.pi


def edited(source: Path, target: Path, *changes: tuple[str, str]) -> Path:
    """A copy of a declaration with every `old` of `changes` replaced once."""
    text = source.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    target.write_text(text, encoding="utf-8")
    return target


@pytest.fixture
def own_servo(tmp_path) -> Path:
    """A table for a servo that motorium does not know: another model number and four times the resolution."""
    changes = [
        ('model = "sts3215"', 'model = "strong"'),
        ("model_number = 777", f"model_number = {OWN_MODEL}"),
    ]
    return edited(
        MOTORS / "sts3215.toml",
        tmp_path / "strong.toml",
        *changes,
        ("per_turn = 4096", f"per_turn = {OWN_TICKS}"),
    )


@pytest.fixture
def mixed_robot(tmp_path, own_servo) -> str:
    """so101 with that servo in its shoulder; the table lies beside the robot's."""
    joint = 'name = "shoulder_lift"\nid = 2\n'
    robot = tmp_path / "mixed.toml"
    own = f'{joint}motor = "{own_servo.name}"\n'
    text = edited(ROBOTS / "so101.toml", robot, (joint, own)).read_text(encoding="utf-8")
    before, after = text.split(own)
    robot.write_text(
        before + own + after.replace("zero_ticks = 2048", f"zero_ticks = {OWN_ZERO}", 1), encoding="utf-8"
    )
    return str(robot)


def test_two_feetech_models_are_read_and_written_in_one_cycle(mixed_robot, gated):
    spec = RobotSpec.load(mixed_robot)
    servos = emulate([joint.id for joint in spec.joints], spec.motor_names)
    bus = open_joints(servos.port, bus_config(spec))
    zeros = np.array([joint.zero_ticks for joint in spec.joints])
    servos.update(zeros + 100, [0] * 6, [0] * 6)
    requests = servos.stats().requests
    readings = JointState()
    assert bus.read_state(readings) == BusStatus.OK
    expected = np.full(6, 100 * TURN / 4096)
    expected[1] = 100 * TURN / OWN_TICKS
    np.testing.assert_allclose(np.abs(readings.position_rad), expected, atol=1e-6)
    assert bus.write_goal(gated(*[0.2] * 6)) == BusStatus.OK
    bus.read_state(readings)
    assert servos.stats().requests == requests + 3  # one sync read, one sync write, one sync read
    away = np.abs(servos.goals().goal_position_ticks - zeros)
    assert away[0] == round(0.2 * 4096 / TURN)
    assert away[1] == round(0.2 * OWN_TICKS / TURN)


def test_a_robot_with_a_servo_of_the_users_own_table_runs(mixed_robot):
    spec = RobotSpec.load(mixed_robot)
    servos = emulate([joint.id for joint in spec.joints], spec.motor_names)
    zeros = [joint.zero_ticks for joint in spec.joints]
    servos.update(zeros, [0] * 6, [0] * 6, [74] * 6)
    with Robot.open(mixed_robot, port=servos.port, calibration="nominal") as robot:
        assert servos.goals().torque_enable.tolist() == [1] * 6
        assert robot.status().mode is Mode.HOLDING
        robot.control.release()
    servos.update(zeros, [0] * 6, [0] * 6, [74] * 6)
    quick = {"bauds": (1_000_000,), "protocols": ("feetech",), "patience_s": 0.03}
    assert not doctor.check_bus(servos.port, mixed_robot, range(8), **quick).findings


def test_a_servo_that_is_not_what_the_table_says_is_refused(mixed_robot):
    spec = RobotSpec.load(mixed_robot)
    servos = emulate([joint.id for joint in spec.joints], ["sts3215"] * 6)
    with pytest.raises(OSError, match=f"servo 2 .* model number 777, expected {OWN_MODEL}"):
        open_joints(servos.port, bus_config(spec))


def test_what_one_request_cannot_reach_is_refused(tmp_path, mixed_robot):
    joint = 'name = "gripper"\nid = 6\n'
    robot = edited(ROBOTS / "so101.toml", tmp_path / "odd.toml", (joint, f'{joint}motor = "scs0009"\n'))
    before, after = robot.read_text(encoding="utf-8").split(joint)
    robot.write_text(
        before + joint + after.replace("zero_ticks = 2048", "zero_ticks = 512"), encoding="utf-8"
    )
    with pytest.raises(SpecError, match="another series"):
        bus_config(RobotSpec.load(robot))
    elsewhere = ("goal_position = { address = 42", "goal_position = { address = 90")
    edited(tmp_path / "strong.toml", tmp_path / "strong.toml", elsewhere)
    with pytest.raises(SpecError, match="goal_position must be at 42"):
        bus_config(RobotSpec.load(mixed_robot))


def test_koch_reads_and_writes_both_its_models_in_one_cycle(gated):
    spec = RobotSpec.load("koch_follower")
    assert len(set(spec.motor_names)) == 2
    servos = emulate([joint.id for joint in spec.joints], spec.motor_names)
    config = bus_config(spec)
    config.health_period_s = 60.0
    bus = open_joints(servos.port, config)
    servos.update([2048 + 100] * 6, [0] * 6, [0] * 6)
    readings = JointState()
    bus.read_state(readings)
    counts = []
    for _ in range(10):
        before = servos.stats().requests
        assert bus.read_state(readings) == BusStatus.OK
        assert bus.write_goal(gated(*[0.1] * 6)) == BusStatus.OK
        assert bus.read_state(readings) == BusStatus.OK
        counts.append(servos.stats().requests - before)
    assert min(counts) == 3, "more only where a late reply was asked for again"
    np.testing.assert_allclose(np.abs(readings.position_rad), 100 * TURN / 4096, atol=0.5)


def test_a_dynamixel_table_of_the_users_own_runs_in_the_control_loop(tmp_path):
    changes = [
        ('model = "xl330_m288"', 'model = "own"'),
        ("model_number = 1200", "model_number = 4321"),
        ("initial = 1200", "initial = 4321"),
    ]
    edited(MOTORS / "xl330_m288.toml", tmp_path / "own.toml", *changes)
    robot = edited(
        ROBOTS / "koch_follower.toml", tmp_path / "robot.toml", ('motor = "xl330_m288"', 'motor = "own.toml"')
    )
    spec = RobotSpec.load(robot)
    assert any(name.endswith("own.toml") for name in spec.motor_names)
    servos = emulate([joint.id for joint in spec.joints], spec.motor_names)
    servos.update([2048] * 6, [0] * 6, [0] * 6, [50] * 6)
    loop = _core.Robot(robot_config(spec, exit="release"), [servos.port])
    loop.start()
    assert loop.enable()
    assert servos.goals().torque_enable.tolist() == [1] * 6
    loop.stop()


def test_a_virtual_dynamixel_counts_its_own_turn():
    model = servo_model(MotorSpec.load("xl430_w250"))
    model.ticks_per_turn = 8192
    servos = _core.ServoEmulator.of("dynamixel", [(1, model)])
    for ticks, shown in ((5000, 5000), (8200, 8)):
        servos.update([ticks], [0], [0])
        assert int.from_bytes(servos.registers(1)[132:136], "little") == shown
    servos.close()
    model.ticks_per_turn = 1
    with pytest.raises(ValueError, match="an encoder has"):
        _core.ServoEmulator.of("dynamixel", [(1, model)])
