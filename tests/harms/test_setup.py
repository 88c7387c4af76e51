"""Harms of setting up: dead ends whose cause nobody names, firmware that must all be the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from virtual_arm import VirtualArm

from motorium import doctor
from motorium._core import ServoEmulator, ServoFault
from motorium.motors.emulated import emulate
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")


@pytest.fixture
def chain() -> Iterator[ServoEmulator]:
    emulator = emulate([joint.id for joint in SPEC.joints], SPEC.motor_names)
    emulator.update([2048] * 6, [0] * 6, [0] * 6, [74] * 6)
    yield emulator
    emulator.close()


def findings(port: str) -> dict[str, str]:
    """Cause -> what was seen, and what to do."""
    report = doctor.check_bus(
        port, "so101", range(1, 8), bauds=(1_000_000,), protocols=("feetech",), patience_s=0.02
    )
    return {finding.cause.value: f"{finding.detail}: {finding.fix}" for finding in report.findings}


def test_harm_15_a_dead_end_has_a_cause_and_a_way_out(chain: ServoEmulator) -> None:
    """All that others say is "Missing motor IDs"."""
    assert findings(chain.port) == {}
    chain.unplug(4)
    assert "reseat the cable from elbow_flex to wrist_flex" in findings(chain.port)["loose_cable"]
    chain.replug()
    chain.update([2048] * 6, [0] * 6, [0] * 6, [74, 74, 120, 74, 74, 74])
    assert "id 3 (sts3215) reports 12 V" in findings(chain.port)["wrong_supply"]
    chain.update([2048] * 6, [0] * 6, [0] * 6, [74] * 6)
    chain.set_fault(ServoFault.CORRUPT, 2)
    assert "two servos have id 2" in findings(chain.port)["duplicate_id"]
    chain.set_fault(ServoFault.NONE, 2)
    chain.unplug(1)
    assert "switch the servos' own power on" in findings(chain.port)["no_power"]


def test_harm_16_mixed_firmware_is_told_and_ends_nothing(arm: VirtualArm) -> None:
    arm.emulator.poke(5, 0, bytes([3, 9]))
    found = findings(arm.emulator.port)
    assert list(found) == ["mixed_firmware"]
    assert "3.10 on id 1, 2, 3, 4, 6;" in found["mixed_firmware"]
    assert "3.9 on id 5" in found["mixed_firmware"]
    with Robot.open("so101", port=arm.emulator.port, calibration="nominal"):
        assert arm.torque.all()
