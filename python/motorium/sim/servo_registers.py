"""A virtual servo per joint: what its registers mean to the physics, and what they show of it.

The emulator translates goals and readings into the registers of its protocol; here they have the units of an STS3215.
All arrays are (J,), in joint order. Ticks are encoder positions, as many per turn as the servo's table says; homing
offset and position limits are the emulator's business.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec
from .servo import ServoState

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

MAX_SPEED_TURNS_S = 3400.0 / 4096  # no-load speed at 7.4 V, about 50 turns per minute (STS3215 data sheet)
ACCELERATION_UNIT_TICKS_S2 = 100.0  # register 41
FREE_ACCELERATION = (
    254  # its largest value; like 0 it leaves the motor and the arm's inertia as the only limits
)
CURRENT_UNIT_MA = 6.5  # register 69
MOVING_TURNS_S = 5.0 / 4096
WHEEL_LEAD_TURNS = 300.0 / 4096
"""How far a servo in wheel mode pushes against what stops it: enough for its stall torque."""
STATUS_OVERHEAT = 1 << 2
STATUS_OVERLOAD = 1 << 5


@dataclass(frozen=True)
class Protection:
    """One quantity of a servo's self-protection: registers that may hold it, their unit, and what it is without any."""

    registers: tuple[str, ...]
    unit: float
    otherwise: float

    def of(self, motor: MotorSpec, table: bytes) -> float:
        """Return its value in a register table."""
        for register in (motor.registers[name] for name in self.registers if name in motor.registers):
            return register.decode(table[register.address : register.address + register.size]) * self.unit
        return self.otherwise


PROTECTIONS: dict[str, Protection] = {
    "max_temperature_c": Protection(("max_temperature", "temperature_limit"), 1.0, 70.0),
    # Without registers an overload is judged by the firmware alone, and switches the torque off until a restart.
    "protective_share": Protection(("protection_torque",), 0.01, 0.0),
    "protection_time_s": Protection(("protection_time",), 0.01, 2.0),
    "overload_share": Protection(("overload_torque",), 0.01, 0.95),
}
"""What `ServoSettings` is read from."""


@dataclass(frozen=True)
class ServoGoals:
    """The control registers of all servos, as the bus last wrote them."""

    torque_enable: NDArray[np.bool_]
    position_ticks: Float64
    speed_ticks_s: Float64  # 0: as fast as it goes
    acceleration: Float64  # register units; 0 or 254: unlimited
    torque_limit: Float64  # share of stall torque, 0..1
    turn_speed_ticks_s: Float64 | None = None  # signed, of servos in wheel mode; NaN for all others


@dataclass
class ServoSettings:
    """How the servos protect themselves, read from the raw tables now and then."""

    max_temperature_c: Float64
    protective_share: Float64
    protection_time_s: Float64
    overload_share: Float64

    @classmethod
    def from_registers(cls, motors: Sequence[MotorSpec], tables: Sequence[bytes]) -> ServoSettings:
        """Decode one whole register table per servo."""
        return cls(
            **{
                name: np.array([rule.of(m, t) for m, t in zip(motors, tables, strict=True)])
                for name, rule in PROTECTIONS.items()
            }
        )


@dataclass(frozen=True)
class ServoDrive:
    """What the servos ask of the physics for one step."""

    target_rad: Float64
    torque_fraction: Float64  # allowed share of stall torque; 0: torque off


@dataclass(frozen=True)
class ServoReading:
    """What the servos report after one step, in register units (signed; the bus adds its sign bits)."""

    position_ticks: Int64
    speed_ticks_s: Int64
    load_permille: Int64
    voltage_dv: Int64
    temperature_c: Int64
    current_units: Int64
    moving: Int64
    status: Int64


@dataclass
class _State:
    """What the servos remember between steps."""

    profile_ticks: Float64
    profile_speed: Float64
    enabled: NDArray[np.bool_]
    overload_s: Float64
    overloaded: NDArray[np.bool_]
    overload_sign: Float64


