"""Registers that no table and no robot file may set: goals and torque go through the safety gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import _core
from ..errors import SpecError
from .servo import MODE, MotorSpec
from .servo_family import FAMILIES

RESERVED = ("torque_enable", "goal_position", "bus_watchdog")
"""What the driver behind the gate writes, and nobody else."""


def check_settings(
    joint_names: Sequence[str], motors: Sequence[MotorSpec], settings: Iterable[_core.ServoSetting]
) -> None:
    """Raise SpecError naming joint and register when a setting would move a motor or open a way around the gate.

    Args:
        joint_names: J names, in joint order.
        motors: J motors.
        settings: what connecting would write.
    """
    for setting in settings:
        where, motor = joint_names[setting.joint], motors[setting.joint]
        first, end = setting.address, setting.address + setting.size
        for name in RESERVED:
            register = motor.registers.get(name)
            if register is not None and first < register.address + register.size and register.address < end:
                raise SpecError(
                    f"{where}: a setting at {first} writes {name} of {motor.model}: only the driver behind the "
                    "safety gate may do that; remove it from `settings` or `limits`"
                )
        if any(first <= b and a < end for a, b in FAMILIES[motor.protocol].indirect):
            raise SpecError(
                f"{where}: a setting at {first} writes an indirect address of {motor.model}, through which any "
                f"register can be reached: name the register itself"
            )
        _check_mode(where, motor, setting)


def _check_mode(where: str, motor: MotorSpec, setting: _core.ServoSetting) -> None:
    register, allowed = motor.registers.get(MODE), FAMILIES[motor.protocol].position_modes
    if register is None or not allowed or setting.address != register.address:
        return
    if setting.value not in allowed:
        raise SpecError(
            f"{where}: {MODE} {setting.value} of {motor.model} gives goals another meaning than a position; "
            f"motorium drives it in {' or '.join(map(str, allowed))}"
        )
