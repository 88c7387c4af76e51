"""Every change of source (chunk, hold, slew, underflow, late plan) passes with bounded jerk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_control_core import DT, TICK, Bench, J

from motorium._core import PushStatus, Reason

V_MAX, A_MAX, J_MAX = 4.0, 100.0, 800.0
DT_S = TICK * 1e-9


class Watched(Bench):
    """Keeps every setpoint."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start, max_jerk_rad_s3=[J_MAX] * J)
        self.setpoints: list[np.ndarray] = [np.full(J, start)] * 3

    def tick(self, state_age_ns: int = 0) -> np.ndarray:
        goal = super().tick(state_age_ns)
        self.setpoints.append(self.core.setpoint_rad.astype(float))
        return goal

    def jerks(self, first: int) -> np.ndarray:
        """Third differences of the setpoint, from two ticks before setpoint `first`."""
        return np.abs(np.diff(np.array(self.setpoints[first - 2 :])[:, 0], 3)) / DT_S**3


def moving(bench: Watched, speed: float) -> None:
    """In the middle of a straight stretch at `speed` rad/s."""
    bench.push(bench.q + speed * 0.05 * np.arange(20)[:, None], delay=1)
    bench.run(8 * DT)


@settings(max_examples=40, deadline=None)
@given(st.floats(-2.0, 2.0), st.sampled_from(["hold", "move_to", "park"]), st.floats(-1.0, 1.0))
def test_from_a_chunk_to_rest(speed: float, source: str, target: float) -> None:
    bench = Watched().enable()
    moving(bench, speed)
    first = len(bench.setpoints)
    if source == "hold":
        bench.core.hold()
    elif source == "move_to":
        bench.core.move_to(np.full(J, target, np.float32))
    else:
        bench.core.park()
    bench.run(2_500_000_000)
    path = np.array(bench.setpoints[first - 2 :])  # before that, the chunk has a start of its own
    velocity = np.diff(path, axis=0) / DT_S
    assert np.abs(velocity).max() <= V_MAX * 1.001
    assert np.abs(np.diff(velocity, axis=0)).max() / DT_S <= A_MAX * 1.01
    # float32 near 1 rad resolves 6e-8 rad; a third difference of it at 5 ms is 4 rad/s^3 at the most.
    assert bench.jerks(first).max() <= J_MAX + 4.0
    if source == "move_to":
        np.testing.assert_allclose(bench.q, target, atol=1e-6)
    assert np.abs(velocity[-20:]).max() < 1e-6


@pytest.mark.parametrize("speed", [0.3, 1.5, -2.5])
def test_an_underflow_in_motion_comes_back_to_its_last_row(speed: float) -> None:
    bench = Watched().enable()
    rows = bench.q + speed * 0.05 * np.arange(12)[:, None]
    bench.push(rows, delay=1)
    bench.run(11 * DT)
    first = len(bench.setpoints)
    bench.run(20 * DT)
    assert bench.core.reason is Reason.UNDERFLOW
    assert bench.jerks(first).max() <= J_MAX + 4.0
    np.testing.assert_allclose(bench.q, rows[-1], atol=1e-6)
    overshoot = np.sign(speed) * (np.array(bench.setpoints[first:]) - rows[-1])
    # Speed goes in 2 sqrt(v / j), half of it on the way out.
    assert 0 < overshoot.max() <= abs(speed) ** 1.5 / J_MAX**0.5 + 1e-6


def test_a_chunk_that_follows_a_hold_at_once_waits_for_no_standstill() -> None:
    bench = Watched().enable()
    moving(bench, 1.0)
    bench.core.hold()
    bench.tick()
    first = len(bench.setpoints)
    here = bench.core.setpoint(bench.t)
    assert bench.push(here + 0.05 * np.arange(16)[:, None], delay=1) is PushStatus.ACCEPTED
    bench.run(15 * DT)
    np.testing.assert_allclose(bench.setpoints[-1], here + 0.05 * 15, atol=1e-5)
    speed = np.diff(np.array(bench.setpoints[first:])[:, 0]) / DT_S
    assert speed.min() >= -1e-4, "it never turns back"
    assert speed.max() < 2.0, "what is left of the old motion, and the chunk's own start"


def test_a_source_that_agrees_passes_unchanged() -> None:
    bench = Watched().enable()
    start = bench.t
    rows = 0.3 * np.sin(np.arange(24) * 0.2)
    bench.push(rows, delay=1)
    for _ in range(23):
        bench.run(DT)
        row = round((bench.t - start) / DT)
        np.testing.assert_allclose(bench.core.setpoint(bench.t), rows[row], atol=1e-6)
    assert bench.core.stats().joins == 0
