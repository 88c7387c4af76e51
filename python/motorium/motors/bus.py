"""From robot and motor declarations to an open servo bus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import _core
from ..errors import BusError, SpecError
from .reserved import check_settings
from .spec import MotorSpec, Setting

if TYPE_CHECKING:
    from ..robots.spec import JointSpec, RobotSpec

WATCHDOG_UNIT_S = 0.02
"""Of the register bus_watchdog."""
TURN_COUNTING_MODES = {4, 5}
"""Operating modes of Dynamixel servos in which positions go beyond one turn."""
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
MOST_ROOM = 15
"""Bytes that a read of a servo's state may be longer than it need be, to tell its reply from a late one."""
BACKSTOP = 1.25
"""The servo's own torque limit over the gate's effort limit: the gate acts first, the servo if the host is gone."""


@dataclass(frozen=True)
class JointZero:
    """Where one physical joint has its zero.

    Attributes:
        zero_ticks: present position at zero radians.
        sign: +1 where ticks rise with the angle, else -1.
        homing_offset: what the servo subtracts from its encoder's count, ticks; None leaves the servo's own.
    """

    zero_ticks: float
    sign: int
    homing_offset: int | None = None


@contextmanager
def bus_errors() -> Iterator[None]:
    """Turn the core's bus errors, raised while a bus is opened or set up, into `motorium.errors.BusError`."""
    try:
        yield
    except _core.BusError as error:
        raise BusError(str(error)) from error


def open_joints(
    port: str, config: _core.FeetechBusConfig | _core.DynamixelBusConfig
) -> _core.FeetechJoints | _core.DynamixelJoints:
    """The driver that `config` is for, on `port`; unguarded (docs/safety.md). Raises as the core does."""
    if isinstance(config, _core.DynamixelBusConfig):
        return _core.DynamixelJoints(port, config)
    return _core.FeetechJoints(port, config)


def _role(joint: JointSpec) -> str:
    return "gripper" if joint.unit == "opening" else "body"


def _encoded(motor: MotorSpec, joint: JointSpec, setting: Setting) -> bytes:
    register = motor.register(setting.register)
    if register.access != "rw":
        raise SpecError(f"{joint.name}: {motor.model} lets nobody write {setting.register}")
    try:
        return register.encode(setting.value)
    except ValueError as error:
        raise SpecError(f"{joint.name}: {error}") from error


def _settings(motor: MotorSpec, index: int, joint: JointSpec) -> Iterator[_core.ServoSetting]:
    own = dict(joint.settings)
    wanted = [setting for setting in motor.settings_for(_role(joint)) if setting.register not in own]
    for setting in [*wanted, *(Setting(name, value) for name, value in joint.settings)]:
        register = motor.register(setting.register)
        yield _core.ServoSetting(
            joint=index,
            address=register.address,
            size=register.size,
            value=int.from_bytes(_encoded(motor, joint, setting), "little"),
            mask=setting.mask,
            eeprom=register.eeprom,
        )
    limit = motor.limit_for(_role(joint))
    register = motor.register(limit.register)
    share = min(1.0, joint.max_effort * BACKSTOP)
    value = int.from_bytes(register.encode(round(limit.full_scale * share)), "little")
    yield _core.ServoSetting(
        joint=index, address=register.address, size=register.size, value=value, eeprom=register.eeprom
    )


def _offset(motor: MotorSpec, index: int, zero: JointZero) -> Iterator[_core.ServoSetting]:
    if zero.homing_offset is not None:
        register = motor.register("homing_offset")
        value = int.from_bytes(register.encode(zero.homing_offset), "little")
        yield _core.ServoSetting(
            joint=index, address=register.address, size=register.size, value=value, eeprom=register.eeprom
        )


