"""The portable C of firmware/core, compiled with instrumentation and called through ctypes."""

from __future__ import annotations

import ctypes as c
import math
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "firmware/core"
MAX_JOINTS = 32
PASS, CLAMPED, REFUSED, TRIPPED = range(4)
POSITION, VELOCITY, ACCELERATION, EFFORT, STALE_STATE, STALE_COMMAND, NOT_FINITE, NOT_ARMED = (
    1 << bit for bit in range(8)
)
MS = 1_000_000

COMPILER = shutil.which("gcc") or shutil.which("cc")
FLAGS = [
    "-std=c11", "-O1", "-g", "-fPIC", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror",
    "-Wdouble-promotion", "-fsanitize=undefined", "-fno-sanitize-recover=all",
]  # fmt: skip


def build(source: Path, folder: Path, *others: Path) -> Path:
    """Compile C files of the core to one shared object in `folder`, undefined behaviour being fatal."""
    target = folder / f"{source.stem}.so"
    compile_c(FLAGS, target, source, *others)
    return target


def compile_c(flags: Sequence[str], target: Path, *sources: Path) -> None:
    """One shared object; subprocess.CalledProcessError when it does not compile."""
    if COMPILER is None:
        raise RuntimeError("no C compiler")
    command = [
        COMPILER,
        *flags,
        f"-I{ROOT / 'firmware'}",
        "-shared",
        "-o",
        target.name,
        *map(str, sources),
        "-lm",
    ]
    subprocess.run(command, cwd=target.parent, check=True, capture_output=True)


class JointLimits(c.Structure):
    _fields_ = [(name, c.c_float) for name in ("lower", "upper", "velocity", "acceleration", "effort")]


class Config(c.Structure):
    _fields_ = [
        ("n_joints", c.c_uint32),
        ("dt_s", c.c_float),
        ("max_state_age_ns", c.c_int64),
        ("max_command_age_ns", c.c_int64),
        ("trip_after", c.c_uint32),
        ("joint", JointLimits * MAX_JOINTS),
    ]


class Counters(c.Structure):
    _fields_ = [
        (name, c.c_uint64)
        for name in (
            "clamped_position", "clamped_velocity", "clamped_acceleration", "clamped_effort",
            "clamped", "refused", "trips",
        )
    ]  # fmt: skip


class State(c.Structure):
    _fields_ = [
        ("armed", c.c_bool),
        ("tripped", c.c_bool),
        ("has_goal", c.c_bool),
        ("refusals_in_a_row", c.c_uint32),
        ("last_causes", c.c_uint32),
        ("goal_rad", c.c_double * MAX_JOINTS),
        ("velocity_rad_s", c.c_float * MAX_JOINTS),
        ("counters", Counters),
    ]


class Input(c.Structure):
    _fields_ = [
        ("goal_rad", c.POINTER(c.c_float)),
        ("measured_rad", c.POINTER(c.c_float)),
        ("effort", c.POINTER(c.c_float)),
        ("now_ns", c.c_int64),
        ("state_t_ns", c.c_int64),
        ("command_t_ns", c.c_int64),
    ]


@dataclass
class Joint:
    """Limits of one joint; defaults near a hobby arm's."""

    lower: float = -1.5
    upper: float = 1.5
    velocity: float = 3.0
    acceleration: float = 80.0
    effort: float = 0.8


