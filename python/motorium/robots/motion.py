"""Motions of a whole arm: a pose in, a slew in the control thread, and its measured result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from .._core import LoopStats, MoveEnd
from ..errors import BusError, MotoriumError, SafetyError, SpecError
from ..specs.robot import RobotSpec
from ..types import Float32
from . import health
from .config import arrival_tolerances
from .last_states import with_last_states

MOVE_TIMEOUT_S = 15.0
"""The longest slew of any declared robot at its approach speed, doubled."""
STOPPED_BY = {
    MoveEnd.HELD: "another caller made it hold",
    MoveEnd.PARKED: "another caller parked it, or it is being closed",
    MoveEnd.RELEASED: "another caller switched its torque off",
    MoveEnd.REPLACED: "another motion was requested meanwhile",
    MoveEnd.ESTOP: "an emergency stop was pressed",
    MoveEnd.FAULT: "it went into fault",
    MoveEnd.PROTECTION: "it goes to its rest pose to protect its servos",
    MoveEnd.ENDED: "the robot was closed",
}
"""Why a motion ended before its time, by the name the control thread gives it."""


class Arm(Protocol):
    """What a motion needs of a robot."""

    spec: RobotSpec
    port: str

    @property
    def control(self) -> _core.Robot:
        """Its control thread."""
        ...

    def check(self) -> None:
        """Raise the cause when it can no longer be commanded."""
        ...


@dataclass(frozen=True)
class MoveResult:
    """Where the joints were when a motion had arrived.

    Attributes:
        goal_rad: joint name -> where it was to go, inside its limits.
        position_rad: joint name -> where it was measured.
        contact: joints declared `opening` that something stopped short of their goal.
    """

    goal_rad: Mapping[str, float]
    position_rad: Mapping[str, float]
    contact: tuple[str, ...] = ()


def target_pose(spec: RobotSpec, control: _core.Robot, pose: ArrayLike | Mapping[str, float]) -> Float32:
    """Turn a pose into (J,) radians; joints that a mapping does not name keep their goal.

    Raises SpecError: an unknown joint name, a number that is not finite, or one beyond a joint's limits by more than
    its arrival tolerance (degrees, perhaps). ValueError: not J numbers.
    """
    if isinstance(pose, Mapping):
        unknown = sorted(set(pose) - set(spec.joint_names))
        if unknown:
            raise SpecError(f"no joint {unknown[0]!r}; {spec.name} has {', '.join(spec.joint_names)}")
        goals = zip(spec.joint_names, control.goal_rad, strict=True)
        target = np.array([pose.get(name, goal) for name, goal in goals], dtype=np.float32)
    else:
        target = np.asarray(pose, dtype=np.float32)
    if target.shape != (len(spec.joints),):
        raise ValueError(f"a pose of {spec.name} has shape ({len(spec.joints)},), not {target.shape}")
    if not np.isfinite(target).all():
        raise SpecError(f"a target pose must consist of finite numbers, not {target}")
    named = set(pose) if isinstance(pose, Mapping) else set(spec.joint_names)
    for joint, goal, tolerance in zip(spec.joints, target, arrival_tolerances(spec), strict=True):
        if joint.name in named and not joint.lower_rad - tolerance <= goal <= joint.upper_rad + tolerance:
            raise SpecError(
                f"{joint.name} cannot go to {goal:.2f} rad: its range is {joint.lower_rad:.2f} to {joint.upper_rad:.2f}"
            )
    return target


def move(
    arm: Arm, pose: ArrayLike | Mapping[str, float], velocity_fraction: float | None, timeout_s: float
) -> MoveResult:
    """Slew to a pose, wait, and say where the arm arrived. See `Robot.move_to`."""
    if not timeout_s > 0.0:
        raise ValueError(
            f"timeout_s is {timeout_s}; robot.control.move_to(q) starts a motion without waiting"
        )
    if velocity_fraction is not None and not 0.0 < velocity_fraction <= 1.0:
        raise ValueError(
            f"velocity_fraction must be in (0, 1], or None for the robot's approach speed; not {velocity_fraction}"
        )
    control = arm.control  # the robot may be closed meanwhile
    target = target_pose(arm.spec, control, pose)
    end = control.slew(target, velocity_fraction, timeout_s)
    if end in {MoveEnd.FAULT, MoveEnd.ESTOP, MoveEnd.PROTECTION, MoveEnd.REFUSED}:
        arm.check()  # which knows more of the cause
    stats = control.stats()
    if end is not MoveEnd.ARRIVED:
        cause = _cause(arm, end, stats, f"{timeout_s:.1f} s: {_left(arm.spec, control, target)}")
        raise with_last_states(cause, control, arm.spec.joint_names)
    arrival, names = stats.arrival, arm.spec.joint_names
    return MoveResult(
        dict(zip(names, map(float, arrival.target_rad), strict=True)),
        dict(zip(names, map(float, arrival.position_rad), strict=True)),
        tuple(name for j, name in enumerate(names) if int(arrival.contact) >> j & 1),
    )


def _left(spec: RobotSpec, control: _core.Robot, target: Float32) -> str:
    position = control.state().position_rad
    j = int(np.abs(target - position).argmax())
    return f"{spec.joint_names[j]} at {position[j]:.2f} rad, goal {target[j]:.2f}"


def _cause(arm: Arm, end: MoveEnd, stats: LoopStats, left: str) -> MotoriumError:
    name = arm.spec.name
    if end is MoveEnd.MISSED:
        return SafetyError(
            f"{name} did not arrive: {health.missed_joints(arm.spec, stats)}. Is something in its way, or its load too "
            f"heavy? It holds there"
        )
    if end is MoveEnd.CANCELLED:
        return SafetyError.with_remedy(
            f"{name} did not arrive in {left}. It holds there;",
            program="give it a longer timeout_s or a larger velocity_fraction",
            command=f"see that nothing is in its way, then {health.AGAIN}",
        )
    if end is MoveEnd.UNPLANNED:
        return SafetyError(f"{name} did not move: such a slow motion cannot be computed. It holds")
    if end is MoveEnd.BUS_ERRORS:
        return BusError.with_remedy(
            f"{name} stopped its motion: the servos on {arm.port} did not answer ({stats.bad_reads} bad reads; "
            f"{health.bus_counts(stats.bus)}). It holds; check the bus cable and their power, then",
            program="move again",
            command=health.AGAIN,
        )
    if end is MoveEnd.REFUSED:
        now = ", ".join(word for word in (stats.mode, stats.reason) if word)
        return SafetyError.with_remedy(
            f"{name} cannot move now ({now}):",
            program="robot.enable() gives it torque",
            command=health.AGAIN,
        )
    return SafetyError(f"{name} did not finish its motion: {STOPPED_BY[end]}")
