"""Binding by name: a checkpoint that does not fit is refused with both lists, and lying statistics are flagged."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nano_samples as samples
import pytest

from motorium.errors import BindingError
from motorium.policies.binding import bind, mapping_table, slot_limits
from motorium.policies.contradictions import contradictions
from motorium.policies.nano import NanoPolicy
from motorium.policies.nano.checkpoint import Checkpoint
from motorium.runtime.runner import Runner
from motorium.specs.robot import RobotSpec

SAMPLE = samples.descriptor(samples.SMALL)
ROBOT = RobotSpec.load("so101")
BOTH = ("state", "action")


def changed(kinds, joint, change, base=SAMPLE):
    """`base` with the channels of `joint` passed through `change`."""
    return replace(
        base,
        **{kind: tuple(change(c) if c.joint == joint else c for c in getattr(base, kind)) for kind in kinds},
    )


def ranged(channel, low, high):
    moments = {"mean": (low + high) / 2, "std": (high - low) / 4} if hasattr(channel, "mean") else {}
    return replace(channel, min=low, max=high, **moments)


def swapped(kinds, first, second, fields=("min", "max")):
    """Statistics of two joints exchanged, labels kept."""
    base = SAMPLE
    for kind in kinds:
        by_name = {c.joint: c for c in getattr(SAMPLE, kind)}
        a, b = by_name[first], by_name[second]
        base = changed([kind], first, lambda c, b=b: replace(c, **{f: getattr(b, f) for f in fields}), base)
        base = changed([kind], second, lambda c, a=a: replace(c, **{f: getattr(a, f) for f in fields}), base)
    return base


class TestBind:
    def test_a_checkpoint_that_fits(self):
        binding = bind(SAMPLE, ROBOT)
        assert binding.action == binding.state == tuple(range(6))
        assert binding.cameras == ("front", "wrist")
        assert binding.embodiment == 0

    def test_order_does_not_matter_names_do(self):
        reordered = replace(SAMPLE, state=SAMPLE.state[::-1], cameras=SAMPLE.cameras[::-1])
        binding = bind(reordered, ROBOT)
        assert binding.state == tuple(range(6))[::-1]
        assert binding.cameras == ("wrist", "front")

    def test_fewer_state_inputs_are_fine(self):
        absolute = tuple(replace(c, relative=False) for c in SAMPLE.action)
        assert bind(replace(SAMPLE, action=absolute, state=SAMPLE.state[:2]), ROBOT).state == (0, 1)

    @pytest.mark.parametrize(
        ("bad", "expected"),
        [
            (changed(BOTH, "elbow_flex", lambda c: replace(c, joint="elbow")), "'elbow' is not a joint"),
            (
                changed(["action"], "gripper", lambda c: replace(c, slot=19)),
                "'gripper' is in slot 19, but the robot has it in slot 18",
            ),
            (changed(["state"], "gripper", lambda c: replace(c, unit="rad")), "the robot uses opening"),
            (
                replace(SAMPLE, cameras=(replace(SAMPLE.cameras[0], role="top"),)),
                "camera 'top' is not a camera",
            ),
            (
                replace(SAMPLE, cameras=(replace(SAMPLE.cameras[0], width=128),)),
                "camera 'front' is 128x96, the robot's is 96x96",
            ),
            (replace(SAMPLE, embodiments=("koch",)), "robot 'so101' is not among its embodiments"),
        ],
    )
    def test_mismatch_shows_both_full_lists(self, bad, expected):
        with pytest.raises(BindingError) as caught:
            bind(bad, ROBOT)
        message = str(caught.value)
        assert expected in message
        for channel in bad.state + bad.action:
            assert f"{channel.joint}@{channel.slot}[{channel.unit}]" in message
        for joint in ROBOT.joints:
            assert f"{joint.name}@{joint.slot}[{joint.unit}]" in message
        for camera in ROBOT.cameras + bad.cameras:
            assert f"{camera.role} {camera.width}x{camera.height}" in message

    def test_every_joint_must_be_commanded(self):
        table = SAMPLE.action_normalisation
        fewer = replace(
            SAMPLE,
            action=SAMPLE.action[:-1],
            action_normalisation=replace(
                table, mean=tuple(r[:-1] for r in table.mean), std=tuple(r[:-1] for r in table.std)
            ),
        )
        with pytest.raises(BindingError, match="no action for joint 'gripper'"):
            bind(fewer, ROBOT)


class TestMappingTable:
    def test_every_input_and_output_once(self):
        rows = mapping_table(SAMPLE, ROBOT)
        assert [(r.kind, r.name) for r in rows] == (
            [("state", c.joint) for c in SAMPLE.state]
            + [("action", c.joint) for c in SAMPLE.action]
            + [("camera", c.role) for c in SAMPLE.cameras]
        )
        assert all(r.robot_name == r.name and not r.problem for r in rows)

    def test_limits_and_statistics_are_in_the_same_unit(self):
        rows = {(r.kind, r.name): r for r in mapping_table(SAMPLE, ROBOT)}
        gripper = rows["state", "gripper"]
        assert (gripper.lower, gripper.upper) == pytest.approx((0.0, 1.0))
        assert (gripper.low, gripper.high, gripper.mean) == (0.0, 0.9, 0.45)
        assert rows["action", "gripper"].mean is None
        pan = rows["state", "shoulder_pan"]
        assert (pan.lower, pan.upper) == slot_limits(ROBOT.joints[0]) == (-1.91986, 1.91986)

    def test_a_mismatch_is_a_row_not_an_error(self):
        bad = changed(["state"], "gripper", lambda c: replace(c, slot=19))
        row = next(r for r in mapping_table(bad, ROBOT) if r.kind == "state" and r.name == "gripper")
        assert "slot 19" in row.problem
        assert row.robot_name == "-"


class TestContradictions:
    def test_a_sound_checkpoint_is_silent(self):
        assert contradictions(SAMPLE, ROBOT) == []

    @pytest.mark.parametrize("joint", [j.name for j in ROBOT.joints])
    def test_a_narrow_honest_range_is_silent(self, joint):
        """Data that stays in a small part of the travel, away from home, is unusual but no contradiction."""
        spec = next(j for j in ROBOT.joints if j.name == joint)
        lower, upper = slot_limits(spec)
        home = spec.slot_scale * spec.home_rad + spec.slot_offset
        low = max(lower, home - 0.2 * (upper - lower))
        high = low + 0.15 * (upper - lower)
        narrow = changed(BOTH, joint, lambda c: ranged(c, low, high))
        assert contradictions(narrow, ROBOT) == []

    def test_swapped_slots(self):
        order = {51: 52, 52: 51}
        bad = replace(
            SAMPLE,
            **{
                k: tuple(replace(c, slot=order.get(c.slot, c.slot)) for c in getattr(SAMPLE, k)) for k in BOTH
            },
        )
        flags = contradictions(bad, ROBOT)
        assert len(flags) == 4
        assert all("permuted joint order" in flag for flag in flags)
        assert "slot 52 is labelled 'shoulder_lift' but belongs to 'elbow_flex'" in " ".join(flags)

    @pytest.mark.parametrize(
        ("first", "second"),
        [("wrist_flex", "shoulder_lift"), ("gripper", "shoulder_lift")],
    )
    def test_swapped_statistics_everywhere(self, first, second):
        """Labels are right but the data of two joints was exchanged."""
        flags = contradictions(swapped(BOTH, first, second), ROBOT)
        assert any("permuted joint order" in f and first in f and second in f for f in flags), flags

    def test_swapped_statistics_of_the_state_only(self):
        flags = contradictions(swapped(["state"], "shoulder_pan", "shoulder_lift"), ROBOT)
        assert any("permuted joint order" in f and "'shoulder_pan'" in f for f in flags), flags

    @pytest.mark.parametrize(
        ("joint", "kinds"),
        [
            ("wrist_flex", BOTH),  # the home pose gives it away
            ("wrist_flex", ["state"]),
            ("wrist_flex", ["action"]),
            ("shoulder_lift", ["state"]),  # the other table gives it away
            ("shoulder_lift", ["action"]),
        ],
    )
    def test_flipped_sign(self, kinds, joint):
        flags = contradictions(changed(kinds, joint, lambda c: ranged(c, -c.max, -c.min)), ROBOT)
        assert any("flipped sign" in f and joint in f for f in flags), flags

    @pytest.mark.parametrize("joint", [j.name for j in ROBOT.joints if j.unit == "rad"])
    def test_degrees(self, joint):
        factor = 180.0 / math.pi
        flags = contradictions(
            changed(BOTH, joint, lambda c: ranged(c, c.min * factor, c.max * factor)), ROBOT
        )
        assert any("degrees instead of rad" in f and joint in f for f in flags), flags

    def test_percent(self):
        flags = contradictions(changed(BOTH, "gripper", lambda c: ranged(c, 0.0, 90.0)), ROBOT)
        assert sum("0..100 instead of 0..1" in f for f in flags) == 2, flags

    def test_beyond_the_limits_without_a_reason(self):
        flags = contradictions(changed(BOTH, "shoulder_pan", lambda c: ranged(c, -2.9, 2.9)), ROBOT)
        assert any("outside the robot's limits" in f for f in flags), flags


def test_a_run_is_refused_before_anything_moves():
    policy = NanoPolicy(Checkpoint(Path("sample"), SAMPLE, samples.weights(SAMPLE)))
    other = replace(ROBOT, name="elsewhere")
    with pytest.raises(BindingError, match="'elsewhere' is not among its embodiments"):
        Runner(SimpleNamespace(spec=other), policy, "put the red cube in the tray")
