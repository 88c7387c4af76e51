"""The evaluator of simulated robots (group `motorium.evaluators`): closed-loop episodes for who trains."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..learn.closed_loop import Check
from ..policies.base import Policy
from ..sim.lockstep import LockStep
from ..sim.world import World
from ..specs.robot import RobotSpec
from .evaluate import EvalJob, check_job, play_episode


def play(policy: Policy, check: Check) -> list[bool]:
    """Play the episodes of a check one after the other; return which of them succeeded.

    Raises MotoriumError for a scene of training, an unknown task, or a policy that does not fit the robot.
    """
    robot = check.robot.removeprefix("sim:")
    job = EvalJob(Path(), robot, check.task, check.episodes, check.seed, limit_s=check.limit_s, processes=1)
    check_job(job)
    stage = _stage(robot)
    policy.bind(stage.world.spec)
    out = []
    for seed in range(job.seed, job.seed + job.episodes):
        policy.seed(seed)
        out.append(play_episode(policy, stage, job, seed).success)
    return out


@lru_cache(maxsize=1)
def _stage(robot: str) -> LockStep:
    """Return the one world of this process: opening a renderer is slow."""
    return LockStep(World(RobotSpec.load(robot)))
