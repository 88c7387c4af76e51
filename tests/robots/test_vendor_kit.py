"""A bus that the vendor's kit serves: the same robot, the same gate, for servos our own driver does not speak with."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motorium._core import Reason, Relay, ServoEmulator, ServoFault, WatchedBy
from motorium.errors import BusError, SafetyError, SpecError
from motorium.motors.emulated import emulate
from motorium.robots.robot import Robot
from motorium.robots.vendor_kit import VendorKit
from motorium.specs.robot import DATA as ROBOTS
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import DATA as MOTORS
from motorium.specs.servo import MotorSpec
from motorium.specs.zero import JointZero

TURN = 2 * np.pi
STS = MotorSpec.load("sts3215")


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def koch(folder: Path) -> Path:
    """koch_follower, served by the kit, protocol 2.0."""
    text = (ROBOTS / "koch_follower.toml").read_text(encoding="utf-8")
    text = text.replace("[bus]\n", '[bus]\ndriver = "dynamixel-sdk"\n', 1).replace(
        "rate_hz = 200.0", "rate_hz = 50.0"
    )
    target = folder / "koch_kit.toml"
    target.write_text(text, encoding="utf-8")
    return target


def first_protocol(folder: Path) -> Path:
    """An arm of servos that speak Dynamixel protocol 1.0, whose framing Feetech's servos share: those answer here."""
    motor = (MOTORS / "sts3215.toml").read_text(encoding="utf-8")
    motor = motor.replace('protocol = "feetech"', 'protocol = "dynamixel1"\nvelocity_unit_rad_s = 0.00153')
    (folder / "old.toml").write_text(motor, encoding="utf-8")
    text = (ROBOTS / "so101.toml").read_text(encoding="utf-8")
    text = text.replace('protocol = "feetech"', 'protocol = "dynamixel1"\ndriver = "dynamixel-sdk"')
    text = text.replace('motor = "sts3215"', 'motor = "old.toml"').replace(
        "rate_hz = 200.0", "rate_hz = 50.0"
    )
    target = folder / "old_arm.toml"
    target.write_text(text, encoding="utf-8")
    return target


@pytest.fixture(params=["koch", "first_protocol"])
def arm(request, tmp_path) -> tuple[RobotSpec, str, ServoEmulator]:
    pytest.importorskip("dynamixel_sdk", reason="comes with dynamixel-sdk")
    robot = koch(tmp_path) if request.param == "koch" else first_protocol(tmp_path)
    spec = RobotSpec.load(robot)
    ids = [joint.id for joint in spec.joints]
    servos = emulate(ids, spec.motor_names) if request.param == "koch" else ServoEmulator(ids)
    supply = [120, 120, 50, 50, 50, 50] if request.param == "koch" else [74] * 6
    zero = np.array([joint.zero_ticks for joint in spec.joints])
    sign = np.array([joint.sign for joint in spec.joints])
    home = np.array([joint.home_rad for joint in spec.joints])
    ticks = np.rint(zero + sign * home * _ticks_per_rad(spec)).astype(np.int32)
    servos.update(ticks, [0] * 6, [0] * 6, supply)
    return spec, str(robot), servos


def _ticks_per_rad(spec: RobotSpec) -> np.ndarray:
    return np.array([MotorSpec.load(motor).ticks_per_turn for motor in spec.motor_names]) / TURN


def goal_rad(spec: RobotSpec, servos: ServoEmulator) -> np.ndarray:
    """What the servos were told."""
    zero = np.array([joint.zero_ticks for joint in spec.joints])
    sign = np.array([joint.sign for joint in spec.joints])
    return (servos.goals().goal_position_ticks - zero) * sign / _ticks_per_rad(spec)


def test_the_kit_drives_an_arm_behind_the_gate(arm):
    spec, robot, servos = arm
    with Robot.open(robot, port=servos.port, calibration="nominal") as live:
        assert servos.goals().torque_enable.tolist() == [1] * 6
        home = np.array([joint.home_rad for joint in spec.joints])
        np.testing.assert_allclose(live.position_rad, home, atol=0.002)
        by_itself = "bus_watchdog" in MotorSpec.load(spec.motor_names[0]).registers
        assert live.status().watchdog is (WatchedBy.SERVOS if by_itself else WatchedBy.NOBODY)
        live.control.move_to(home + 9.0, 1.0)  # far beyond every limit, and the arm does not follow
        until(lambda: bool((np.abs(goal_rad(spec, servos) - home) > 0.2).all()))
        lower = np.array([joint.lower_rad for joint in spec.joints])
        upper = np.array([joint.upper_rad for joint in spec.joints])
        assert ((goal_rad(spec, servos) > lower - 0.01) & (goal_rad(spec, servos) < upper + 0.01)).all()
        live.control.release()
        until(lambda: servos.goals().torque_enable.tolist() == [0] * 6)


