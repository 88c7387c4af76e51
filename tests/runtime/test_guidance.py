"""Guided real-time chunking: the paper's mask, what reaches the policy, smaller seams where chunks disagree."""

from __future__ import annotations

from dataclasses import replace

import nano_samples
import numpy as np
import pytest
from policies import SPEC, SinePolicy

from motorium._core import ControlCore, SeamStats
from motorium.errors import CheckpointError
from motorium.policies.guidance import soft_mask
from motorium.policies.nano import NanoPolicy
from motorium.policies.nano.checkpoint import Checkpoint
from motorium.robots.config import control_config
from motorium.runtime.lockstep import VirtualClock, run_lockstep
from motorium.runtime.schedule import Pace, Scheduler
from motorium.specs.slots import slot_map
from motorium.types import ActionChunk, Float32, Observation

HOME = np.array([joint.home_rad for joint in SPEC.joints], np.float32)
TICK = 5_000_000


def test_the_mask_is_that_of_the_paper() -> None:
    weights = soft_mask(3, 8)
    assert (weights[:3] == 1).all()
    share = (8 - np.arange(3, 8)) / (8 - 3 + 1)
    np.testing.assert_allclose(weights[3:], share * (np.exp(share) - 1) / (np.e - 1), atol=1e-6)
    assert (np.diff(weights[2:]) < 0).all()
    assert soft_mask(4, 4).tolist() == [1, 1, 1, 1]
    assert soft_mask(6, 2).tolist() == [1, 1]
    assert len(soft_mask(0, 0)) == 0


def test_the_plan_before_ends_where_its_rows_do() -> None:
    scheduler = Scheduler(Pace(50_000_000, 16, 8, 6))
    assert scheduler.planned_rows(0) == 0
    scheduler.next_start_ns(10**9, 3)
    assert scheduler.planned_rows(10**9) == 16
    assert scheduler.planned_rows(10**9 + 8 * 50_000_000) == 8
    assert scheduler.planned_rows(10**9 + 8 * 50_000_000 - 1) == 8
    assert scheduler.planned_rows(10**9 + 10**10) == 0


class Stage:
    """A perfect arm in front of grey cameras."""

    def __init__(self) -> None:
        self.now_ns, self.q = 0, HOME
        # What an untrained network says may begin anywhere; here it is followed at once all the same.
        self.core = ControlCore(control_config(SPEC, start_gap_rad=[np.inf] * len(SPEC.joints)))
        self.core.enable()
        self.images = {c.role: np.full((c.height, c.width, 3), 90, np.uint8) for c in SPEC.cameras}
        self.map = slot_map(SPEC)
        self.tick()

    def tick(self) -> None:
        still = np.zeros(6, np.float32)
        self.q = self.core.tick(self.now_ns, self.q, still, still, self.now_ns)
        self.now_ns += TICK

    def advance_to(self, t_ns: int) -> None:
        while self.now_ns < t_ns:
            self.tick()

    def observe(self, task: str) -> Observation:
        return Observation(self.now_ns, self.map.scatter(self.q), self.images, task)


def seams(guidance: str) -> SeamStats:
    """Of a network that was never trained, whose chunks follow their noise: no two agree beyond the promise."""
    sample = nano_samples.descriptor(nano_samples.SMALL)
    checkpoint = Checkpoint("sample", sample, nano_samples.weights(sample))  # type: ignore[arg-type]
    policy = NanoPolicy(checkpoint, seed=4, guidance=guidance)
    stage = Stage()
    run_lockstep(stage, policy, slot_map(SPEC), "put the cube", VirtualClock(duration_s=8.0, latency_s=0.09))
    result = stage.core.stats().seams
    assert result.count > 15
    return result


def test_seams_shrink_on_a_policy_whose_chunks_disagree() -> None:
    free, guided = seams("none"), seams("soft")
    assert guided.velocity_rad_s.p50 < 0.6 * free.velocity_rad_s.p50
    assert guided.jump_rad.max < 1e-5, "committed rows are kept with guidance"
    assert free.jump_rad.max < 1e-5, "and without"


def test_guidance_is_off_by_default_and_named() -> None:
    sample = nano_samples.descriptor(nano_samples.SMALL)
    checkpoint = Checkpoint("sample", sample, nano_samples.weights(sample))  # type: ignore[arg-type]
    assert NanoPolicy(checkpoint).guidance == "none"
    with pytest.raises(CheckpointError, match="valid choices: none, soft"):
        NanoPolicy(checkpoint, guidance="hard")


class CuriousPolicy(SinePolicy):
    """Remembers what it was told of the plan before."""

    info = replace(SinePolicy.info, guidance="soft")

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Float32 | None] = []

    def infer(
        self, obs: Observation, *, committed: Float32 | None = None, previous: Float32 | None = None
    ) -> ActionChunk:
        self.told.append(previous)
        if previous is not None and committed is not None:
            np.testing.assert_array_equal(previous[: len(committed)], committed[: len(previous)])
        return super().infer(obs, committed=committed)


def test_a_guided_policy_is_told_the_plan_before() -> None:
    policy = CuriousPolicy()
    run_lockstep(Stage(), policy, slot_map(SPEC), "swing", VirtualClock(duration_s=2.0, latency_s=0.05))
    assert policy.told[0] is None, "there was none"
    assert {len(rows) for rows in policy.told[1:] if rows is not None} == {
        policy.info.rows - policy.info.execution_horizon
    }
