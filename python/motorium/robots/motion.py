"""Motions of a whole arm: a pose in, a slew in the control thread, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from .._core import ControlLoop
from ..errors import SpecError
from ..types import Float32
from .spec import RobotSpec

MOVE_TIMEOUT_S = 15.0
"""The longest slew of any declared robot at its approach speed, doubled."""


def target_pose(spec: RobotSpec, control: ControlLoop, pose: ArrayLike | Mapping[str, float]) -> Float32:
    """Turn a pose into (J,) radians; joints that a mapping does not name keep their goal.

    Raises SpecError: an unknown joint name, or a number that is not finite.
    """
    if isinstance(pose, Mapping):
        unknown = sorted(set(pose) - set(spec.joint_names))
        if unknown:
            raise SpecError(f"no joint {unknown[0]!r}; {spec.name} has {', '.join(spec.joint_names)}")
        goals = zip(spec.joint_names, control.goal_rad, strict=True)
        target = np.array([pose.get(name, goal) for name, goal in goals], dtype=np.float32)
    else:
        target = np.asarray(pose, dtype=np.float32)
    if not np.isfinite(target).all():
        raise SpecError(f"a pose to move to is made of finite numbers, not {target}")
    return target


def release_springs(spec: RobotSpec, control: ControlLoop) -> None:
    """Start the joints that have torque, on an arm moved by hand, towards home: there they are springs."""
    if any(joint.passive for joint in spec.joints):
        here = zip(spec.joints, control.state()["position_rad"], strict=True)
        pose = [float(now) if joint.passive else joint.home_rad for joint, now in here]
        control.move_to(np.array(pose, dtype=np.float32))
