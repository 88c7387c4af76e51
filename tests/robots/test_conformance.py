"""Every robot that ships: its declaration, its kinematics, and its servos on their own bus."""

from __future__ import annotations

import numpy as np
import pytest

from motorium import _core
from motorium._core import Mode
from motorium.motors.emulated import emulate
from motorium.robots.bus import open_joints
from motorium.robots.calibration import Calibration
from motorium.robots.config import bus_config, control_config
from motorium.specs.kinematics import Chain
from motorium.specs.robot import RobotSpec, names
from motorium.specs.servo import MotorSpec
from motorium.specs.slots import slot_map

PATIENT_S = 0.3


@pytest.fixture(params=names())
def spec(request: pytest.FixtureRequest) -> RobotSpec:
    return RobotSpec.load(request.param)


def test_slots_are_unique_and_lossless(spec: RobotSpec) -> None:
    mapping = slot_map(spec)
    assert len(set(mapping.slots)) == len(spec.joints)
    for q in np.random.default_rng(0).uniform(
        [j.lower_rad for j in spec.joints], [j.upper_rad for j in spec.joints], (20, len(spec.joints))
    ):
        slots = mapping.scatter(q.astype(np.float32))
        np.testing.assert_allclose(mapping.gather(slots), q, atol=1e-5)
        assert np.count_nonzero(slots) <= len(spec.joints)


def test_opening_is_zero_when_closed_and_one_when_open(spec: RobotSpec) -> None:
    for joint in spec.joints:
        if joint.unit == "opening":
            assert joint.slot_scale * joint.lower_rad + joint.slot_offset == pytest.approx(0.0, abs=1e-6)
            assert joint.slot_scale * joint.upper_rad + joint.slot_offset == pytest.approx(1.0, abs=1e-6)


def test_rest_and_home_keep_the_tool_above_the_table(spec: RobotSpec) -> None:
    chain = Chain(spec)
    for name in ("rest_rad", "home_rad"):
        pose = np.array([getattr(joint, name) for joint in spec.joints])
        positions, _ = chain.frames(pose)
        assert min(position[2] for position in positions) > 0.0
        assert chain.tcp(pose)[0][2] > 0.015


def test_the_control_thread_accepts_its_limits(spec: RobotSpec) -> None:
    core = _core.ControlCore(control_config(spec))
    assert core.mode is Mode.IDLE


def test_every_motor_is_declared_and_limited(spec: RobotSpec) -> None:
    for name, joint in zip(spec.motor_names, spec.joints, strict=True):
        motor = MotorSpec.load(name)
        role = "gripper" if joint.unit == "opening" else "body"
        assert motor.protocol == spec.bus.protocol
        assert motor.register(motor.limit_for(role).register).access == "rw"


def test_its_servos_stand_at_rest_on_their_own_bus(spec: RobotSpec) -> None:
    """The driver that its TOML picks finds new servos, sets them up, and reads the pose they stand in."""
    servos = emulate([joint.id for joint in spec.joints], spec.motor_names)
    per_rad = np.array([MotorSpec.load(name).ticks_per_turn for name in spec.motor_names]) / (2 * np.pi)
    rest = np.array([joint.rest_rad for joint in spec.joints])
    zero = np.array([joint.zero_ticks for joint in spec.joints])
    sign = np.array([joint.sign for joint in spec.joints])
    ticks = np.rint(zero + sign * rest * per_rad).astype(int)
    servos.update(ticks, [0] * len(ticks), [0] * len(ticks))
    config = bus_config(spec, Calibration.nominal(spec))
    config.reply_margin_s = PATIENT_S
    config.watchdog_units = 0  # a loaded machine is no silent master
    bus, readings = open_joints(servos.port, config), _core.JointState()
    assert bus.read_state(readings) == _core.BusStatus.OK
    np.testing.assert_allclose(readings.position_rad, rest, atol=0.6 / per_rad.min())
    assert bus.set_torque(True) == _core.BusStatus.OK
    torque = servos.goals().torque_enable
    np.testing.assert_array_equal(torque, [not joint.passive for joint in spec.joints])
    limits = servos.goals().torque_limit_permille
    for joint, limit in zip(spec.joints, limits, strict=True):
        if not joint.passive:
            assert limit >= 1000 * joint.max_effort - 1  # the gate acts before the servo does
    assert bus.set_torque(False) == _core.BusStatus.OK
    servos.close()
