"""The rules of promising and replanning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policies import SPEC, HalfPolicy, NanPolicy, SinePolicy

from motorium.errors import BindingError, SafetyError
from motorium.runtime.planner import Planner
from motorium.runtime.schedule import MEMORY, Pace, Scheduler
from motorium.specs.slots import slot_map
from motorium.types import SLOTS, Observation

DT = 50_000_000
PACE = Pace(DT, 16, 8, 6)


def observation() -> Observation:
    return Observation(10**12, np.zeros(SLOTS, np.float32), {}, "task")


@given(st.integers(0, 300_000_000), st.integers(0, 100_000_000))
def test_delay_covers_age_latency_and_a_margin(latency_ns: int, age_ns: int) -> None:
    scheduler = Scheduler(PACE)
    scheduler.record(latency_ns)
    delay = scheduler.delay(age_ns)
    assert delay <= PACE.max_delay
    if delay < PACE.max_delay:
        assert (delay - 1) * DT >= latency_ns + age_ns  # the seam lies after the arrival
        assert (delay - 2) * DT < latency_ns + age_ns  # and no row is promised in vain


def test_a_slow_chunk_is_remembered_then_forgotten() -> None:
    scheduler = Scheduler(PACE)
    scheduler.record(200_000_000)
    for _ in range(MEMORY - 1):
        scheduler.record(20_000_000)
    assert scheduler.latency_ns == 200_000_000
    scheduler.record(20_000_000)
    assert scheduler.latency_ns == 20_000_000


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 60))
def test_the_next_chunk_is_planned_before_this_one_runs_out(horizon: int, rows: int, delay: int) -> None:
    pace = Pace(DT, rows + 2, min(horizon, rows + 1), rows + 1)
    delay = min(delay, pace.max_delay)
    start_ns = Scheduler(pace).next_start_ns(0, delay)
    assert DT <= start_ns <= pace.horizon * DT
    if delay <= pace.rows - 3:
        assert start_ns + (delay + 1) * DT <= (pace.rows - 1) * DT


def test_pace_reads_the_policy() -> None:
    assert Pace.of(SinePolicy().info) == PACE


def test_planner_keeps_promises_and_units() -> None:
    policy = SinePolicy()
    committed = np.linspace(0.1, 0.2, 18, dtype=np.float32).reshape(3, 6)
    slots = slot_map(SPEC)
    rows = Planner(policy, slots).infer(observation(), slots.scatter_chunk(committed))
    assert rows is not None
    assert rows.shape == (16, SLOTS)
    np.testing.assert_allclose(slots.gather_chunk(rows)[:3], committed, atol=1e-6)


def test_planner_refuses_what_is_not_finite_and_gives_up() -> None:
    planner = Planner(NanPolicy(first=2, count=1), slot_map(SPEC))
    answers = [planner.infer(observation(), np.zeros((0, SLOTS), np.float32)) is None for _ in range(3)]
    assert answers == [False, True, False]
    assert planner.refused == 1
    planner = Planner(NanPolicy(first=1, count=9), slot_map(SPEC))
    planner.infer(observation(), np.zeros((0, SLOTS), np.float32))
    planner.infer(observation(), np.zeros((0, SLOTS), np.float32))
    with pytest.raises(SafetyError, match="1 of 96 values are not finite"):
        planner.infer(observation(), np.zeros((0, SLOTS), np.float32))


def test_planner_refuses_a_policy_that_leaves_joints_out() -> None:
    with pytest.raises(BindingError, match="18"):
        Planner(HalfPolicy(), slot_map(SPEC)).infer(observation(), np.zeros((0, SLOTS), np.float32))
