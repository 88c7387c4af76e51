"""Seams between chunks are measured; a joint that reads another place than where it can be gets no torque."""

from __future__ import annotations

import numpy as np
import pytest
from test_control_core import DT, TICK, Bench, J

from motorium._core import Mode, PushStatus, Reason, RestPolicy


def test_seams_are_measured_on_rows_with_known_jumps() -> None:
    """Old: 1 rad/s. New, from row 5 on: 0.02 rad further and 2 rad/s."""
    bench = Bench(0.0).enable()
    t0 = bench.t
    old = 0.05 * np.arange(16)
    bench.push(old, t0=t0, delay=1)
    assert bench.core.stats().seams.count == 0, "a start from rest is no stitch"
    bench.run(3 * DT)
    new = old.copy()
    new[5:] = old[5] + 0.02 + 0.1 * np.arange(11)
    assert bench.push(new, t0=t0, delay=6) is PushStatus.ACCEPTED
    seams = bench.core.stats().seams
    assert seams.count == 1
    assert seams.jump_rad.max == pytest.approx(0.02, abs=1e-5)
    assert seams.velocity_rad_s.max == pytest.approx(1.0, abs=1e-3)
    # Rows -0.1, -0.05 | 0.02, 0.12 from the seam: third difference 0.01, over 0.05^3.
    assert seams.jerk_rad_s3.max == pytest.approx(0.01 / 0.05**3, rel=1e-2)


def test_a_kept_promise_has_no_seam() -> None:
    bench = Bench(0.0).enable()
    t0 = bench.t
    rows = 0.05 * np.arange(16)
    bench.push(rows, t0=t0, delay=1)
    for _ in range(3):
        bench.run(DT)
        bench.push(rows, t0=t0, delay=6)
    seams = bench.core.stats().seams
    assert seams.count == 3
    assert seams.jump_rad.max < 1e-6
    assert seams.velocity_rad_s.max < 1e-4


def test_percentiles_of_seams_are_within_a_bin() -> None:
    bench = Bench(0.0, blend_s=0.05).enable()
    rng = np.random.default_rng(1)
    jumps = []
    for _ in range(60):
        jump = float(10 ** rng.uniform(-4, -2))
        here = bench.core.committed(bench.t, DT, 1)[0]
        bench.push(np.repeat(here[None, :1] + jump, 16), delay=1)
        jumps.append(jump)
        bench.run(4 * DT)
    got = bench.core.stats().seams.jump_rad
    assert got.max == pytest.approx(max(jumps[1:]), rel=0.05)
    middle = float(np.median(jumps[1:]))
    assert 0.7 * middle <= got.p50 <= 1.45 * middle


def test_the_end_of_a_final_chunk_is_no_underflow() -> None:
    bench = Bench(0.0, fallback=RestPolicy.PARK, fallback_after_s=0.2).enable()
    rows = np.repeat(np.linspace(0, 0.3, 16)[:, None], J, axis=1).astype(np.float32)
    assert bench.core.push_chunk(rows, bench.t, DT, 1, bench.t, final=True) is PushStatus.ACCEPTED
    bench.run(60 * DT)
    assert (bench.core.mode, bench.core.reason) == (Mode.HOLDING, Reason.NONE)
    assert bench.core.stats().underflows == 0


def jump(bench: Bench, by: float, silent_ns: int) -> None:
    """Nothing is heard for a while, then joint 1 reads another place."""
    seen = bench.t
    for _ in range(silent_ns // TICK):
        bench.tick(state_age_ns=bench.t + TICK - seen)
    bench.q = bench.q + by * np.eye(J, dtype=np.float32)[1]


@pytest.mark.parametrize("by", [0.9, -1.2])
def test_a_joint_that_comes_back_elsewhere_gets_no_torque(by: float) -> None:
    bench = Bench(0.0).enable()
    bench.core.release()
    bench.tick()
    jump(bench, by, 2_000_000_000)
    bench.core.enable()
    bench.run(100_000_000)
    stats = bench.core.stats()
    assert (stats.mode, stats.reason, stats.torque) == (Mode.FAULT, Reason.POSITION_JUMP, False)
    assert stats.jumped_joints == 0b010
    bench.core.accept_position()
    assert bench.core.mode is Mode.RELEASED
    bench.enable()


def test_a_joint_moved_a_little_by_hand_meanwhile_is_no_jump() -> None:
    bench = Bench(0.0).enable()
    bench.core.release()
    bench.tick()
    jump(bench, 0.3, 2_000_000_000)
    bench.enable()


def test_a_reading_that_jumps_under_torque_stops_the_arm() -> None:
    bench = Bench(0.0).enable()
    bench.push(np.linspace(0, 1, 16), delay=1)
    bench.run(3 * DT)
    bench.q = bench.q + np.array([0, 6.28, 0], np.float32)
    bench.tick()
    assert bench.core.reason is Reason.POSITION_JUMP
