"""From robot and motor declarations to an open servo bus."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import _core
from ..errors import CalibrationError, SpecError
from ..moved import names_of
from ..specs.encoder import counts_turns, goal_range, problem
from ..specs.servo import MotorSpec
from ..specs.servo_family import FAMILIES, KIT
from ..specs.zero import JointZero
from .memory import servo_settings

if TYPE_CHECKING:
    from ..specs.joint import JointSpec
    from ..specs.robot import RobotSpec

WATCHDOG_UNIT_S = 0.02
"""Of the register bus_watchdog."""
RELAY = "relay"
"""The family of a bus that a vendor's kit serves."""
MANY_TURNS = 255
"""How far, in either direction."""
SHARED_REGISTERS = (
    "firmware",
    "return_delay",
    "torque_enable",
    "hardware_error",
    "bus_watchdog",
    "goal_position",
    "present_voltage",
)
PRESENT_BLOCK = {"present_velocity": 2, "present_position": 6}
"""What one read of a Dynamixel servo's state relies on: offsets from its current or load."""
FEETECH_ADDRESSES = {
    "torque_enable": 40,
    "goal_position": 42,
    "present_position": 56,
    "present_velocity": 58,
    "present_load": 60,
    "present_voltage": 62,
    "present_temperature": 63,
    "status": 65,
}
"""What the Feetech driver relies on: the same in all STS, SMS and SCS servos."""
FEETECH_PRESENT_END = 66
DYNAMIXEL_PRESENT_SIZE = 10
MAX_ROOM_BYTES = 15
"""Bytes that a read of a servo's state may be longer than it need be, to tell its reply from a late one."""


def open_joints(port: str, config: _core.BusConfig) -> _core.JointBus:
    """Open the driver of the bus's family on `port`; unguarded (docs/safety.md). Raises as the core does."""
    return _core.open_bus(port, config)


def bus_config(
    spec: RobotSpec, zeros: Sequence[JointZero] | None = None, *, as_found: bool = False
) -> _core.BusConfig:
    """Return what the driver of the robot's protocol needs to speak radians with its servos.

    Args:
        spec: the robot.
        zeros: J entries from a calibration; the nominal zeros of the spec when None.
        as_found: to calibrate: offset, direction and position limits of the servos stay as they are.

    Raises:
        SpecError: the robot names a motor that is not declared, or motors that cannot share its bus.
        CalibrationError: with these zeros an encoder cannot tell all positions of its joint.
        ValueError: `zeros` has another length than the robot has joints.
    """
    if zeros is None:
        zeros = [JointZero(joint.zero_ticks, joint.sign) for joint in spec.joints]
    if len(zeros) != len(spec.joints):
        raise ValueError(f"{len(zeros)} zeros for the {len(spec.joints)} joints of {spec.name}")
    motors = [MotorSpec.load(name) for name in spec.motor_names]
    for joint, motor in zip(spec.joints, motors, strict=True):
        if motor.protocol != spec.bus.protocol:
            raise SpecError(
                f"{spec.name}: {joint.name} has motor {motor.model}, which speaks {motor.protocol}; "
                f"its bus speaks {spec.bus.protocol}"
            )
    if not as_found:
        must_reach(spec, motors, zeros)
    config = _core.BusConfig()
    config.family = RELAY if spec.bus.driver == KIT else spec.bus.protocol
    config.baud = spec.bus.baud
    config.reply_margin_s = spec.bus.reply_margin_s
    config.settings = servo_settings(spec, motors, zeros, as_found=as_found)
    joints = zip(spec.joints, motors, zeros, strict=True)
    driver = DRIVERS.get(spec.bus.protocol, Driver())
    config.joints = [driver.joint(*row, as_found=as_found) for row in joints]
    config.traits = {} if config.family == RELAY else driver.traits(spec, motors)
    if FAMILIES[spec.bus.protocol].watchdog:
        config.watchdog_units = round(spec.bus.watchdog_s / WATCHDOG_UNIT_S)
    return config


def must_reach(spec: RobotSpec, motors: Sequence[MotorSpec], zeros: Sequence[JointZero]) -> None:
    """Raise CalibrationError, naming every joint whose positions its encoder cannot all tell with these zeros."""
    rows = zip(spec.joints, motors, zeros, strict=True)
    problems = [found for row in rows if (found := problem(*row)) is not None]
    if problems:
        raise CalibrationError(f"{spec.name}: {'; '.join(problems)}")


def _servo_joint(joint: JointSpec, motor: MotorSpec, zero: JointZero) -> _core.ServoJoint:
    config = _core.ServoJoint()
    config.id = joint.id
    config.model_number = motor.model_number
    config.zero_ticks = zero.zero_ticks
    config.sign = zero.sign
    config.ticks_per_rad = motor.ticks_per_turn / (2 * math.pi)
    config.passive = joint.passive
    return config


def _one_turn(joint: JointSpec, motor: MotorSpec, zero: JointZero, *, as_found: bool) -> _core.ServoJoint:
    """Return a joint whose goals are counts of one turn."""
    config = _servo_joint(joint, motor, zero)
    config.min_ticks, config.max_ticks = (0, motor.max_ticks) if as_found else goal_range(joint, motor, zero)
    return config


