"""Closed-form inverse kinematics against the declared chain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motorium.sim.kinematics import DOWN_RAD, ArmKinematics, Tool
from motorium.sim.scene import CUBE_BEARING_RAD, CUBE_RADIUS_M, polar
from motorium.specs.robot import RobotSpec

AXES_MISS_M = 3e-4


@pytest.fixture(scope="module")
def arm() -> ArmKinematics:
    return ArmKinematics(RobotSpec.load("so101"))


def point_of_tool(arm: ArmKinematics, q: np.ndarray, offset_m: float) -> np.ndarray:
    positions, rotations = arm.chain.frames(q)
    return positions[-1] + rotations[-1] @ np.array([offset_m, 0.0, -arm.depth_m])


def test_tool_coordinates_and_joints_are_inverse(arm: ArmKinematics) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        radius = rng.uniform(0.14, 0.25)
        height = rng.uniform(0.01, min(0.1, arm.highest(radius)))
        tool = Tool(rng.uniform(-1, 1), radius, height, DOWN_RAD, rng.uniform(-2, 2))
        found = arm.tool(arm.joints(tool))
        assert (found.pan, found.roll, found.pitch) == pytest.approx(
            (tool.pan, tool.roll, DOWN_RAD), abs=1e-9
        )
        assert (found.radius, found.height) == pytest.approx((tool.radius, tool.height), abs=1e-9)


def test_every_cube_can_be_reached_pointing_down(arm: ArmKinematics) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        at = np.array(
            [*polar(rng.uniform(*CUBE_RADIUS_M), rng.uniform(*CUBE_BEARING_RAD)), rng.uniform(0.01, 0.06)]
        )
        tool = arm.tool_above(at, 0.019, rng.uniform(-math.pi / 4, math.pi / 4))
        q = arm.joints(tool)
        assert point_of_tool(arm, q, 0.019) == pytest.approx(at, abs=AXES_MISS_M)
        assert arm.chain.frames(q)[1][-1][2, 2] == pytest.approx(1.0, abs=1e-6)
        assert np.all(q > arm.lower + 0.05)
        assert np.all(q < arm.upper - 0.05)


def test_yaw_asked_for_is_yaw_got(arm: ArmKinematics) -> None:
    for yaw in (-0.7, 0.0, 0.4):
        q = arm.joints(arm.tool_above(np.array([0.2, -0.06, 0.02]), 0.01, yaw))
        x_axis = arm.chain.frames(q)[1][-1][:, 0]
        assert math.atan2(x_axis[1], x_axis[0]) == pytest.approx(yaw, abs=2e-3)


def test_out_of_reach_gives_up_radius_and_keeps_height(arm: ArmKinematics) -> None:
    far = arm.tool(arm.joints(Tool(0.0, 0.40, 0.02, DOWN_RAD, 0.0)))
    assert far.radius < 0.30
    assert far.height == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize("radius", [0.16, 0.20, 0.24, 0.26])
def test_highest_is_where_reach_ends(arm: ArmKinematics, radius: float) -> None:
    top = arm.highest(radius)
    below = arm.tool(arm.joints(Tool(0.0, radius, top - 0.002, DOWN_RAD, 0.0)))
    above = arm.tool(arm.joints(Tool(0.0, radius, top + 0.02, DOWN_RAD, 0.0)))
    assert (below.radius, below.pitch) == pytest.approx((radius, DOWN_RAD), abs=1e-6)
    assert abs(above.radius - radius) + abs(above.pitch - DOWN_RAD) > 1e-3
