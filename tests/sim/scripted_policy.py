"""A policy that cheats: it asks the simulated world where everything is and follows the scripted expert.

It stands in for a checkpoint where the path from policy to bus and back is under test, not the learning.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from motorium.robots.robot import Robot
from motorium.sim.expert import Expert
from motorium.sim.tasks import Pose
from motorium.sim.world import Truth
from motorium.slots import slot_map, valid_mask
from motorium.types import ActionChunk, Float32, Observation


class ScriptedPolicy:
    """Plans by rolling the expert forward from the newest promise, as if the world stood still meanwhile."""

    dt_s = 0.05
    rows = 16
    execution_horizon = 4

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        self.expert = Expert(robot.spec)
        self.joints = slot_map(robot.spec)
        self.valid = valid_mask(robot.spec)

    def truth(self) -> Truth:
        """The world's own account, as the expert expects it."""
        found: dict[str, Any] = self.robot.world.truth()
        cubes = {colour: Pose(**pose) for colour, pose in found["cubes"].items()}
        return Truth(found["target"], cubes, Pose(**found["tray"]))

    def infer(self, obs: Observation, *, committed: Float32 | None = None) -> ActionChunk:
        """A chunk of setpoints; the promised rows first, unchanged."""
        measured = self.joints.gather(obs.state)
        promised = [] if committed is None else [self.joints.gather(row) for row in committed]
        plan = [np.asarray(row, dtype=np.float64) for row in promised or [measured]]
        truth = self.truth()
        while len(plan) < self.rows:
            plan.append(self.expert.target(truth, plan[-1], plan[-1]))
        rows = self.joints.scatter_chunk(np.asarray(plan, dtype=np.float32))
        if committed is not None:
            rows[: len(committed)] = committed
        return ActionChunk(rows, self.valid, obs.t_ns, self.dt_s, delay=len(promised))
