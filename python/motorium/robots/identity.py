"""What gives the joint values of a recording their meaning: the robot's declaration, and the calibration of one arm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..specs.robot import RobotSpec
from .calibration import Calibration, path_hash, spec_hash


@dataclass(frozen=True)
class Identity:
    """An arm as a recording knows it.

    Attributes:
        robot: name of its declaration.
        spec_sha256: `calibration.spec_hash` of that: servos, joint frames, limits.
        calibration_sha256: of its zeros and signs; None: exactly as declared, as simulated arms are.
        path_sha256: as `spec_sha256` of a robot with a servo file, as 0.1.0 made it; None without such a file.
    """

    robot: str
    spec_sha256: str
    calibration_sha256: str | None = None
    path_sha256: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, spec: RobotSpec, calibration: Calibration | None) -> Identity:
        """Identify an arm by its declaration and its calibration."""
        zeros = None if calibration is None else calibration_hash(calibration)
        return cls(spec.name, spec_hash(spec), zeros, path_hash(spec))

    @classmethod
    def read(cls, value: object) -> Identity | None:
        """Take what `as_dict` gave; None when it is anything else, as in datasets that do not say it."""
        if not isinstance(value, Mapping):
            return None
        robot, spec = value.get("name"), value.get("spec_sha256")
        zeros, path = value.get("calibration_sha256"), value.get("path_sha256")
        if not isinstance(robot, str) or not isinstance(spec, str):
            return None
        if not isinstance(zeros, str | None) or not isinstance(path, str | None):
            return None
        return cls(robot, spec, zeros, path)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain = {
            "name": self.robot,
            "spec_sha256": self.spec_sha256,
            "calibration_sha256": self.calibration_sha256,
        }
        return plain if self.path_sha256 is None else {**plain, "path_sha256": self.path_sha256}

    def same_declaration(self, other: Identity) -> bool:
        """Whether both were declared alike, one of them by 0.1.0 perhaps."""
        mine, theirs = (self.spec_sha256, self.path_sha256), (other.spec_sha256, other.path_sha256)
        return mine[0] == theirs[0] or mine[1] == theirs[0] or mine[0] == theirs[1]


def calibration_hash(calibration: Calibration) -> str:
    """Return the SHA-256 of what turns ticks into radians: zero, sign, offset and direction of every joint."""
    joints = {
        name: [float(zero.zero_ticks), zero.sign, zero.homing_offset, zero.reverse]
        for name, zero in calibration.joints.items()
    }
    return hashlib.sha256(json.dumps(joints, sort_keys=True).encode()).hexdigest()
