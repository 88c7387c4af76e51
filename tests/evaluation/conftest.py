"""One world for the tests of this room, and a policy that remembers what it was given."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco")

from motorium.policies.base import Policy, PolicyInfo
from motorium.sim.lockstep import LockStep
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec
from motorium.types import SLOTS, ActionChunk


class Remembers(Policy):
    """Stays where it is; keeps observations and the number of committed rows of every plan."""

    def __init__(self):
        self.info = PolicyInfo(rows=16, dt_s=0.05, execution_horizon=8, max_delay=5)
        self.seen, self.committed = [], []

    def infer(self, obs, *, committed):
        self.seen.append(obs)
        self.committed.append(None if committed is None else len(committed))
        start = obs.state if committed is None else committed[0]
        return ActionChunk(np.tile(start, (16, 1)), np.ones(SLOTS, bool), obs.t_ns, 0.05)


@pytest.fixture(scope="package")
def stage():
    """A stage of the SO-101."""
    play = LockStep(World(RobotSpec.load("so101"), 0))
    yield play
    play.world.close()


@pytest.fixture
def remembers():
    """A policy."""
    return Remembers()
