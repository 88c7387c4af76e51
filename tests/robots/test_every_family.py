"""A robot of every family of servos: calibrated by hand, opened, enabled, and moved where a policy would move it."""

from __future__ import annotations

import numpy as np
import pytest
from families import ROBOTS
from servo_memory import Servos, swept
from virtual_arm import VirtualArm

from motorium import _core
from motorium.robots.calibration import Calibration
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec


@pytest.mark.parametrize("robot", ROBOTS.values())
def test_a_swept_robot_knows_where_it_stands(robot: str) -> None:
    servos = Servos(robot)
    found = swept(servos)
    bus, readings = servos.open(list(found.joints.values())), _core.JointState()
    rest = np.array([joint.rest_rad for joint in servos.spec.joints])
    zero = np.array([joint.zero_ticks for joint in servos.spec.joints])
    sign = np.array([joint.sign for joint in servos.spec.joints])
    per_rad = np.array([motor.ticks_per_turn for motor in servos.motors]) / (2 * np.pi)
    servos.place(np.rint(zero + sign * rest * per_rad))
    assert bus.read_state(readings) == _core.BusStatus.OK
    np.testing.assert_allclose(readings.position_rad, rest, atol=0.05)
    servos.chain.close()


@pytest.mark.parametrize("robot", ROBOTS.values())
def test_an_opened_robot_follows_and_reports(robot: str) -> None:
    spec = RobotSpec.load(robot)
    supply = [MotorSpec.load(motor).supply_v for motor in spec.motor_names]
    with (
        VirtualArm(spec) as arm,
        Robot.open(robot, port=arm.emulator.port, calibration=Calibration.nominal(spec)) as opened,
    ):
        assert arm.torque.all()
        opened.move_to({spec.joint_names[0]: 0.2})
        assert arm.position_rad[0] == pytest.approx(0.2, abs=0.03)
        np.testing.assert_allclose(opened.control.state().voltage_v, supply, atol=0.06)
        opened.control.release()
