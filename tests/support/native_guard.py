"""The guard in front of the gate, compiled and called through ctypes."""

from __future__ import annotations

import ctypes as c
import math
from collections.abc import Sequence
from pathlib import Path

from native_core import MAX_JOINTS, floats

STALLED, OVERLOADED, WARM, DERATED, HOT, LOW, BAD = (1 << bit for bit in range(7))
OK, WARN, ACT, STOP = range(4)
DT = 0.25
NAN = math.nan
LIMITS = {
    "stall_effort": 0.5, "stall_error_rad": 0.25, "stall_velocity_rad_s": 0.125, "stall_time_s": 2.0,
    "overload_effort": 0.75, "hold_effort": 0.375, "warn_c": 50.0, "derate_c": 56.0, "stop_c": 64.0,
    "warn_v": 6.0, "min_v": 4.5, "max_v": 14.0,
}  # fmt: skip

GUARD_FIELDS = (
    "stall_effort", "stall_error_rad", "stall_velocity_rad_s", "stall_time_s", "overload_effort", "hold_effort",
    "warn_c", "derate_c", "stop_c", "warn_v", "min_v", "max_v",
)  # fmt: skip


class GuardJoint(c.Structure):
    _fields_ = [(name, c.c_float) for name in GUARD_FIELDS]


class GuardConfig(c.Structure):
    _fields_ = [("n_joints", c.c_uint32), ("dt_s", c.c_float), ("joint", GuardJoint * MAX_JOINTS)]


class GuardState(c.Structure):
    _fields_ = [
        ("exertion_s", c.c_float * MAX_JOINTS),
        ("slack_rad", c.c_float * MAX_JOINTS),
        ("ahead", c.c_float * MAX_JOINTS),
        ("bad_s", c.c_float * MAX_JOINTS),
        ("bits", c.c_uint8 * MAX_JOINTS),
        ("back_offs", c.c_uint64),
        ("stops", c.c_uint64),
    ]


class GuardReading(c.Structure):
    _fields_ = [
        (name, c.POINTER(c.c_float))
        for name in ("measured_rad", "velocity_rad_s", "effort", "temperature_c", "voltage_v")
    ]


def open_guard(path: Path) -> c.CDLL:
    """The guard in front of the gate."""
    lib = c.CDLL(str(path))
    lib.mtr_guard_config_ok.restype = c.c_bool
    return lib


class Guard:
    """One guard of as many joints as there are changes of the limits above."""

    def __init__(self, lib: c.CDLL, *changes: dict[str, float], dt_s: float = DT) -> None:
        self.lib, self.n = lib, max(1, len(changes))
        self.config, self.state = GuardConfig(self.n, dt_s), GuardState()
        for i, change in enumerate(changes or [{}]):
            self.config.joint[i] = GuardJoint(**{**LIMITS, **change})

    def ok(self) -> bool:
        return bool(self.lib.mtr_guard_config_ok(c.byref(self.config)))

    def step(self, goal: Sequence[float], load: Sequence[float], *, at: Sequence[float] | None = None,
             speed: Sequence[float] | None = None, celsius: Sequence[float] | None = None,
             volts: Sequence[float] | None = None) -> int:  # fmt: skip
        """One tick; the verdict. Goals afterwards in `goals`, and one more that must stay."""
        known = [(at, 0.0), (speed, 0.0), (load, 0.0), (celsius, 30.0), (volts, 7.4)]
        rows = [floats(list(row or [usual] * self.n)) for row, usual in known]
        reading = GuardReading(*(c.cast(row, c.POINTER(c.c_float)) for row in rows))
        goals = floats([*goal, 123.0])
        verdict = self.lib.mtr_guard_step(c.byref(self.config), c.byref(self.state), c.byref(reading), goals)
        *self.goals, behind = goals
        assert behind == 123.0
        return int(verdict)

    def one(self, goal: float, load: float, at: float = 0.0, **others: float) -> int:
        """A tick of the only joint."""
        return self.step([goal], [load], at=[at], **{name: [value] for name, value in others.items()})

    @property
    def used_s(self) -> float:
        return float(self.state.exertion_s[0])

    @property
    def bits(self) -> int:
        return int(self.state.bits[0])
