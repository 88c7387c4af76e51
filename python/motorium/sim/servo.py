"""How a hobby bus servo behaves: a DC motor behind a position controller, and what its sensors report.

Torque = stall * duty - back_emf * speed, with the duty clamped to +-torque_limit (DC motor law). The back-EMF term is a
passive damping of stall torque / no-load speed, so a goal far away is approached at the no-load speed by itself.
Gravity is compensated inside the same torque limit, which stands for the integral action that holds a real arm up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SpecError
from ..foreign import read_toml
from ..specs.servo import DATA as SERVOS

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class ServoModel:
    """Constants of one servo type; 7.4 V STS3215 by default (stall from the motor table, the rest typical values)."""

    stall_torque_nm: float
    stall_current_ma: float
    no_load_speed_rad_s: float = 4.7
    stiffness_nm_rad: float = 60.0
    damping_nm_s_rad: float = 1.2
    armature_kg_m2: float = 0.02
    supply_v: float = 7.4
    sag_v: float = 0.5
    ambient_c: float = 28.0
    heating_c: float = 45.0
    thermal_s: float = 90.0
    load_filter_s: float = 0.03

    @classmethod
    def load(cls, motor: str) -> ServoModel:
        """Return the model of a motor by the name of its table. Raises SpecError."""
        path = SERVOS / f"{motor}.toml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in SERVOS.glob("*.toml")))
            raise SpecError(f"no motor table {motor!r}; known motors: {known}")
        table = read_toml(path, error=SpecError)
        optional = ("no_load_speed_rad_s", "supply_v")
        return cls(
            stall_torque_nm=float(table["stall_torque_nm"]),
            stall_current_ma=float(table["stall_current_ma"]),
            **{name: float(table[name]) for name in optional if name in table},
        )

    @property
    def back_emf_nm_s_rad(self) -> float:
        """Passive damping of the motor."""
        return self.stall_torque_nm / self.no_load_speed_rad_s


@dataclass(frozen=True)
class ServoState:
    """What six servos report, each (J,): radians, rad/s, signed share of stall torque, volts, deg C, mA."""

    position_rad: Float64
    velocity_rad_s: Float64
    effort: Float64
    voltage_v: Float64
    temperature_c: Float64
    current_ma: Float64


class ServoBank:
    """Torque limits and slow sensors of J servos of a compiled model; their types may differ.

    Attributes:
        torque_enable: (J,) bool; a joint whose torque is off moves freely.
        torque_limit: (J,) share of stall torque, 0..1.
    """

    def __init__(self, models: Sequence[ServoModel], mj_model: Any, torque_limit: Float64) -> None:
        self.model = models[0]
        self._stall_nm = np.array([model.stall_torque_nm for model in models])
        self._stall_ma = np.array([model.stall_current_ma for model in models])
        self._supply_v = np.array([model.supply_v for model in models])
        self._mj = mj_model
        self._n = len(models)
        self._default_limit = torque_limit
        self.reset()

    def reset(self) -> None:
        """Reset to torque on, default limits, cold."""
        self.torque_enable = np.ones(self._n, dtype=bool)
        self.torque_limit = self._default_limit.copy()
        self._load = np.zeros(self._n)
        self._heat = np.zeros(self._n)
        self.apply_limits()

    def apply_limits(self) -> None:
        """Write the attributes into the physics; call after changing them."""
        torque = np.clip(self.torque_limit, 0.0, 1.0) * self._stall_nm * self.torque_enable
        self._mj.jnt_actfrcrange[: self._n, 0] = -torque
        self._mj.jnt_actfrcrange[: self._n, 1] = torque

    def save(self) -> tuple[Float64, ...]:
        """Return everything that changes with time or by hand; for `restore`."""
        return tuple(v.copy() for v in (self.torque_enable, self.torque_limit, self._load, self._heat))

    def restore(self, saved: tuple[Float64, ...]) -> None:
        """Go back to what `save` returned."""
        self.torque_enable, self.torque_limit, self._load, self._heat = (v.copy() for v in saved)
        self.apply_limits()

    def sense(self, torque_nm: Float64, dt_s: float) -> None:
        """Feed the sensors with the torque of the last `dt_s` seconds."""
        fraction = torque_nm * (1.0 / self._stall_nm)
        self._load += (fraction - self._load) * min(1.0, dt_s / self.model.load_filter_s)
        self._heat += (fraction * fraction - self._heat) * min(1.0, dt_s / self.model.thermal_s)

    @property
    def load(self) -> NDArray[np.float32]:
        """(J,) float32 signed share of stall torque, filtered, a copy."""
        return self._load.astype(np.float32)

    def state(self, position_rad: Float64, velocity_rad_s: Float64) -> ServoState:
        """Return all readings at once."""
        magnitude = np.abs(self._load)
        return ServoState(
            position_rad=position_rad.copy(),
            velocity_rad_s=velocity_rad_s.copy(),
            effort=self._load.copy(),
            voltage_v=self._supply_v - self.model.sag_v * float(np.mean(magnitude)),
            temperature_c=self.model.ambient_c + self.model.heating_c * self._heat,
            current_ma=magnitude * self._stall_ma,
        )
