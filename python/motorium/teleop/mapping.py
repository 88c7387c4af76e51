"""Which joint of the leader moves which joint of the follower: by name, in the units of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BindingError
from ..specs.joint import JointSpec
from ..specs.robot import RobotSpec
from ..types import Float32

MAX_AGE_S = 0.05
"""Without a new reading for so long a leader is lost: ten ticks at 200 Hz."""


@dataclass(frozen=True)
class JointMap:
    """follower = scale * leader[source] + offset, per joint of the follower.

    Attributes:
        source: J indices into the leader's joints; -1 where it has none, and the follower's joint stays.
        scale, offset: J floats; 1 and 0 for joints in radians, from opening to opening for grippers.
        unused: joints of the leader that move nothing.
        unmoved: joints of the follower that nothing moves.
    """

    source: tuple[int, ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    unused: tuple[str, ...]
    unmoved: tuple[str, ...]

    @classmethod
    def between(
        cls, leader: RobotSpec, follower: RobotSpec, renamed: Mapping[str, str] | None = None
    ) -> JointMap:
        """Return the map by joint names.

        Args:
            leader: the arm that is moved by hand.
            follower: the arm that moves.
            renamed: follower's joint -> leader's joint, where the names differ.

        Raises:
            BindingError: no joint in common, an unknown name, or units that differ; with both lists.
        """
        renamed = dict(renamed or {})
        names = {joint.name: index for index, joint in enumerate(leader.joints)}
        for theirs, ours in renamed.items():
            _known(theirs, follower)
            _known(ours, leader)
        source, scale, offset = [], [], []
        for joint in follower.joints:
            index = names.get(renamed.get(joint.name, joint.name), -1)
            k, b = (1.0, 0.0) if index < 0 else _affine(leader.joints[index], joint)
            source.append(index)
            scale.append(k)
            offset.append(b)
        if max(source, default=-1) < 0:
            raise BindingError(
                f"{leader.name} and {follower.name} have no joint name in common: {', '.join(names)}; "
                f"{', '.join(follower.joint_names)}. Map them with --map"
            )
        unused = tuple(name for name, index in names.items() if index not in source)
        unmoved = tuple(j.name for j, index in zip(follower.joints, source, strict=True) if index < 0)
        return cls(tuple(source), tuple(scale), tuple(offset), unused, unmoved)

    def as_dict(self, max_age_s: float = MAX_AGE_S) -> dict[str, Any]:
        """Return what `robot.control.follow` takes."""
        lists = {"source": list(self.source), "scale": list(self.scale), "offset": list(self.offset)}
        return {**lists, "max_age_s": max_age_s}

    def apply(self, leader_rad: Float32, stay_rad: Float32) -> Float32:
        """Map leader positions (..., L) to follower goals (..., J); `stay_rad` (J,) for joints without a leader."""
        source = np.array(self.source)
        goals = np.asarray(leader_rad)[..., np.maximum(source, 0)] * np.array(self.scale) + np.array(
            self.offset
        )
        return np.where(source >= 0, goals, stay_rad).astype(np.float32)


def _affine(leader: JointSpec, follower: JointSpec) -> tuple[float, float]:
    if leader.unit != follower.unit:
        raise BindingError(
            f"{follower.name} is in {follower.unit}, the leader's {leader.name} in {leader.unit}: they cannot be "
            "coupled"
        )
    if leader.unit == "rad":
        return 1.0, 0.0
    scale = leader.slot_scale / follower.slot_scale
    return scale, (leader.slot_offset - follower.slot_offset) / follower.slot_scale


def _known(name: str, spec: RobotSpec) -> None:
    if name not in spec.joint_names:
        raise BindingError(f"{spec.name} has no joint {name!r}; it has {', '.join(spec.joint_names)}")
