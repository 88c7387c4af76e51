"""Lock-step runs the real control core in virtual time."""

from __future__ import annotations

import numpy as np
import pytest

from motorium._core import Mode
from motorium.errors import SimulationError
from motorium.sim.lockstep import LockStep
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec


@pytest.fixture
def steps() -> LockStep:
    return LockStep(World(RobotSpec.load("so101"), 3))


def chunk(steps: LockStep, slope: float, rows: int = 16) -> np.ndarray:
    """Pan moves at `slope` rad per row from the setpoint in force."""
    out = np.tile(steps.setpoint, (rows, 1))
    out[:, 0] += slope * np.arange(rows)
    return out


def test_row_moves_the_setpoint_exactly_and_the_arm_nearly(steps: LockStep) -> None:
    goal = steps.setpoint
    for _ in range(10):
        goal = goal + np.array([0.04, 0, 0, 0, 0, 0])
        steps.run_row(goal)
    assert steps.setpoint == pytest.approx(goal, abs=1e-6)
    assert steps.now_ns == 10 * steps.row_ns == 500_000_000
    lag = goal[0] - steps.world.position_rad[0]
    assert 0 < lag < 0.1


def test_late_chunk_keeps_its_promise(steps: LockStep) -> None:
    steps.run_chunk(chunk(steps, 0.02), delay=0, count=4)
    before = steps.setpoint
    promised = steps.committed(3)
    assert promised[0] == pytest.approx(before, abs=1e-6)
    assert promised[:, 0] == pytest.approx(before[0] + 0.02 * np.arange(3), abs=1e-5)
    rows = chunk(steps, -0.02)
    rows[:3] = promised
    rows[3:, 0] = promised[2, 0] - 0.02 * np.arange(1, 14)
    steps.run_chunk(rows, delay=2, count=2)
    assert steps.setpoint[0] == pytest.approx(promised[2, 0], abs=1e-5)
    steps.wait(4)
    assert steps.setpoint[0] == pytest.approx(promised[2, 0] - 0.08, abs=1e-5)
    assert steps.core.stats().late_chunks == 0


def test_plan_that_runs_out_is_counted(steps: LockStep) -> None:
    steps.run_chunk(chunk(steps, 0.01, rows=3), delay=0, count=6)
    assert steps.core.stats().underflows == 1
    assert steps.core.mode is Mode.HOLDING


def test_gate_bounds_what_reaches_the_servos(steps: LockStep) -> None:
    start = steps.world.position_rad
    far = start.copy()
    far[5] += (
        1.0  # a gripper: any other joint would be brought there at approach speed, far below the gate's bounds
    )
    steps.run_row(far)
    moved = abs(steps.core.goal_rad[5] - start[5])
    assert moved < steps.world.spec.joints[5].max_velocity_rad_s * 0.05
    assert steps.core.stats().clamped > 0


def test_two_runs_are_identical(steps: LockStep) -> None:
    ends = []
    for _ in range(2):
        steps.world.reset(8)
        steps.restart()
        rng = np.random.default_rng(0)
        for _ in range(20):
            steps.run_row(steps.setpoint + rng.uniform(-0.05, 0.05, 6))
        ends.append(steps.world.data.qpos.copy())
    assert np.array_equal(*ends)


def test_bad_chunks_are_refused(steps: LockStep) -> None:
    rows = chunk(steps, 0.01)
    rows[3, 2] = np.nan
    with pytest.raises(SimulationError, match="malformed"):
        steps.run_chunk(rows, delay=0, count=1)
    with pytest.raises(SimulationError, match="delay"):
        steps.run_chunk(chunk(steps, 0.01), delay=3, count=2)


def test_a_side_branch_never_happened(steps: LockStep) -> None:
    ends = []
    for branching in (False, True):
        steps.world.reset(8)
        steps.restart()
        for i in range(12):
            if branching and i % 4 == 2:
                with steps.side_branch():
                    before = steps.setpoint
                    for _ in range(5):
                        steps.run_row(before + 0.1)
                    assert steps.world.position_rad[0] > before[0] + 0.05
            steps.run_row(steps.setpoint + 0.03 * np.sin(i))
        ends.append(
            (steps.world.data.qpos.copy(), steps.now_ns, steps.core.stats().as_dict(), steps.world.time_s)
        )
    assert np.array_equal(ends[0][0], ends[1][0])
    assert ends[0][1:] == ends[1][1:]


def test_observation_is_what_the_arm_and_cameras_show(steps: LockStep) -> None:
    steps.advance_to(12_000_000)
    assert steps.now_ns == 15_000_000
    seen = steps.observe("put the red cube in the tray")
    pan = steps.world.spec.joints[0]
    assert seen.t_ns == steps.now_ns
    assert seen.state[pan.slot] == pytest.approx(steps.world.position_rad[0], abs=1e-6)
    assert np.count_nonzero(seen.state) <= 6
    assert set(seen.images) == {"front", "wrist"}
