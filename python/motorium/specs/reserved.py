"""Registers that no table and no robot file may bring to a value: goals and torque go through the safety gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import _core
from ..errors import SpecError
from .servo import MotorSpec

RESERVED = ("torque_enable", "goal_position", "bus_watchdog")
"""What the driver behind the gate writes, and nobody else."""
MODE, POSITION_MODES = "operating_mode", {"feetech": (0,), "dynamixel": (3, 4, 5)}
"""Modes in which a goal is a position. Source: Feetech STS memory table, 33; ROBOTIS e-manual, Operating Mode."""
DYNAMIXEL_INDIRECT = ((168, 511), (578, 65535))
"""Addresses that stand for others: of the X series, and of the P series, whose own registers lie between."""


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
                    f"safety gate does that; remove it from `settings` or `limits`"
                )
        if motor.protocol == "dynamixel" and any(first <= b and a < end for a, b in DYNAMIXEL_INDIRECT):
            raise SpecError(
                f"{where}: a setting at {first} writes an indirect address of {motor.model}, through which any "
                f"register can be reached: name the register itself"
            )
        _check_mode(where, motor, setting)


def _check_mode(where: str, motor: MotorSpec, setting: _core.ServoSetting) -> None:
    register, allowed = motor.registers.get(MODE), POSITION_MODES.get(motor.protocol)
    if register is None or allowed is None or setting.address != register.address:
        return
    if setting.value not in allowed:
        raise SpecError(
            f"{where}: {MODE} {setting.value} of {motor.model} makes of a goal something else than a position; "
            f"motorium drives it in {' or '.join(map(str, allowed))}"
        )