def bus_config(
    spec: RobotSpec, zeros: Sequence[JointZero] | None = None
) -> _core.FeetechBusConfig | _core.DynamixelBusConfig:
    """What the driver of the robot's protocol needs to speak radians with its servos.

    Args:
        spec: the robot.
        zeros: J entries from a calibration; the nominal zeros of the spec when None.

    Raises:
        SpecError: the robot names a motor that is not declared, or motors that cannot share its bus.
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
    build = _dynamixel if spec.bus.protocol == "dynamixel" else _feetech
    return build(spec, motors, zeros)


def servo_settings(
    spec: RobotSpec, motors: Sequence[MotorSpec], zeros: Sequence[JointZero]
) -> list[_core.ServoSetting]:
    """Every register that connecting brings to a value: of the motors' tables, the joints, the calibration.

    Raises SpecError for one that moves the motor: see `reserved`.
    """
    joints = list(enumerate(zip(motors, spec.joints, zeros, strict=True)))
    settings = [setting for i, (motor, joint, _) in joints for setting in _settings(motor, i, joint)]
    settings += [setting for i, (motor, _, zero) in joints for setting in _offset(motor, i, zero)]
    check_settings(spec.joint_names, motors, settings)
    return settings


def _feetech(
    spec: RobotSpec, motors: Sequence[MotorSpec], zeros: Sequence[JointZero]
) -> _core.FeetechBusConfig:
    if any(joint.passive for joint in spec.joints):
        raise SpecError(f"{spec.name}: no passive joints on a feetech bus")
    for motor in motors:
        _must_suit_feetech(spec, motor, motors[0])
    config = _core.FeetechBusConfig()
    config.ids = [joint.id for joint in spec.joints]
    config.zero_ticks = [zero.zero_ticks for zero in zeros]
    config.sign = [zero.sign for zero in zeros]
    config.joint_ticks_per_rad = [motor.ticks_per_turn / (2 * math.pi) for motor in motors]
    config.joint_max_ticks = [motor.ticks_per_turn - 1 for motor in motors]
    config.joint_model_numbers = [motor.model_number for motor in motors]
    config.baud = spec.bus.baud
    config.reply_margin_s = spec.bus.reply_margin_s
    config.high_byte_first = motors[0].byte_order == "big"
    config.sync_read = motors[0].sync_read
    config.lock = motors[0].register("lock").address
    config.torque_limit = _address(motors[0], "torque_limit")
    config.present_room = min(_readable_to(motor) - FEETECH_PRESENT_END for motor in motors)
    config.settings = servo_settings(spec, motors, zeros)
    return config


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
        raise SpecError(f"{spec.name}: {motor.model} is of another series than {first.model}: not on one bus")
    for name in ("lock", "torque_limit"):
        if _address(motor, name) != _address(first, name):
            raise SpecError(f"{spec.name}: {motor.model} has {name} elsewhere than {first.model}")


def _dynamixel(
    spec: RobotSpec, motors: Sequence[MotorSpec], zeros: Sequence[JointZero]
) -> _core.DynamixelBusConfig:
    config = _core.DynamixelBusConfig()
    joints = zip(spec.joints, motors, zeros, strict=True)
    config.joints = [_dynamixel_joint(joint, motor, zero) for joint, motor, zero in joints]
    config.registers = _shared_registers(spec, motors)
    config.baud = spec.bus.baud
    config.reply_margin_s = spec.bus.reply_margin_s
    config.watchdog_units = round(spec.bus.watchdog_s / WATCHDOG_UNIT_S)
    config.settings = servo_settings(spec, motors, zeros)
    return config


def _dynamixel_joint(joint: JointSpec, motor: MotorSpec, zero: JointZero) -> _core.DynamixelJoint:
    config = _core.DynamixelJoint()
    config.id = joint.id
    config.model_number = motor.model_number
    config.zero_ticks = zero.zero_ticks
    config.sign = zero.sign
    config.ticks_per_rad = motor.ticks_per_turn / (2 * math.pi)
    config.rad_s_per_unit = motor.velocity_unit_rad_s
    config.effort_full_scale = motor.effort_full_scale
    modes = [s.value for s in motor.settings_for(_role(joint)) if s.register == "operating_mode"]
    turns = MANY_TURNS if set(modes) & TURN_COUNTING_MODES else 0
    config.min_ticks = -turns * motor.ticks_per_turn
    config.max_ticks = (turns + 1) * motor.ticks_per_turn - 1
    config.fast_firmware = motor.fast_read_firmware
    config.passive = joint.passive
    return config


def _room_behind(motor: MotorSpec, start: int) -> int:
    """How many bytes from `start` on can be read: a Dynamixel servo refuses addresses that it does not have."""
    ends = {register.address: register.address + register.size for register in motor.registers.values()}
    end = start
    while end in ends:
        end = ends[end]
    return min(end - start, MOST_ROOM)


def _shared_registers(spec: RobotSpec, motors: Sequence[MotorSpec]) -> _core.DynamixelRegisters:
    """Addresses that one request to the whole chain relies on: the same in every motor of it."""
    shared = _core.DynamixelRegisters()
    names = {name: name for name in SHARED_REGISTERS}
    for motor in motors:
        effort = "present_current" if "present_current" in motor.registers else "present_load"
        for field, name in {**names, "present": effort}.items():
            address = motor.register(name).address
            if motor is motors[0]:
                setattr(shared, field, address)
            elif getattr(shared, field) != address:
                raise SpecError(f"{spec.name}: {motor.model} has {name} elsewhere than {motors[0].model}")
        room = _room_behind(motor, motor.register(effort).address + DYNAMIXEL_PRESENT_SIZE)
        shared.present_room = room if motor is motors[0] else min(room, shared.present_room)
        for name, offset in PRESENT_BLOCK.items():
            if motor.register(name).address != shared.present + offset:
                raise SpecError(f"{motor.model}: {name} must follow {effort} at {shared.present + offset}")
    return shared
