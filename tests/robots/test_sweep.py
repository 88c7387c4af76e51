"""Zeros from a sweep: wherever the encoder's seam lies, the joint angles afterwards are the true ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motorium.errors import CalibrationError
from motorium.robots.sweep import SEAM_MARGIN_TICKS, Sweep
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec

SPEC = RobotSpec.load("so101")
(TURN,) = {MotorSpec.load(motor).ticks_per_turn for motor in SPEC.motor_names}
PER_RAD = TURN / (2 * math.pi)


def swept(
    true_zero: dict[str, float], offsets: dict[str, int], ends: dict[str, tuple[float, float]]
) -> Sweep:
    """A sweep of joints whose encoders read `true_zero` at zero radians, each from the middle to both its ends."""
    sweep = Sweep(SPEC, TURN, offsets)
    for step in range(401):
        phase = math.sin(step / 400 * 2 * math.pi)
        sweep.feed(
            {
                j.name: (
                    round(true_zero[j.name] + j.sign * _between(ends[j.name], phase) * PER_RAD)
                    - offsets[j.name]
                )
                % TURN
                for j in SPEC.joints
            }
        )
    return sweep


def _between(ends: tuple[float, float], phase: float) -> float:
    low, high = ends
    return (low + high) / 2 + phase * (high - low) / 2


def declared() -> dict[str, tuple[float, float]]:
    return {j.name: (j.lower_rad, j.upper_rad) for j in SPEC.joints}


@given(
    st.lists(st.integers(0, TURN - 1), min_size=6, max_size=6),
    st.lists(st.integers(-2047, 2047), min_size=6, max_size=6),
)
def test_angles_are_true_wherever_zero_and_offset_are(zeros: list[int], offsets: list[int]) -> None:
    true_zero = dict(zip(SPEC.joint_names, map(float, zeros), strict=True))
    old = dict(zip(SPEC.joint_names, offsets, strict=True))
    found = swept(true_zero, old, declared()).zeros()
    for joint in SPEC.joints:
        zero = found[joint.name]
        assert zero.homing_offset is not None
        assert abs(zero.homing_offset) < TURN // 2, "sign and magnitude of 11 bits"
        for q in (joint.lower_rad, 0.0, joint.upper_rad):
            shown = (round(true_zero[joint.name] + joint.sign * q * PER_RAD) - zero.homing_offset) % TURN
            assert 0 < shown < TURN - 1
            angle = joint.sign * (shown - zero.zero_ticks) / PER_RAD
            assert angle == pytest.approx(q, abs=3 / PER_RAD), "no seam between here and zero"


def test_a_servo_whose_seam_is_out_of_the_way_keeps_its_offset() -> None:
    offsets = dict.fromkeys(SPEC.joint_names, 37)
    found = swept(dict.fromkeys(SPEC.joint_names, 2048.0 + 37), offsets, declared()).zeros()
    assert found["shoulder_pan"].homing_offset == 37
    assert found["shoulder_pan"].zero_ticks == pytest.approx(2048.0, abs=1.0)


def test_a_seam_inside_the_travel_is_moved_to_the_far_side() -> None:
    offsets = dict.fromkeys(SPEC.joint_names, 0)
    found = swept(dict.fromkeys(SPEC.joint_names, 0.0), offsets, declared()).zeros()
    assert all(zero.homing_offset != 0 for zero in found.values())
    assert all(SEAM_MARGIN_TICKS < zero.zero_ticks < TURN - SEAM_MARGIN_TICKS for zero in found.values())


def test_joints_that_were_not_moved_through_are_all_named() -> None:
    ends = {**declared(), "elbow_flex": (-0.5, 0.5), "gripper": (0.0, 0.0)}
    sweep = swept(dict.fromkeys(SPEC.joint_names, 2048.0), dict.fromkeys(SPEC.joint_names, 0), ends)
    assert not sweep.complete
    with pytest.raises(
        CalibrationError, match=r"elbow_flex moved 1\.00 rad of 3\.38 rad.*gripper moved 0\.00 rad"
    ):
        sweep.zeros()


def test_a_joint_that_moves_further_than_declared_is_another_joint() -> None:
    ends = {**declared(), "gripper": (-2.0, 2.0)}
    sweep = swept(dict.fromkeys(SPEC.joint_names, 2048.0), dict.fromkeys(SPEC.joint_names, 0), ends)
    with pytest.raises(CalibrationError, match="is servo 6 really gripper"):
        sweep.zeros()


def test_more_than_one_turn_is_refused_and_a_leap_is_ambiguous() -> None:
    sweep = Sweep(SPEC, TURN, dict.fromkeys(SPEC.joint_names, 0))
    for count in range(0, 3 * TURN, 500):
        sweep.feed({"wrist_roll": count % TURN})
    assert sweep.travel_rad("wrist_roll") > 2 * math.pi
    with pytest.raises(CalibrationError, match="wrist_roll moved"):
        sweep.zeros()
    sweep.feed({"gripper": 0})
    with pytest.raises(CalibrationError, match="start again, slower"):
        sweep.feed({"gripper": 1500})
