"""What `Robot.status` tells: mode and cause, every joint, cameras, counters, and how planning keeps up."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import _core
from .._core import JointState, LoopStats, Mode, Reason, WatchedBy
from ..deprecated import dict_access
from ..specs.robot import RobotSpec
from . import health


@dict_access
@dataclass(frozen=True)
class JointStatus:
    """The last reading of one joint.

    Attributes:
        position_rad, velocity_rad_s: as measured.
        effort: signed fraction of stall torque, -1 to 1.
        voltage_v, temperature_c: of its servo.
        age_s: seconds since that servo answered.
        faults: names of the fault bits that it reports.
    """

    position_rad: float
    velocity_rad_s: float
    effort: float
    voltage_v: float
    temperature_c: float
    age_s: float
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "faults": list(self.faults)}


@dict_access
@dataclass(frozen=True)
class PlanningStatus:
    """How a policy keeps up with its robot.

    Attributes:
        sync: the arm stands while the policy thinks.
        chunks: inferences so far.
        latency_estimate_ms: what an inference is taken to last.
        declared_delay_rows: rows that the policy was told are committed.
        needed_delay_rows: rows that its latency asks for.
        shortfalls: plans that needed more committed rows than the policy accepts.
        row_ms: distance of two rows.
        refused_chunks: plans that could not be meant.
        expired_chunks: plans that were over before they came.
    """

    sync: bool
    chunks: int
    latency_estimate_ms: float
    declared_delay_rows: int
    needed_delay_rows: int
    shortfalls: int
    row_ms: float
    refused_chunks: int
    expired_chunks: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dict_access
@dataclass(frozen=True)
class RobotStatus:
    """An arm at one moment.

    Attributes:
        robot, port: its name, and where its servos are.
        mode, reason: what it does, and why.
        watchdog: who takes the torque when this process dies.
        joints: joint name -> its last reading.
        protection: joint name -> what the guard in front of the gate does or sees there, where there is anything.
        cameras: roles, sorted.
        control: what the control thread has counted.
        planning: how a running policy keeps up; None without one.
    """

    robot: str
    port: str
    mode: Mode
    reason: Reason
    watchdog: WatchedBy
    joints: Mapping[str, JointStatus]
    protection: Mapping[str, tuple[str, ...]]
    cameras: tuple[str, ...]
    control: LoopStats
    planning: PlanningStatus | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `jump_rad` of the control thread is an array."""
        return {
            "robot": self.robot,
            "port": self.port,
            "mode": self.mode.value,
            "reason": self.reason.value,
            "watchdog": str(self.watchdog),
            "joints": {name: joint.as_dict() for name, joint in self.joints.items()},
            "protection": {name: list(words) for name, words in self.protection.items()},
            "cameras": list(self.cameras),
            "control": self.control.as_dict(),
            "planning": self.planning.as_dict() if self.planning is not None else None,
        }


def status_of(
    spec: RobotSpec,
    port: str,
    control: _core.Robot,
    cameras: Iterable[str],
    planning: PlanningStatus | None,
) -> RobotStatus:
    """Look at an arm; `cameras` are the roles of those that are open."""
    stats = control.stats()
    return RobotStatus(
        robot=spec.name,
        port=port,
        mode=stats.mode,
        reason=stats.reason,
        watchdog=stats.watchdog,
        joints=joint_table(spec, control.state(), time.monotonic_ns()),
        protection=health.protection(spec, stats),
        cameras=tuple(sorted(cameras)),
        control=stats,
        planning=planning,
    )


def joint_table(spec: RobotSpec, reading: JointState, now_ns: int) -> dict[str, JointStatus]:
    """Return joint name -> its last reading."""
    faults = health.servo_faults(spec, reading)
    return {
        name: JointStatus(
            position_rad=float(reading.position_rad[j]),
            velocity_rad_s=float(reading.velocity_rad_s[j]),
            effort=float(reading.effort[j]),
            voltage_v=float(reading.voltage_v[j]),
            temperature_c=float(reading.temperature_c[j]),
            age_s=(now_ns - int(reading.joint_t_ns[j])) * 1e-9,
            faults=faults.get(name, ()),
        )
        for j, name in enumerate(spec.joint_names[: len(reading.position_rad)])
    }
