"""Servo registers that motorium relies on: which are set at connect, and which are only checked.

A register that can change what a goal or a reading means is brought to a value, or the servo is refused before torque,
with joint, register, what was found and what to do. The table of all of them: docs/bus.md, "What a servo remembers".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .. import _core
from ..errors import SpecError
from ..specs.encoder import counts_turns, goal_range
from ..specs.reserved import check_settings
from ..specs.servo import MotorSpec, Register, Setting, role_of

if TYPE_CHECKING:
    from ..specs.joint import JointSpec
    from ..specs.robot import RobotSpec
    from ..specs.zero import JointZero

ALL_BITS = 0xFFFFFFFF
BACKSTOP = 1.25
"""The servo's own torque limit over the gate's effort limit: the gate acts first, the servo if the host is gone."""
POSITION_LIMITS = ("min_position", "max_position")
HOMING = "homing_offset"
UNKNOWN_OFFSET = (
    "The calibration in use has no offset for this servo. Calibrate the arm (motorium calibrate), or take LeRobot's "
    "file that was made with the offset (--from-lerobot)"
)
UNKNOWN_DIRECTION = (
    "The calibration in use does not say that this servo counts backwards: calibrate the arm again, with motorium "
    "calibrate"
)


def servo_settings(
    spec: RobotSpec, motors: Sequence[MotorSpec], zeros: Sequence[JointZero], *, as_found: bool = False
) -> list[_core.ServoSetting]:
    """Return every register that connecting sets or checks: of motor tables, joints and calibration.

    Args:
        spec: the robot.
        motors: J motors.
        zeros: J entries of a calibration.
        as_found: leave alone what gives counts their meaning (offset, direction, position limits), to calibrate anew.

    Raises:
        SpecError: a joint's own setting is read-only, does not fit its register, contradicts the calibration, or moves
            the motor (see `reserved`).
    """
    joints = [_Joint(i, *row) for i, row in enumerate(zip(spec.joints, motors, zeros, strict=True))]
    settings = [setting for joint in joints for setting in joint.declared()]
    if not as_found:
        settings += [setting for joint in joints for setting in joint.meaning()]
    check_settings(spec.joint_names, motors, settings)
    return settings


class _Joint:
    """One joint, its servo and where its zero is."""

    def __init__(self, index: int, joint: JointSpec, motor: MotorSpec, zero: JointZero) -> None:
        self._index, self._joint, self._motor, self._zero = index, joint, motor, zero
        self._role = role_of(joint.unit)
        self._own = dict(joint.settings)

    def declared(self) -> Iterator[_core.ServoSetting]:
        """Yield what the motor's table and the robot's file ask for, and the torque limit."""
        typical = [s for s in self._motor.settings_for(self._role) if s.register not in self._own]
        for setting in [*typical, *(Setting(name, value) for name, value in self._own.items())]:
            yield self._setting(setting.register, setting.value, mask=setting.mask)
        if self._joint.passive:
            return  # never under torque
        limit = self._motor.limit_for(self._role)
        if limit.register not in self._own:
            share = min(1.0, self._joint.max_effort * BACKSTOP)
            yield self._setting(limit.register, round(limit.full_scale * share))

    def meaning(self) -> Iterator[_core.ServoSetting]:
        """Yield what tells counts from one another: direction, offset, and the counts between which goals may lie."""
        yield from self._direction()
        if HOMING in self._motor.registers and HOMING not in self._own:
            offset = self._zero.homing_offset
            unknown = UNKNOWN_OFFSET if offset is None else ""
            yield self._setting(HOMING, offset or 0, check_only=offset is None, remedy=unknown)
        if counts_turns(self._joint, self._motor):
            return  # such a servo heeds no position limits
        for name, ticks in zip(
            POSITION_LIMITS, goal_range(self._joint, self._motor, self._zero), strict=True
        ):
            if name in self._motor.registers and name not in self._own:
                yield self._setting(name, ticks)

    def _direction(self) -> Iterator[_core.ServoSetting]:
        reverse, backwards = self._motor.reverse, self._zero.reverse
        if reverse is None:
            return
        if reverse.register in self._own:
            own = bool(self._own[reverse.register] & reverse.mask)
            if backwards is not None and own != backwards:
                raise SpecError(
                    f"{self._joint.name}: settings {reverse.register} = {self._own[reverse.register]} contradict the "
                    f"calibration, made with a servo that counts {'backwards' if backwards else 'forwards'}"
                )
            return
        yield self._setting(
            reverse.register,
            reverse.mask if backwards else 0,
            mask=reverse.mask,
            check_only=backwards is None,
            remedy=UNKNOWN_DIRECTION if backwards is None else "",
        )

    def _setting(
        self, name: str, value: int, *, mask: int = ALL_BITS, check_only: bool = False, remedy: str = ""
    ) -> _core.ServoSetting:
        register = self._motor.register(name)
        if register.access != "rw":
            raise SpecError(f"{self._joint.name}: {self._motor.model} has no writable {name}")
        try:
            data = register.encode(value)
        except ValueError as error:
            raise SpecError(f"{self._joint.name}: {error}") from error
        bound = self._motor.registers.get(register.within)
        return _core.ServoSetting(
            joint=self._index,
            address=register.address,
            size=register.size,
            value=int.from_bytes(data, "little"),
            mask=mask,
            eeprom=register.eeprom,
            check_only=check_only,
            field=_core.FieldFormat(
                is_signed=register.signed,
                sign_bit=register.sign_bit,
                high_byte_first=register.byte_order == "big",
            ),
            bound=_bound(bound),
            words=_core.SettingWords(
                joint=self._joint.name,
                name=name,
                about=register.about,
                unit=register.unit,
                remedy=remedy or self._remedy(name, value, bound),
            ),
        )

    def _remedy(self, name: str, value: int, bound: Register | None) -> str:
        """How the wanted and the servo's own value can be brought together."""
        lower = ""
        if name in {limit.register for limit in self._motor.limits} and name not in self._own:
            lower = f"Lower max_effort of {self._joint.name} in the robot's file"
        if bound is not None:
            raise_it = (
                f"settings = {{ {bound.name} = {abs(value)} }} under that joint raises the servo's own limit"
            )
            return f"{lower or f'Give {self._joint.name} a smaller {name} in the robot file'}, or: {raise_it}"
        return (
            lower
            or f"settings = {{ {name} = ... }} under {self._joint.name} in the robot's file gives it another value"
        )


def _bound(register: Register | None) -> _core.SettingBound:
    if register is None:
        return _core.SettingBound()
    return _core.SettingBound(address=register.address, size=register.size, name=register.name)
