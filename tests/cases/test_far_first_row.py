"""A plan that begins far from the arm is approached slowly, whoever made it, and the robot says so."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from virtual_arm import VirtualArm

from motorium._core import ControlConfig, ControlCore, PushStatus, TickEvents
from motorium.policies.base import Policy, PolicyInfo
from motorium.robots.robot import Robot
from motorium.runtime.run import run
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import valid_mask
from motorium.types import ActionChunk

TICK, DT, T0 = 5_000_000, 50_000_000, 10**12
FULL, APPROACH = 3.0, 0.75
"""rad/s: the velocity limit, and a quarter of it."""
J = 2


class Bench:
    """A control core with an arm that is where it was told to be a tick ago."""

    def __init__(self) -> None:
        self.core = ControlCore(
            ControlConfig(
                lower_rad=[-3.0] * J, upper_rad=[3.0] * J, max_velocity_rad_s=[FULL] * J,
                max_acceleration_rad_s2=[80.0] * J, max_effort=[0.8] * J, rest_rad=[0.0] * J,
                start_gap_rad=[0.25, np.inf],
            )
        )  # fmt: skip
        self.t, self.q = T0, np.zeros(J, np.float32)
        self.path = [self.q]
        self.core.enable()
        self.tick()

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.t += TICK
            zero = np.zeros(J, np.float32)
            self.q = self.core.tick(self.t, self.q, zero, zero, self.t)
            self.path.append(self.q)

    def push(self, joint: int, goal: float, delay: int) -> None:
        """Sixteen rows: what is committed, then `joint` at `goal`."""
        rows = np.repeat(self.core.committed(self.t, DT, 1), 16, axis=0)
        rows[:delay] = self.core.committed(self.t, DT, delay) if delay else rows[:0]
        rows[delay:, joint] = goal
        assert self.core.push_chunk(rows, self.t, DT, delay, self.t) is PushStatus.ACCEPTED

    def follow(self, joint: int, goal: float, delay: int, chunks: int = 8) -> None:
        for _ in range(chunks):
            self.push(joint, goal, delay)
            self.tick(60)

    def top_speed(self, joint: int = 0) -> float:
        return float(np.abs(np.diff(np.array(self.path)[:, joint])).max()) / (TICK * 1e-9)


@pytest.mark.parametrize("delay", [0, 1, 3, 6])
@pytest.mark.parametrize("goal", [1.5, -0.9])
def test_the_arm_goes_there_at_its_approach_speed(delay: int, goal: float) -> None:
    bench = Bench()
    bench.follow(0, goal, delay)
    assert (
        0.9 * APPROACH <= bench.top_speed() <= 1.35 * APPROACH
    )  # a cubic segment from rest peaks above its mean
    assert bench.q[0] == pytest.approx(goal, abs=1e-3)
    stats = bench.core.stats()
    assert stats.approaches == 1
    assert stats.approach_joint == 0
    assert stats.approach_rad == pytest.approx(abs(goal), abs=1e-3)


def test_a_single_plan_ends_where_its_last_row_is() -> None:
    bench = Bench()
    bench.push(0, 1.5, 1)  # 0.75 s of rows for two seconds of way
    bench.tick(500)
    assert bench.q[0] == pytest.approx(1.5, abs=1e-3)
    assert bench.top_speed() <= 1.35 * APPROACH


def test_once_there_the_arm_is_as_fast_as_ever() -> None:
    bench = Bench()
    bench.follow(0, 1.5, 2)
    bench.path.clear()
    bench.follow(0, 0.3, 2, chunks=3)  # a jump between rows of a plan under way is a command
    assert bench.top_speed() > 0.9 * FULL
    assert bench.core.stats().approaches == 1


def test_a_plan_that_begins_where_the_arm_is_is_played_exactly() -> None:
    bench = Bench()
    rows = np.zeros((16, J), np.float32)
    rows[:, 0] = 2.5 * 0.05 * np.arange(16)  # 2.5 rad/s from the first row on
    start = bench.t
    assert bench.core.push_chunk(rows, start, DT, 1, start) is PushStatus.ACCEPTED
    np.testing.assert_array_equal(bench.core.committed(start, DT, 16), rows)
    assert bench.core.stats().approaches == 0


def test_a_plan_that_is_late_from_rest_is_no_far_plan() -> None:
    bench = Bench()
    rows = np.zeros((16, J), np.float32)
    rows[:, 0] = 0.7 * 0.05 * np.arange(16)
    start = bench.t
    bench.tick(80)  # 0.4 s: the rows have gone 0.28 rad ahead
    bench.core.push_chunk(rows, start, DT, 1, bench.t)
    assert bench.core.stats().approaches == 0


def test_a_gripper_obeys_at_once() -> None:
    bench = Bench()
    bench.follow(1, 1.5, 2, chunks=3)
    assert bench.top_speed(1) > 0.9 * FULL
    assert bench.core.stats().approaches == 0


def test_in_motion_a_plan_that_starts_elsewhere_is_approached_too() -> None:
    bench = Bench()
    bench.follow(0, 0.1, 2, chunks=2)
    bench.path.clear()
    for _ in range(12):  # says nothing of what was committed
        rows = np.full((16, J), 1.6, np.float32)
        bench.core.push_chunk(rows, bench.t, DT, 0, bench.t)
        bench.tick(40)
    assert bench.top_speed() <= 1.35 * APPROACH  # a cubic segment from rest peaks above its mean
    assert bench.q[0] == pytest.approx(1.6, abs=1e-3)


class _Far(Policy):
    """A policy that wants one joint elsewhere, from its first row on."""

    info = PolicyInfo(rows=16, dt_s=0.05, execution_horizon=8, max_delay=15)

    def __init__(self, spec: RobotSpec, joint: str, by_rad: float) -> None:
        self._valid, self._slot = valid_mask(spec), spec.joints[spec.joint_names.index(joint)].slot
        self._by_rad, self._goal = by_rad, None

    def infer(self, obs, *, committed) -> ActionChunk:
        if self._goal is None:
            self._goal = obs.state[self._slot] + self._by_rad
        rows = np.tile(obs.state, (self.info.rows, 1))
        rows[:, self._slot] = self._goal
        delay = 0 if committed is None else len(committed)
        rows[:delay] = committed if delay else rows[:0]
        return ActionChunk(rows.astype(np.float32), self._valid, obs.t_ns, self.info.dt_s, delay=delay)


def test_a_run_on_dynamixel_servos_approaches_and_says_which_joint(caplog) -> None:
    spec = RobotSpec.load("koch_follower")
    with (
        VirtualArm(spec, np.array([joint.home_rad for joint in spec.joints])) as arm,
        Robot.open("koch_follower", port=arm.emulator.port, calibration="nominal", cameras={}) as robot,
        caplog.at_level(logging.WARNING, "motorium"),
    ):
        report = run(robot, _Far(spec, "elbow_flex", -0.8), "reach", duration_s=0.6, until=lambda: False)
        ticks = robot.control.telemetry()
        robot.control.release()
    assert report.control.approaches == 1
    assert np.count_nonzero(ticks["events"] & TickEvents.APPROACH) == 1, (
        "telemetry says in which tick it began"
    )
    goals = ticks["goal_rad"][ticks["t_ns"] > ticks["t_ns"][-1] - 500_000_000]
    steps = goals[:, spec.joint_names.index("elbow_flex")]
    speed = float(np.abs(np.diff(steps)).max()) * spec.control.rate_hz
    limit = spec.joints[spec.joint_names.index("elbow_flex")].max_velocity_rad_s
    assert 0 < speed < 0.6 * limit  # a quarter of it, and the bends where chunks meet
    assert "0.80 rad from elbow_flex" in caplog.text