def lose(arm: tuple[RobotSpec, str, ServoEmulator]) -> None:
    """One servo, then the port."""
    spec, robot, servos = arm
    name = spec.joints[2].name
    with Robot.open(robot, port=servos.port, calibration="nominal") as live:
        servos.set_fault(ServoFault.DROP, spec.joints[2].id)

        def it_alone_is_old() -> bool:  # in one look: on a busy machine all are old for a while
            ages = {joint: row.age_s for joint, row in live.status().joints.items()}
            return ages.pop(name) > max(0.05, *ages.values())

        until(it_alone_is_old)
        servos.close()
        until(lambda: live.status().reason is Reason.BUS_CLOSED)
        with pytest.raises(SafetyError, match="opened anew"):
            live.reconnect()
        live.check()


def test_a_lost_servo_makes_its_joint_stale_and_a_pulled_port_is_named(arm):
    with pytest.raises(BusError, match="gone"):
        lose(arm)


def test_another_model_and_a_missing_kit_are_named(tmp_path, monkeypatch):
    pytest.importorskip("dynamixel_sdk", reason="comes with dynamixel-sdk")
    robot = koch(tmp_path)
    servos = emulate([1, 2, 3, 4, 5, 6], ["xl330_m288"] * 6)
    with (
        pytest.raises(BusError, match="model number 1200"),
        Robot.open(str(robot), port=servos.port, calibration="nominal"),
    ):
        pass
    monkeypatch.setitem(sys.modules, "dynamixel_sdk", None)
    with (
        pytest.raises(SpecError, match=r"motorium\[dynamixel\]"),
        Robot.open(str(robot), port=servos.port, calibration="nominal"),
    ):
        pass


@pytest.mark.parametrize("register", ["firmware_minor", "model_number"])
def test_an_echo_on_the_first_protocol_is_no_reading(tmp_path, monkeypatch, register):
    """Its replies have the form of its requests, and the kit hands the adapter's echo on as a reply."""
    pytest.importorskip("dynamixel_sdk", reason="comes with dynamixel-sdk")
    spec = RobotSpec.load(first_protocol(tmp_path))
    servos = ServoEmulator([joint.id for joint in spec.joints])
    servos.set_fault(ServoFault.ECHO)
    monkeypatch.setattr(VendorKit, "_find", lambda kit: kit._ask(kit._servos[0], STS.register(register)))
    with pytest.raises(BusError, match=r"servo 1 \(shoulder_pan\) does not answer"):
        VendorKit(servos.port, spec, [JointZero(2048.0, 1)] * len(spec.joints))


@pytest.mark.parametrize("name", ["goal_position", "torque_enable"])
def test_no_setting_moves_a_servo_through_the_kit(arm, name):
    spec, _, servos = arm
    before = [servos.registers(joint.id) for joint in spec.joints]
    moved = replace(spec.joints[0], settings=((name, 1),))
    with pytest.raises(SpecError, match=f"shoulder_pan: .* writes {name}"):
        VendorKit(
            servos.port,
            replace(spec, joints=(moved, *spec.joints[1:])),
            [JointZero(2048.0, 1)] * len(spec.joints),
        )
    assert [servos.registers(joint.id) for joint in spec.joints] == before


def test_the_first_protocol_needs_the_kit(tmp_path):
    robot = first_protocol(tmp_path)
    robot.write_text(robot.read_text().replace('driver = "dynamixel-sdk"\n', ""))
    with pytest.raises(SpecError, match="does not go with driver 'motorium'"):
        RobotSpec.load(robot)


def test_nothing_but_the_gate_puts_a_goal_into_a_relay():
    relay = Relay(2)
    assert relay.goal() is None
    assert not [name for name in dir(relay) if "goal" in name and name != "goal"]
    with pytest.raises(AttributeError):
        relay.goal = (1, [0.0, 0.0])
