"""What gives the joint values of a recording their meaning: the robot's declaration, and the calibration of one arm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..specs.robot import RobotSpec
from .calibration import Calibration, spec_hash


@dataclass(frozen=True)
class Identity:
    """An arm as a recording knows it.

    Attributes:
        robot: name of its declaration.
        spec_sha256: `calibration.spec_hash` of that: servos, joint frames, limits.
        calibration_sha256: of its zeros and signs; None: exactly as declared, as simulated arms are.
    """

    robot: str
    spec_sha256: str
    calibration_sha256: str | None = None

    @classmethod
    def of(cls, spec: RobotSpec, calibration: Calibration | None) -> Identity:
        """Identify an arm by its declaration and its calibration."""
        zeros = None if calibration is None else calibration_hash(calibration)
        return cls(spec.name, spec_hash(spec), zeros)

    @classmethod
    def read(cls, value: object) -> Identity | None:
        """Take what `as_dict` gave; None when it is anything else, as in datasets that do not say it."""
        if not isinstance(value, Mapping):
            return None
        robot, spec, zeros = (value.get(key) for key in ("name", "spec_sha256", "calibration_sha256"))
        if not isinstance(robot, str) or not isinstance(spec, str) or not isinstance(zeros, str | None):
            return None
        return cls(robot, spec, zeros)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.robot,
            "spec_sha256": self.spec_sha256,
            "calibration_sha256": self.calibration_sha256,
        }


def calibration_hash(calibration: Calibration) -> str:
    """Return the SHA-256 of what turns ticks into radians: zero, sign, offset and direction of every joint."""
    joints = {
        name: [float(zero.zero_ticks), zero.sign, zero.homing_offset, zero.reverse]
        for name, zero in calibration.joints.items()
    }
    return hashlib.sha256(json.dumps(joints, sort_keys=True).encode()).hexdigest()
