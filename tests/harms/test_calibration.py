"""Harms of calibration: offsets that overflow, encoders that wrap, files that are lost, units that are guessed."""

from __future__ import annotations

import builtins
import math
from dataclasses import replace

import nano_samples
import pytest
from virtual_arm import VirtualArm

from motorium.errors import BindingError, CalibrationError
from motorium.policies.binding import bind
from motorium.policies.contradictions import contradictions
from motorium.robots import calibration as store
from motorium.robots.calibration import Calibration, spec_hash
from motorium.robots.identity import Identity
from motorium.robots.robot import Robot
from motorium.robots.sweep import Sweep
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec
from motorium.specs.zero import JointZero

SPEC = RobotSpec.load("so101")
OFFSET = MotorSpec.load("sts3215").register("homing_offset")
(TURN,) = {MotorSpec.load(motor).ticks_per_turn for motor in SPEC.motor_names}
PER_RAD = TURN / (2 * math.pi)


def swept(true_zero: int, offset: int, ends: dict[str, tuple[float, float]] | None = None) -> Sweep:
    """An arm whose encoders all read `true_zero` at zero radians, moved by hand from stop to stop."""
    sweep = Sweep(SPEC, TURN, dict.fromkeys(SPEC.joint_names, offset))
    for step in range(201):
        phase = math.sin(step / 200 * 2 * math.pi)
        counts = {}
        for joint in SPEC.joints:
            low, high = (ends or {}).get(joint.name, (joint.lower_rad, joint.upper_rad))
            q = (low + high) / 2 + phase * (high - low) / 2
            counts[joint.name] = (round(true_zero + joint.sign * q * PER_RAD) - offset) % TURN
        sweep.feed(counts)
    return sweep


@pytest.mark.parametrize("offset", [-2047, -100, 0, 2047])
@pytest.mark.parametrize("true_zero", [0, 113, 2048, 3981])
def test_harm_10_no_offset_ever_overflows_its_field(true_zero: int, offset: int) -> None:
    """Others end with "Magnitude 2114 exceeds 2047" when homings add up. Here each offset fits, angles are right."""
    zeros = swept(true_zero, offset).zeros()
    for joint in SPEC.joints:
        zero = zeros[joint.name]
        assert zero.homing_offset is not None
        assert OFFSET.decode(OFFSET.encode(zero.homing_offset)) == zero.homing_offset
        shown = (round(true_zero + joint.sign * joint.upper_rad * PER_RAD) - zero.homing_offset) % TURN
        assert joint.sign * (shown - zero.zero_ticks) / PER_RAD == pytest.approx(joint.upper_rad, abs=0.01)


def test_harm_11_the_seam_is_moved_out_of_the_travel_of_every_joint() -> None:
    """Also of wrist_roll, whose stops at 113 and 3981 others take for 0 and 4095."""
    zeros = swept(0, 0).zeros()
    for joint in SPEC.joints:
        zero = zeros[joint.name]
        ends = [joint.sign * q * PER_RAD + zero.zero_ticks for q in (joint.lower_rad, joint.upper_rad)]
        assert 0 < min(ends) < max(ends) < TURN - 1
    roll = SPEC.joints[4]
    short = swept(2048, 0, {"wrist_roll": (0.5 * roll.lower_rad, 0.5 * roll.upper_rad)})
    assert not short.complete
    with pytest.raises(CalibrationError, match="wrist_roll moved"):
        short.zeros()


def test_harm_11_more_than_a_turn_is_refused() -> None:
    sweep = Sweep(SPEC, TURN, dict.fromkeys(SPEC.joint_names, 0))
    for count in range(0, 2 * TURN, 500):
        sweep.feed({"wrist_roll": count % TURN})
    assert sweep.travel_rad("wrist_roll") > 2 * math.pi
    with pytest.raises(CalibrationError, match="wrist_roll moved"):
        sweep.zeros()


def test_harm_13_a_library_never_asks_and_finds_what_was_stored(
    arm: VirtualArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> str:
        raise AssertionError("a library call asked a question")

    monkeypatch.setattr(builtins, "input", asked)
    monkeypatch.setattr(store, "adapter_serial", {arm.emulator.port: "A7"}.get)
    with pytest.raises(CalibrationError, match="no calibration 'so101'"):
        Robot.open("so101", port=arm.emulator.port)
    joints = {joint.name: JointZero(float(joint.zero_ticks), joint.sign) for joint in SPEC.joints}
    path = store.directory() / "any-name.json"
    Calibration(SPEC.name, spec_hash(SPEC), joints, "A7").save(path)
    assert Robot.open("so101", port=arm.emulator.port) is not None  # by the adapter's serial number
    path.write_text(path.read_text().replace("2048", "2049", 1))
    with pytest.raises(CalibrationError, match="checksum"):
        Calibration.load(path, SPEC)


def test_harm_14_units_zeros_and_signs_travel_with_the_checkpoint() -> None:
    descriptor = nano_samples.descriptor(nano_samples.SMALL)
    assert bind(descriptor, SPEC).state == tuple(range(6))
    in_degrees = tuple(replace(c, unit="deg") if c.joint == "elbow_flex" else c for c in descriptor.state)
    with pytest.raises(BindingError, match=r"elbow_flex@52\[deg\]"):
        bind(replace(descriptor, state=in_degrees), SPEC)
    lying = tuple(
        replace(c, min=math.degrees(c.min), max=math.degrees(c.max)) if c.joint == "elbow_flex" else c
        for c in descriptor.state
    )
    assert any("elbow_flex" in line for line in contradictions(replace(descriptor, state=lying), SPEC))


def test_harm_14_a_dataset_says_its_units_zeros_and_limits() -> None:
    pytest.importorskip("pyarrow")
    from types import SimpleNamespace

    from motorium.data.record.recorder import schema_for

    robot = SimpleNamespace(spec=SPEC, cameras={}, identity=lambda: Identity.of(SPEC, None))
    own = schema_for(robot).own  # type: ignore[arg-type]
    assert own["units"]["observation.state"] == "rad"
    assert own["limits_rad"]["elbow_flex"] == [SPEC.joints[2].lower_rad, SPEC.joints[2].upper_rad]
    assert own["slots"]["gripper"] == 18