class Gate:
    """One gate with its state. Inputs default to fresh, measured = the last output, no effort."""

    def __init__(
        self, lib: c.CDLL, joints: Sequence[Joint], *, dt_s: float = 0.005, trip_after: int = 5
    ) -> None:
        self.lib = lib
        self.config = Config(len(joints), dt_s, 100 * MS, 500 * MS, trip_after)
        for i, j in enumerate(joints):
            self.config.joint[i] = JointLimits(j.lower, j.upper, j.velocity, j.acceleration, j.effort)
        self.state = State()
        self.n = len(joints)
        self.out: list[float] = [math.nan] * self.n
        self.now_ns = 10**12

    def ok(self) -> bool:
        return bool(self.lib.mtr_limits_config_ok(c.byref(self.config)))

    def arm(self, *measured: float) -> bool:
        self.out = [c.c_float(v).value for v in measured]
        return bool(self.lib.mtr_limits_arm(c.byref(self.config), c.byref(self.state), floats(measured)))

    def reset(self) -> None:
        self.lib.mtr_limits_reset(c.byref(self.state))

    def apply(self, *goal: float, measured: Sequence[float] | None = None, effort: Sequence[float] | None = None,
              times: tuple[int, int, int] | None = None) -> int:  # fmt: skip
        """One tick; the verdict. `times`: now, state, command."""
        if times is None:
            self.now_ns += round(self.config.dt_s * 1e9)
            times = (self.now_ns,) * 3
        data = Input(
            floats(goal),
            floats(self.out if measured is None else measured),
            floats(effort or [0.0] * self.n),
            *times,
        )
        out = (c.c_float * self.n)(*[math.nan] * self.n)
        verdict = self.lib.mtr_limits_apply(c.byref(self.config), c.byref(self.state), c.byref(data), out)
        self.out = list(out)
        return int(verdict)

    @property
    def causes(self) -> int:
        return int(self.state.last_causes)

    @property
    def counters(self) -> dict[str, int]:
        return {name: getattr(self.state.counters, name) for name, _ in Counters._fields_}


def floats(values: Sequence[float]) -> c.Array[c.c_float]:
    return (c.c_float * len(values))(*values)


def open_limits(path: Path) -> c.CDLL:
    """The gate."""
    lib = c.CDLL(str(path))
    lib.mtr_limits_config_ok.restype = lib.mtr_limits_arm.restype = c.c_bool
    return lib


class ProfileLimits(c.Structure):
    _fields_ = [(name, c.c_double) for name in ("velocity", "acceleration", "jerk")]


class Motion(c.Structure):
    _fields_ = [(name, c.c_double) for name in ("position", "velocity", "acceleration")]


class Phase(c.Structure):
    _fields_ = [("duration_s", c.c_double), ("jerk", c.c_double)]


class Profile(c.Structure):
    _fields_ = [
        ("start", Motion),
        ("target", c.c_double),
        ("duration_s", c.c_double),
        ("count", c.c_uint32),
        ("phase", Phase * 10),
    ]


def open_profile(path: Path) -> c.CDLL:
    """The jerk-bounded profile."""
    lib = c.CDLL(str(path))
    lib.mtr_profile_plan.restype = lib.mtr_profile_limits_ok.restype = c.c_bool
    lib.mtr_profile_plan.argtypes = [c.POINTER(ProfileLimits), Motion, c.c_double, c.POINTER(Profile)]
    lib.mtr_profile_stopping_distance.restype = c.c_double
    lib.mtr_profile_stopping_distance.argtypes = [c.POINTER(ProfileLimits), Motion]
    lib.mtr_profile_at.restype = Motion
    lib.mtr_profile_at.argtypes = [c.POINTER(Profile), c.c_double]
    return lib


def open_feetech(path: Path) -> c.CDLL:
    """The Feetech codec."""
    lib = c.CDLL(str(path))
    for name in ("packet", "ping", "read", "write", "sync_read", "sync_write", "push"):
        getattr(lib, f"mtr_ft_{name}").restype = c.c_size_t
    for name in ("encode_signed", "get16", "get16_high_first"):
        getattr(lib, f"mtr_ft_{name}").restype = c.c_uint16
    return lib


def open_dynamixel(path: Path) -> c.CDLL:
    """The Dynamixel codec."""
    lib = c.CDLL(str(path))
    for name in (
        "packet", "status", "ping", "reboot", "clear_turns", "read", "write", "sync_read", "sync_write",
        "bulk_read", "bulk_write", "push", "put_block", "fast_intact", "fast_next", "end",
    ):  # fmt: skip
        getattr(lib, f"mtr_dxl_{name}").restype = c.c_size_t
    lib.mtr_dxl_crc.restype = c.c_uint16
    lib.mtr_dxl_give_up.restype = c.c_bool
    return lib
