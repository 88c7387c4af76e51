"""Build the core's RobotConfig from a robot's specification and its calibration, and open the control thread on it."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .. import _core
from .._core import (
    BusConfig,
    ControlConfig,
    GuardJoint,
    PolicyTiming,
    RestPolicy,
    RobotCamera,
    RobotConfig,
    RobotJoint,
)
from ..errors import SpecError
from ..moved import renamed
from ..specs.composition import split_ports
from ..specs.encoder import MARGIN_RAD
from ..specs.servo import OVERLOAD, TORQUE_LOST, MotorSpec
from ..specs.servo_family import KIT
from ..specs.zero import JointZero
from .arm_calibrations import arm_zeros
from .bus import bus_config as motor_bus_config
from .calibration import spec_hash
from .vendor_kit import VendorKit

if TYPE_CHECKING:
    from ..specs.joint import JointSpec
    from ..specs.robot import CameraSpec, RobotSpec
    from .calibration import Calibration


APPROACH_GAP_RAD = 0.25
"""A plan that begins further from the arm than this, and what it moves at approach speed since the policy looked, is
approached first. Not so a gripper: its whole travel is an ordinary command."""
NO_GUARD = GuardJoint(
    stall_effort=0.0,
    stall_error_rad=0.0,
    stall_velocity_rad_s=0.0,
    stall_time_s=0.0,
    overload_effort=0.0,
    hold_effort=0.0,
)


def control_config(spec: RobotSpec, **overrides: Any) -> ControlConfig:
    """Return limits, rates and policies of `spec`; `overrides` replace keyword arguments of ControlConfig.

    Raises ValueError (from the core) when the result contradicts itself.
    """
    values: dict[str, Any] = {
        "lower_rad": [joint.lower_rad for joint in spec.joints],
        "upper_rad": [joint.upper_rad for joint in spec.joints],
        "max_velocity_rad_s": [joint.max_velocity_rad_s for joint in spec.joints],
        "max_acceleration_rad_s2": [joint.max_acceleration_rad_s2 for joint in spec.joints],
        "max_jerk_rad_s3": [joint.max_jerk_rad_s3 for joint in spec.joints],
        "max_effort": [joint.max_effort for joint in spec.joints],
        "rest_rad": [joint.rest_rad for joint in spec.joints],
        "rate_hz": spec.control.rate_hz,
        "max_state_age_s": spec.control.max_state_age_s,
        "max_command_age_s": spec.control.max_command_age_s,
        "trip_after": spec.control.trip_after,
        "approach_velocity_share": spec.control.approach_velocity_share,
        "estop_hold_s": spec.control.estop_hold_s,
        "cpu": spec.control.cpu,
        "fallback": spec.control.fallback or spec.exit.policy,
        "fallback_after_s": spec.control.fallback_after_s,
        "arrival_tolerance_rad": arrival_tolerances(spec),
        "settle_s": spec.control.settle_s,
        "grippers": [joint.unit == "opening" for joint in spec.joints],
        "start_gap_rad": [math.inf if joint.unit == "opening" else APPROACH_GAP_RAD for joint in spec.joints],
        "exit": spec.exit.policy,
        "park_timeout_s": spec.exit.park_timeout_s,
        "guard": _guard(spec),
    }
    values.update(overrides)
    values.update({name: RestPolicy(values[name]) for name in ("fallback", "exit")})
    return ControlConfig(**values)


def arrival_tolerances(spec: RobotSpec) -> list[float]:
    """Say per joint how close to its goal a motion must end, in radians; infinite for joints without torque."""
    return [
        math.inf if joint.passive else joint.arrival_tolerance_rad or MotorSpec.load(name).sag_rad
        for joint, name in zip(spec.joints, spec.motor_names, strict=True)
    ]


def _guard(spec: RobotSpec) -> list[GuardJoint]:
    """When each joint is backed off before its servo protects itself."""
    guard = []
    for joint, name in zip(spec.joints, spec.motor_names, strict=True):
        motor = MotorSpec.load(name)
        entry = motor.protection_for("gripper" if joint.unit == "opening" else "body")
        if entry is None or joint.passive:
            guard.append(NO_GUARD)
            continue
        values = {key: value for key, value in asdict(entry).items() if key != "role"}
        guard.append(
            GuardJoint(**values, stop_c=motor.hot_c, min_v=motor.min_supply_v, max_v=motor.max_supply_v)
        )
    return guard


def robot_config(spec: RobotSpec, calibration: Calibration | None = None, **overrides: Any) -> RobotConfig:
    """Return everything that a running arm needs of its declaration; `overrides` as of `control_config`.

    Without a calibration the nominal zeros of the specification are taken.

    Raises SpecError, CalibrationError: as `bus_config`. ValueError: the result contradicts itself.
    """
    config = RobotConfig()
    config.name = spec.name
    config.spec_hash = bytes.fromhex(spec_hash(spec))
    config.control = control_config(spec, **overrides)
    config.policy = _timing(spec)
    config.joints = robot_joints(spec)
    config.buses = _buses(spec, calibration)
    config.cameras = [_camera(camera) for camera in spec.cameras]
    config.check()
    return config


def declared_config(spec: RobotSpec, calibration: Calibration | None) -> RobotConfig:
    """Return `robot_config` of a declaration that somebody else wrote.

    Raises SpecError, CalibrationError: also where the core finds the contradiction, such as a limit that is zero in
    single precision.
    """
    try:
        return robot_config(spec, calibration)
    except ValueError as error:
        raise SpecError(f"{spec.name}: {error}") from error


def robot_joints(spec: RobotSpec) -> list[RobotJoint]:
    """Return name, slot and bounds before torque of every joint."""
    return [_joint(*row) for row in zip(spec.joints, spec.motor_names, strict=True)]


def bus_config(spec: RobotSpec, calibration: Calibration | None = None) -> BusConfig:
    """Return ids, zeros and settings of every servo, for the driver of the robot's protocol.

    Without a calibration the nominal zeros of the specification are taken.

    Raises SpecError when the robot names an undeclared motor, or motors that cannot share its bus.
    """
    return motor_bus_config(spec, _zeros(spec, calibration))


def open_control(spec: RobotSpec, port: str, calibration: Calibration | None) -> _core.Robot:
    """Return the control thread on the buses of the robot. Raises BusError (from the core), SpecError, ValueError."""
    if any(arm.spec.bus.driver == KIT for arm in spec.arms):
        raise SpecError(f"{spec.name}: a vendor's kit drives a single arm, not one of several")
    config = declared_config(spec, calibration)
    if spec.bus.driver == KIT:
        kit = VendorKit(port, spec, _zeros(spec, calibration))
        return _core.Robot(config, kit.relay)
    return _core.Robot(config, split_ports(port, spec) if spec.arms else [port])


def _buses(spec: RobotSpec, calibration: Calibration | None) -> list[BusConfig]:
    if not spec.arms:
        return [bus_config(spec, calibration)]
    buses = []
    for arm in spec.arms:
        bus = motor_bus_config(arm.spec, arm_zeros(arm, calibration))
        bus.side = arm.side
        buses.append(bus)
    return buses


def _joint(joint: JointSpec, motor_name: str) -> RobotJoint:
    motor, config = MotorSpec.load(motor_name), RobotJoint()
    config.name = joint.name
    config.slot = joint.slot
    config.slot_scale = joint.slot_scale
    config.slot_offset = joint.slot_offset
    config.home_rad = joint.home_rad
    config.min_position_rad = joint.lower_rad - MARGIN_RAD
    config.max_position_rad = joint.upper_rad + MARGIN_RAD
    config.min_supply_v, config.max_supply_v = motor.min_supply_v, motor.max_supply_v
    config.hot_c = motor.hot_c
    names = {bit: name for name, bit in motor.faults.items()}
    config.fault_names = [names.get(bit, "") for bit in range(len(config.fault_names))]
    config.forbids_torque = sum(1 << bit for bit, name in names.items() if name != OVERLOAD)
    config.torque_lost = sum(1 << bit for bit, name in names.items() if name == TORQUE_LOST)
    return config


def _timing(spec: RobotSpec) -> PolicyTiming:
    timing = PolicyTiming()
    timing.rate_hz = spec.policy.rate_hz
    timing.latency_budget_s = spec.policy.latency_budget_s
    if spec.latency is not None:
        spec.latency.declare(timing)
    return timing


def _camera(camera: CameraSpec) -> RobotCamera:
    config = RobotCamera()
    config.role, config.width, config.height = camera.role, camera.width, camera.height
    config.fps, config.max_age_s = camera.fps, camera.max_age_s
    return config


def _zeros(spec: RobotSpec, calibration: Calibration | None) -> list[JointZero]:
    if calibration is not None:
        return [calibration.joints[name] for name in spec.joint_names]
    return [JointZero(joint.zero_ticks, joint.sign) for joint in spec.joints]


__getattr__ = renamed(__name__, START_GAP_RAD="APPROACH_GAP_RAD")
