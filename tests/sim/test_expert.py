"""The expert solves the task, from anywhere, and decides by what it sees alone."""

from __future__ import annotations

import numpy as np
import pytest

from motorium.robots.spec import RobotSpec
from motorium.sim.disturb import Miss, bump_rows, random_start
from motorium.sim.expert import Expert
from motorium.sim.lockstep import LockStep
from motorium.sim.world import World

ROWS = 260


@pytest.fixture(scope="module")
def world() -> World:
    return World(RobotSpec.load("so101"), 0)


@pytest.fixture(scope="module")
def expert(world: World) -> Expert:
    return Expert(world.spec)


def run(world: World, expert: Expert, seed: int, trouble: str = "") -> int:
    """Rows until success, or ROWS."""
    rng = np.random.default_rng([1, seed])
    world.reset(seed)
    if "start" in trouble:
        random_start(world, rng)
    steps = LockStep(world)
    miss = Miss(expert, rng) if "miss" in trouble else None
    bump: list[np.ndarray] = []
    for row in range(ROWS):
        truth, q = world.truth(), world.position_rad
        if "bump" in trouble and not bump and row < 120 and rng.uniform() < 0.05:
            bump = bump_rows(expert.arm, steps.setpoint, rng)
        goal = bump.pop(0) if bump else None
        if goal is None and miss is not None:
            goal = miss.target(truth, q, steps.setpoint)
            miss = miss if goal is not None else None
        steps.run_row(goal if goal is not None else expert.target(truth, q, steps.setpoint))
        if world.success:
            return row + 1
    return ROWS


def test_solves_fresh_scenes_quickly(world: World, expert: Expert) -> None:
    lengths = [run(world, expert, seed) for seed in range(5000, 5040)]
    assert sum(length < ROWS for length in lengths) >= 40
    assert 45 < np.mean(lengths) < 90


@pytest.mark.parametrize("trouble", ["start", "bump", "miss", "start bump miss"])
def test_recovers_from_trouble(world: World, expert: Expert, trouble: str) -> None:
    solved = [run(world, expert, seed, trouble) < ROWS for seed in range(6000, 6020)]
    assert sum(solved) >= 19


def test_same_observation_same_action(world: World, expert: Expert) -> None:
    world.reset(3)
    steps, seen = LockStep(world), []
    for _ in range(60):
        seen.append((world.truth(), world.position_rad, steps.setpoint.copy()))
        steps.run_row(expert.target(*seen[-1]))
    actions = [expert.target(*observation) for observation in seen]
    again = [Expert(world.spec).target(*observation) for observation in reversed(seen)]
    for action, repeated in zip(actions, reversed(again), strict=True):
        assert np.array_equal(action, repeated)
