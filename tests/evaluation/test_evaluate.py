"""What is played is never a scene of training, and the judge decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motorium.errors import MotoriumError
from motorium.evaluation.evaluate import EvalJob, evaluate, play_episode
from motorium.policies.base import Policy, PolicyInfo
from motorium.sim.scene import TRAINING_SEEDS_FROM
from motorium.types import SLOTS, ActionChunk


@pytest.mark.parametrize("seed", [TRAINING_SEEDS_FROM, TRAINING_SEEDS_FROM - 5, -1])
def test_evaluation_refuses_training_scenes(seed):
    with pytest.raises(MotoriumError, match="training scenes"):
        evaluate(EvalJob(Path("none"), episodes=10, seed=seed))


def test_a_policy_that_stands_still_fails_at_the_limit(stage):
    class Still(Policy):
        info = PolicyInfo(rows=16, dt_s=0.05, execution_horizon=8, max_delay=15)

        def infer(self, obs, *, committed):
            return ActionChunk(np.repeat(committed[:1], 16, axis=0), np.ones(SLOTS, bool), obs.t_ns, 0.05)

    result = play_episode(Still(), stage, EvalJob(Path("still"), limit_s=1.0), 12)
    assert not result.success
    assert 1.0 <= result.time_s < 1.5
