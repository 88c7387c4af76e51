"""A policy that knows the scene: it lets the scripted expert solve it in virtual time, then plays that back.

It stands in for a checkpoint where the path from policy to servo bus and back is under test, not the learning.
"""

from __future__ import annotations

import numpy as np

from motorium.policies.base import Policy, PolicyInfo
from motorium.sim.expert import Expert
from motorium.sim.lockstep import LockStep
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map, valid_mask
from motorium.types import ActionChunk, Float32, Observation
from motorium.units import s_to_ns

STEPS = 120


def solve(spec: RobotSpec, seed: int, task: str | None = None) -> Float32:
    """(K, J) setpoints, one per policy step, of the expert in the scene of `seed` from the home pose."""
    world = World(spec)
    try:
        world.reset(seed, task)
        world.set_joints(np.array([joint.home_rad for joint in spec.joints]))
        play, expert = LockStep(world), Expert(spec)
        play.restart()
        setpoints = [play.setpoint]
        while not world.success and len(setpoints) < STEPS:
            play.run_row(expert.target(world.truth(), world.position_rad, play.setpoint))
            setpoints.append(play.setpoint)
        return np.asarray(setpoints, dtype=np.float32)
    finally:
        world.close()


class PlayBack(Policy):
    """Plays solutions of scenes `first_seed`, `first_seed + 1`, ... one per `begin()`."""

    info = PolicyInfo(rows=16, dt_s=0.05, execution_horizon=8, max_delay=15)

    def __init__(self, spec: RobotSpec, seeds: range) -> None:
        self.joints, self.valid = slot_map(spec), valid_mask(spec)
        self.solutions = {seed: solve(spec, seed) for seed in seeds}
        self.setpoints = self.solutions[seeds[0]]
        self.begin_ns: int | None = None

    def begin(self, seed: int) -> None:
        """A new episode: its first observation will be time zero."""
        self.setpoints, self.begin_ns = self.solutions[seed], None

    def infer(self, obs: Observation, *, committed: Float32 | None) -> ActionChunk:
        """The solution's rows at the chunk's times; the committed rows first, unchanged."""
        self.begin_ns = obs.t_ns if self.begin_ns is None else self.begin_ns
        steps = (obs.t_ns - self.begin_ns) / s_to_ns(self.info.dt_s) + np.arange(self.info.rows)
        known = np.arange(len(self.setpoints))
        plan = [np.interp(steps, known, column) for column in self.setpoints.T]
        rows = self.joints.scatter_chunk(np.stack(plan, axis=1).astype(np.float32))
        delay = 0 if committed is None else len(committed)
        if committed is not None:
            rows[:delay] = committed
        return ActionChunk(rows, self.valid, obs.t_ns, self.info.dt_s, delay=delay)
