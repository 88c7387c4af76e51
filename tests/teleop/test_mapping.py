"""Which joint moves which."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motorium.errors import BindingError
from motorium.specs.robot import RobotSpec
from motorium.teleop.mapping import JointMap

SO101, SO_LEADER, KOCH_LEADER = (RobotSpec.load(name) for name in ("so101", "so101_leader", "koch_leader"))


def test_arms_of_one_kind_are_coupled_one_to_one():
    joints = JointMap.between(SO_LEADER, SO101)
    assert joints.source == (0, 1, 2, 3, 4, 5)
    assert (joints.unused, joints.unmoved) == ((), ())
    q = np.array([0.1, -0.2, 0.3, 0.4, -0.5, 0.6], np.float32)
    np.testing.assert_allclose(joints.apply(q, np.zeros(6, np.float32)), q, atol=1e-6)


def test_grippers_of_different_travel_agree_on_their_opening():
    joints = JointMap.between(KOCH_LEADER, SO101)
    theirs, ours = KOCH_LEADER.joints[-1], SO101.joints[-1]
    for share in (0.0, 0.25, 1.0):
        q = np.zeros(6, np.float32)
        q[5] = theirs.lower_rad + share * (theirs.upper_rad - theirs.lower_rad)
        goal = joints.apply(q, np.zeros(6, np.float32))[5]
        assert goal == pytest.approx(ours.lower_rad + share * (ours.upper_rad - ours.lower_rad), abs=1e-5)


def test_joints_are_found_by_name_in_any_order_and_the_rest_stays():
    turned = replace(SO_LEADER, joints=tuple(reversed(SO_LEADER.joints[1:])))
    joints = JointMap.between(turned, SO101)
    assert joints.source == (-1, 4, 3, 2, 1, 0)
    assert joints.unmoved == ("shoulder_pan",)
    stay = np.full(6, 0.7, np.float32)
    assert joints.apply(np.zeros(5, np.float32), stay)[0] == pytest.approx(0.7)


def test_names_may_be_given_and_wrong_ones_are_refused():
    other = replace(SO_LEADER, joints=tuple(replace(j, name=f"l_{j.name}") for j in SO_LEADER.joints))
    assert JointMap.between(other, SO101, {"gripper": "l_gripper"}).source == (-1, -1, -1, -1, -1, 5)
    with pytest.raises(
        BindingError, match=r"no joint name in common: l_shoulder_pan, .*; shoulder_pan, .*--map"
    ):
        JointMap.between(other, SO101)
    with pytest.raises(BindingError, match="so101 has no joint 'wrist'"):
        JointMap.between(other, SO101, {"wrist": "l_gripper"})
    with pytest.raises(BindingError, match="cannot be coupled"):
        JointMap.between(SO_LEADER, SO101, {"gripper": "wrist_roll"})
