"""A robot's declared distribution of latencies: checked when read, a prior until measured, drawn in lock-step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from policies import SPEC, SinePolicy
from test_guidance import Stage

from motorium.errors import SpecError
from motorium.runtime.lockstep import VirtualClock, run_lockstep
from motorium.runtime.schedule import TRUSTED, Pace, Scheduler
from motorium.specs.latency import LatencySpec
from motorium.specs.robot import DATA, RobotSpec
from motorium.specs.slots import slot_map

SOME = LatencySpec((0.01, 0.06, 0.2), (6.0, 3.5, 0.5))
MS = 1_000_000


def test_quantiles_and_draws_are_those_declared() -> None:
    assert [SOME.quantile_s(share) for share in (0.0, 0.6, 0.61, 0.95, 0.96, 1.0)] == [
        0.01, 0.01, 0.06, 0.06, 0.2, 0.2,
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    drawn = np.array([SOME.draw_s(rng) for _ in range(2000)])
    for seconds, share in zip(SOME.seconds, (0.6, 0.35, 0.05), strict=True):
        assert np.mean(drawn == seconds) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(
    ("seconds", "weights", "message"),
    [
        ("[0.1, 0.05]", "[1, 1]", "ascend"),
        ("[-0.1]", "[1]", "ascend"),
        ("[0.1]", "[1, 2]", "1 seconds and 2 weights"),
        ("[]", "[]", "at least one"),
        ("[0.1, 0.2]", "[1, -1]", "negative"),
        ("[0.1]", "[0]", "all zero"),
        ("[0.1]", '["1"]', "weights must be a Floats"),
        ("0.1", "[1]", "seconds must be a Floats"),
    ],
)
def test_what_is_no_distribution_is_refused(tmp_path: Path, seconds: str, weights: str, message: str) -> None:
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    begin, end = text.index("seconds = ["), text.index("[bus]")
    path = tmp_path / "arm.toml"
    path.write_text(f"{text[:begin]}seconds = {seconds}\nweights = {weights}\n{text[end:]}")
    with pytest.raises(SpecError, match=message):
        RobotSpec.load(str(path))


@pytest.mark.parametrize("weights", [(6.0, 3.5, 0.5), (1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (90.0, 4.9, 5.1)])
def test_the_prior_is_what_all_but_one_in_twenty_do_not_exceed(weights: tuple[float, float, float]) -> None:
    """The core counts it for everybody; here it is the definition."""
    declared = LatencySpec(SOME.seconds, weights)
    reached = np.cumsum(weights) / sum(weights)
    expected = next(s for s, share in zip(SOME.seconds, reached, strict=True) if share >= 0.95 - 1e-9)
    assert Scheduler(Pace(50 * MS, 16, 8, 6), declared).latency_ns == round(expected * 1e9)


def test_the_prior_holds_until_enough_was_measured() -> None:
    pace = Pace(50 * MS, 16, 8, 6)
    scheduler = Scheduler(pace, SOME)
    assert "the robot's [latency]" in scheduler.latency_source
    assert scheduler.latency_ns == 60 * MS
    assert scheduler.delay(0) == 3
    assert Scheduler(pace).delay(0) == 1
    for _ in range(TRUSTED - 1):
        scheduler.record(5 * MS)
    assert scheduler.latency_ns == 60 * MS
    scheduler.record(5 * MS)
    assert scheduler.latency_ns == 5 * MS
    slow = Scheduler(pace, SOME)
    slow.record(150 * MS)
    assert slow.latency_ns == 150 * MS, "what was measured counts at once where it is more"


def test_lock_step_draws_what_every_inference_takes() -> None:
    """The promise is made before the draw; what comes later than promised is late, and the arm stays smooth."""
    policy, stage = SinePolicy(), Stage()
    clock = VirtualClock(duration_s=20.0, drawn=LatencySpec((0.02, 0.3), (9.0, 1.0)), seed=3)
    report = run_lockstep(stage, policy, slot_map(SPEC), "swing", clock)
    assert len(set(policy.committed)) > 1
    assert 0 < report.late_chunks < report.chunks / 2
    again = SinePolicy()
    run_lockstep(Stage(), again, slot_map(SPEC), "swing", clock)
    assert again.committed == policy.committed, "by its seed"


def test_so101_declares_one() -> None:
    latency = SPEC.latency
    assert latency is not None
    assert latency.seconds[-1] <= SPEC.policy.latency_budget_s
