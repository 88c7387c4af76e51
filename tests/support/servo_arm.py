"""A driver on virtual servos, and goals it accepts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from motorium import _core

IDS = [1, 2, 3, 4, 5, 6]
TICKS_PER_RAD = 4096 / (2 * math.pi)
PATIENT_S = 0.3
"""Reply margin of these tests: a loaded machine must not look like a lost reply."""


def make_joint(servo: int, **values: Any) -> _core.ServoJoint:
    """One joint on an STS3215; `values` override its attributes."""
    joint = _core.ServoJoint()
    joint.id, joint.model_number = servo, 777
    for name, value in values.items():
        setattr(joint, name, value)
    return joint


def make_config(ids: list[int] | None = None, **values: Any) -> _core.BusConfig:
    """A plain configuration; `values` override its attributes, or with one value for each joint those of joints."""
    config = _core.BusConfig()
    config.family, config.reply_margin_s = "feetech", PATIENT_S
    joints = [make_joint(servo) for servo in (IDS if ids is None else ids)]
    for name, value in values.items():
        if hasattr(config, name):
            setattr(config, name, value)
            continue
        column = value if isinstance(value, list) else [value] * len(joints)
        for joint, one in zip(joints, column, strict=True):
            setattr(joint, name, one)
    config.joints = joints
    return config


class Arm:
    """A driver on an emulator."""

    def __init__(self, emulator: _core.ServoEmulator, **config: Any) -> None:
        self.emulator = emulator
        self.bus = _core.FeetechJoints(emulator.port, make_config(**config))
        self.readings = _core.JointReadings()

    def read(self) -> tuple[_core.BusStatus, dict[str, Any]]:
        """Status and joint state."""
        status = self.bus.read_state(self.readings)
        return status, self.readings.as_dict()

    def place(self, *ticks: int) -> None:
        """Present positions."""
        self.emulator.update(list(ticks), [0] * len(ticks), [0] * len(ticks))

    def settle(self) -> dict[str, np.ndarray]:
        """Goals once every request sent so far has been dealt with: servos answer in order."""
        self.read()
        return self.emulator.goals()


def make_gate(lower: float = -3.2, upper: float = 3.2, n: int = 6) -> _core.SafetyGate:
    """A gate fast enough to let any goal through at once."""
    return _core.SafetyGate(
        _core.LimitsConfig(
            lower_rad=[lower] * n, upper_rad=[upper] * n, max_velocity_rad_s=[9e3] * n,
            max_acceleration_rad_s2=[9e6] * n, max_effort=[1.0] * n, dt_s=0.005,
            max_state_age_s=1.0, max_command_age_s=1.0, trip_after=3,
        )
    )  # fmt: skip
