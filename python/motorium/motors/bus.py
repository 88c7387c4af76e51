"""From robot and motor declarations to an open servo bus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import _core
from ..errors import BusError
from .spec import MotorSpec

if TYPE_CHECKING:
    from ..robots.spec import JointSpec, RobotSpec

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


def _settings(motor: MotorSpec, index: int, joint: JointSpec) -> Iterator[_core.FeetechSetting]:
    roles = {"any", "gripper"} if joint.unit == "opening" else {"any"}
    for setting in motor.settings:
        register = motor.register(setting.register)
        if setting.role in roles:
            yield _core.FeetechSetting(
                joint=index,
                address=register.address,
                size=register.size,
                value=int.from_bytes(register.encode(setting.value), "little"),
                mask=setting.mask,
                eeprom=register.eeprom,
            )
    limit = motor.register("torque_limit")
    share = min(1.0, joint.max_effort * BACKSTOP)
    yield _core.FeetechSetting(joint=index, address=limit.address, size=limit.size, value=round(1000 * share))


def _offset(motor: MotorSpec, index: int, zero: JointZero) -> Iterator[_core.FeetechSetting]:
    if zero.homing_offset is not None:
        register = motor.register("homing_offset")
        value = int.from_bytes(register.encode(zero.homing_offset), "little")
        yield _core.FeetechSetting(
            joint=index, address=register.address, size=register.size, value=value, eeprom=register.eeprom
        )


def bus_config(spec: RobotSpec, zeros: Sequence[JointZero] | None = None) -> _core.FeetechBusConfig:
    """What the driver needs to speak radians with the servos of `spec`.

    Args:
        spec: the robot.
        zeros: J entries from a calibration; the nominal zeros of the spec when None.

    Raises:
        SpecError: the robot names a motor that is not declared.
        ValueError: `zeros` has another length than the robot has joints.
    """
    motor = MotorSpec.load(spec.bus.motor)
    if zeros is None:
        zeros = [JointZero(joint.zero_ticks, joint.sign) for joint in spec.joints]
    if len(zeros) != len(spec.joints):
        raise ValueError(f"{len(zeros)} zeros for the {len(spec.joints)} joints of {spec.name}")
    config = _core.FeetechBusConfig()
    config.ids = [joint.id for joint in spec.joints]
    config.zero_ticks = [zero.zero_ticks for zero in zeros]
    config.sign = [zero.sign for zero in zeros]
    config.ticks_per_rad = motor.ticks_per_turn / (2 * math.pi)
    config.max_ticks = motor.ticks_per_turn - 1
    config.baud = spec.bus.baud
    config.reply_margin_s = spec.bus.reply_margin_s
    config.model_number = motor.model_number
    config.settings = [s for i, joint in enumerate(spec.joints) for s in _settings(motor, i, joint)]
    config.settings += [s for i, zero in enumerate(zeros) for s in _offset(motor, i, zero)]
    return config