def _feetech_traits(spec: RobotSpec, motors: Sequence[MotorSpec]) -> dict[str, int]:
    if any(joint.passive for joint in spec.joints):
        raise SpecError(f"{spec.name}: no passive joints on a feetech bus")
    for motor in motors:
        _must_suit_feetech(spec, motor, motors[0])
    return {
        "high_byte_first": motors[0].byte_order == "big",
        "sync_read": motors[0].sync_read,
        "lock": motors[0].register("lock").address,
        "torque_limit": _address(motors[0], "torque_limit"),
        "present_room": min(_readable_to(motor) - FEETECH_PRESENT_END for motor in motors),
    }


def _address(motor: MotorSpec, name: str) -> int:
    register = motor.registers.get(name)
    return register.address if register is not None else 0


def _readable_to(motor: MotorSpec) -> int:
    """End of what a Feetech servo shows behind its present position; reads may span holes in the table."""
    shown = [
        r for r in motor.registers.values() if FEETECH_PRESENT_END <= r.address < FEETECH_PRESENT_END + 5
    ]
    return max((r.address + r.size for r in shown), default=FEETECH_PRESENT_END)


def _must_suit_feetech(spec: RobotSpec, motor: MotorSpec, first: MotorSpec) -> None:
    """Raise SpecError unless the driver knows the table of `motor`, and one request can go to it and to `first`."""
    for name, address in FEETECH_ADDRESSES.items():
        if motor.register(name).address != address:
            raise SpecError(f"{motor.model}: {name} must be at {address} on a feetech bus")
    if motor.byte_order != first.byte_order or motor.sync_read != first.sync_read:
        raise SpecError(
            f"{spec.name}: {motor.model} is of another series than {first.model}: they cannot share a bus"
        )
    for name in ("lock", "torque_limit"):
        if _address(motor, name) != _address(first, name):
            raise SpecError(f"{spec.name}: {motor.model} has {name} at another address than {first.model}")


def _many_turns(
    joint: JointSpec,
    motor: MotorSpec,
    zero: JointZero,
    *,
    as_found: bool,  # noqa: ARG001
) -> _core.ServoJoint:
    """Return a joint whose goals may be counts of any turn."""
    config = _servo_joint(joint, motor, zero)
    config.middle_ticks = zero.sign * (joint.lower_rad + joint.upper_rad) / 2 * config.ticks_per_rad
    config.rad_s_per_unit = motor.velocity_unit_rad_s or config.rad_s_per_unit
    config.effort_full_scale = motor.effort_full_scale
    turns = (MANY_TURNS if counts_turns(joint, motor) else 0) * motor.ticks_per_turn
    config.min_ticks, config.max_ticks = -turns, turns + motor.max_ticks
    config.fast_firmware = motor.fast_read_firmware
    return config


def _room_behind(motor: MotorSpec, start: int) -> int:
    """How many bytes from `start` on can be read: a Dynamixel servo refuses addresses that it does not have."""
    ends = {register.address: register.address + register.size for register in motor.registers.values()}
    end = start
    while end in ends:
        end = ends[end]
    return min(end - start, MAX_ROOM_BYTES)


def _dynamixel_traits(spec: RobotSpec, motors: Sequence[MotorSpec]) -> dict[str, int]:
    """Addresses that one request to the whole chain relies on: the same in every motor of it."""
    shared = {"return_level": min(_address(motor, "status_return_level") for motor in motors)}
    names = {name: name for name in SHARED_REGISTERS}
    for motor in motors:
        effort = "present_current" if "present_current" in motor.registers else "present_load"
        for trait, name in {**names, "present": effort}.items():
            address = motor.register(name).address
            if shared.setdefault(trait, address) != address:
                raise SpecError(
                    f"{spec.name}: {motor.model} has {name} at another address than {motors[0].model}"
                )
        room = _room_behind(motor, motor.register(effort).address + DYNAMIXEL_PRESENT_SIZE)
        shared["present_room"] = min(room, shared.get("present_room", room))
        for name, offset in PRESENT_BLOCK.items():
            if motor.register(name).address != shared["present"] + offset:
                raise SpecError(f"{motor.model}: {name} must follow {effort} at {shared['present'] + offset}")
    return shared


def _no_traits(spec: RobotSpec, motors: Sequence[MotorSpec]) -> dict[str, int]:  # noqa: ARG001
    return {}


@dataclass(frozen=True)
class Driver:
    """What the driver of a family is told of its servos.

    Attributes:
        joint: makes one servo's entry of the configuration from its joint, motor and zero.
        traits: makes what the driver must know of the whole chain; raises SpecError where motors cannot share it.
    """

    joint: Callable[..., _core.ServoJoint] = _one_turn
    traits: Callable[[RobotSpec, Sequence[MotorSpec]], dict[str, int]] = _no_traits


DRIVERS = {
    "feetech": Driver(traits=_feetech_traits),
    "dynamixel": Driver(_many_turns, _dynamixel_traits),
    "dynamixel1": Driver(_many_turns),
}
"""By protocol; one that has no entry is told what `Driver()` says."""


__getattr__ = names_of("motorium.motors.bus_errors", "bus_errors")  # of 0.1.0, when this was motors.bus