class RegisterModel:
    """All servos of one arm. Call `drive`, step the physics with it, then `read`, once per period."""

    def __init__(self, spec: RobotSpec, settings: ServoSettings) -> None:
        """Servos at rest, torque off."""
        joints = spec.joints
        n = len(joints)
        self._zero = np.array([joint.zero_ticks for joint in joints], dtype=np.float64)
        self._sign = np.array([joint.sign for joint in joints], dtype=np.float64)
        self.settings = settings
        motors = [MotorSpec.load(name) for name in spec.motor_names]
        self._turn = np.array([motor.ticks_per_turn for motor in motors], dtype=np.float64)
        per_rad = self._turn / (2 * math.pi)
        self._scale = self._sign * per_rad
        free = np.array([motor.no_load_speed_rad_s for motor in motors]) * per_rad
        self._top_speed = np.maximum(free, MAX_SPEED_TURNS_S * self._turn)
        self._state = _State(
            profile_ticks=np.zeros(n),
            profile_speed=np.zeros(n),
            enabled=np.zeros(n, dtype=bool),
            overload_s=np.zeros(n),
            overloaded=np.zeros(n, dtype=bool),
            overload_sign=np.zeros(n),
        )

    def to_ticks(self, position_rad: Float64) -> Float64:
        """Convert joint angles to encoder ticks, not rounded."""
        return self._zero + self._scale * position_rad

    def to_rad(self, ticks: Float64) -> Float64:
        """Turn encoder ticks into joint angles."""
        return (ticks - self._zero) / self._scale

    def drive(self, goals: ServoGoals, position_rad: Float64, dt_s: float) -> ServoDrive:
        """Advance the motion profiles by `dt_s` towards the goal registers.

        A servo whose torque is switched on starts from where it is and heads for whatever its goal
        register holds; one whose torque is off moves freely.
        """
        state, present = self._state, self.to_ticks(position_rad)
        start = goals.torque_enable != state.enabled
        restart = start | ~goals.torque_enable
        state.profile_ticks = np.where(restart, present, state.profile_ticks)
        state.profile_speed = np.where(restart, 0.0, state.profile_speed)
        state.enabled = goals.torque_enable.copy()
        self._release_overload(goals.position_ticks - present, start)
        self._advance(goals, dt_s)
        self._stay_near(goals, present)
        limit = np.where(state.overloaded, self.settings.protective_share, 1.0)
        fraction = np.where(goals.torque_enable, np.minimum(limit, goals.torque_limit), 0.0)
        return ServoDrive(self.to_rad(state.profile_ticks), fraction)

    def read(self, senses: ServoState, dt_s: float) -> ServoReading:
        """Return the registers after a step of `dt_s`."""
        load = np.clip(senses.effort, -1.0, 1.0) * self._sign
        self._watch_overload(load, dt_s)
        speed = senses.velocity_rad_s * self._scale
        hot = senses.temperature_c > self.settings.max_temperature_c
        status = np.where(self._state.overloaded, STATUS_OVERLOAD, 0) | np.where(hot, STATUS_OVERHEAT, 0)
        return ServoReading(
            position_ticks=_whole(self.to_ticks(senses.position_rad)),
            speed_ticks_s=_whole(speed),
            load_permille=_whole(1000 * load),
            voltage_dv=_whole(10 * senses.voltage_v),
            temperature_c=_whole(senses.temperature_c),
            current_units=_whole(senses.current_ma / CURRENT_UNIT_MA),
            moving=(np.abs(speed) > MOVING_TURNS_S * self._turn).astype(np.int64),
            status=status.astype(np.int64),
        )

    def _advance(self, goals: ServoGoals, dt_s: float) -> None:
        state = self._state
        error = goals.position_ticks - state.profile_ticks
        speed = goals.speed_ticks_s
        top = np.where(speed > 0, np.minimum(speed, self._top_speed), self._top_speed)
        register = np.where(goals.acceleration < FREE_ACCELERATION, goals.acceleration, 0.0)
        acceleration = register * ACCELERATION_UNIT_TICKS_S2
        # The speed that can still stop at the goal after one more step: v dt + v^2 / 2a = |error|.
        ramp = np.where(acceleration > 0, acceleration, 1.0)
        brake = ramp * (np.sqrt(dt_s * dt_s + 2 * np.abs(error) / ramp) - dt_s)
        brake = np.where(acceleration > 0, brake, np.inf)
        wanted = np.sign(error) * np.minimum(np.minimum(top, brake), np.abs(error) / dt_s)
        if goals.turn_speed_ticks_s is not None:
            turning = np.clip(goals.turn_speed_ticks_s, -self._top_speed, self._top_speed)
            wanted = np.where(np.isnan(turning), wanted, turning)
        change = wanted - state.profile_speed
        limited = np.clip(change, -acceleration * dt_s, acceleration * dt_s)
        state.profile_speed += np.where(acceleration > 0, limited, change)
        moved = state.profile_ticks + state.profile_speed * dt_s
        state.profile_ticks = np.where(goals.torque_enable, moved, state.profile_ticks)

    def _stay_near(self, goals: ServoGoals, present: Float64) -> None:
        """Keep the goal of a wheel near it: stopped by something, it turns back as soon as it is told."""
        if goals.turn_speed_ticks_s is None:
            return
        lead = WHEEL_LEAD_TURNS * self._turn
        near = np.clip(self._state.profile_ticks, present - lead, present + lead)
        turning = ~np.isnan(goals.turn_speed_ticks_s)
        self._state.profile_ticks = np.where(turning, near, self._state.profile_ticks)

    @property
    def enabled(self) -> NDArray[np.bool_]:
        """(J,) which servos have torque."""
        return self._state.enabled

    def _watch_overload(self, load: Float64, dt_s: float) -> None:
        """Cut the torque back after too much load for too long, as registers 34 to 36 say."""
        state = self._state
        over = np.abs(load) > self.settings.overload_share
        state.overload_s = np.where(over, state.overload_s + dt_s, 0.0)
        trip = over & (state.overload_s >= self.settings.protection_time_s) & ~state.overloaded
        state.overload_sign = np.where(trip, np.sign(load), state.overload_sign)
        state.overloaded = state.overloaded | trip

    def _release_overload(self, error: Float64, toggled: NDArray[np.bool_]) -> None:
        """End a latched overload when torque is toggled or the goal lies the other way."""
        state = self._state
        other_way = np.sign(error) == -state.overload_sign
        state.overloaded = state.overloaded & ~(toggled | other_way)


def _whole(values: Float64) -> Int64:
    return np.rint(values).astype(np.int64)
