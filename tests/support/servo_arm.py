"""A driver on virtual servos, and goals it accepts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from motorium import _core
from motorium._core import ServoFault
from motorium.specs.servo import MotorSpec

IDS = [1, 2, 3, 4, 5, 6]
TICKS_PER_TURN = MotorSpec.load("sts3215").ticks_per_turn
TICKS_PER_RAD = TICKS_PER_TURN / (2 * math.pi)
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
    """A plain configuration; `values` override its attributes, those of joints, or traits."""
    config = _core.BusConfig()
    config.family, config.reply_margin_s = "feetech", PATIENT_S
    joints = [make_joint(servo) for servo in (IDS if ids is None else ids)]
    for name, value in values.items():
        if hasattr(config, name):
            setattr(config, name, value)
            continue
        if not hasattr(joints[0], name):
            config.traits = {**config.traits, name: int(value)}
            continue
        column = value if isinstance(value, list) else [value] * len(joints)
        for joint, one in zip(joints, column, strict=True):
            setattr(joint, name, one)
    config.joints = joints
    return config


class DrivenArm:
    """A driver on an emulator; a family says which."""

    turn = 4096

    def __init__(self, emulator: _core.ServoEmulator, bus: Any) -> None:
        self.emulator, self.bus = emulator, bus
        self.readings = _core.JointState()

    def read(self) -> tuple[_core.BusStatus, dict[str, Any]]:
        """Status and joint state."""
        status = self.bus.read_state(self.readings)
        return status, {name: getattr(self.readings, name) for name in self.readings.fields}

    def place(self, *ticks: int) -> None:
        """Present positions, counted over turns where servos count them."""
        self.emulator.update(list(ticks), [0] * len(ticks), [0] * len(ticks))

    def settle(self) -> dict[str, np.ndarray]:
        """Goals once every request sent so far has been dealt with: servos answer in order."""
        self.read()
        return self.emulator.goals()

    def loses_one_reply(self, fault: str, counter: str, delay_s: float = 0.02) -> None:
        """Check that `fault` on the third servo makes its joint stale, alone, and is counted as `counter`."""
        self.place(*[self.turn // 2] * 6)
        _, before = self.read()
        self.emulator.set_fault(ServoFault(fault), 3, delay_s=delay_s)
        self.place(*[self.turn // 2 + 100] * 6)
        status, state = self.read()
        assert status == _core.BusStatus.STALE_JOINTS
        stale = state["joint_t_ns"] < state["t_ns"]
        np.testing.assert_array_equal(stale, [False, False, True, False, False, False])
        assert state["joint_t_ns"][2] == before["joint_t_ns"][2]
        assert state["position_rad"][2] == before["position_rad"][2]
        assert (state["position_rad"][~stale] > before["position_rad"][~stale]).all()
        counters = self.bus.counters()
        assert getattr(counters, counter) >= 1
        assert counters.timeouts == 1
        self.emulator.set_fault(ServoFault.NONE)
        assert self.read()[0] == _core.BusStatus.OK

    def reads_through_noise(self, tolerance_rad: float) -> None:
        """Check that every position is read as it stands."""
        for ticks in (1000, 2000, 3000):
            self.place(*[ticks] * 6)
            status, state = self.read()
            assert status == _core.BusStatus.OK
            expected = (ticks - self.turn / 2) / self.turn * 2 * math.pi
            np.testing.assert_allclose(state["position_rad"], expected, atol=tolerance_rad)


class Arm(DrivenArm):
    """Feetech servos and their driver."""

    def __init__(self, emulator: _core.ServoEmulator, **config: Any) -> None:
        super().__init__(emulator, _core.FeetechBus(emulator.port, make_config(**config)))


def make_gate(lower: float = -3.2, upper: float = 3.2, n: int = 6) -> _core.SafetyGate:
    """A gate fast enough to let any goal through at once."""
    return _core.SafetyGate(
        _core.LimitsConfig(
            lower_rad=[lower] * n, upper_rad=[upper] * n, max_velocity_rad_s=[9e3] * n,
            max_acceleration_rad_s2=[9e6] * n, max_effort=[1.0] * n, dt_s=0.005,
            max_state_age_s=1.0, max_command_age_s=1.0, trip_after=3,
        )
    )  # fmt: skip
