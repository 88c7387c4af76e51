"""ControlCore in virtual time: modes, splicing, underflow, late chunks, slews, the gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium._core import ControlConfig, ControlCore, Mode, PushStatus, Reason, RestPolicy

J = 3
TICK = 5_000_000
DT = 50_000_000
T0 = 10**12


class Bench:
    """A ControlCore and a perfect arm: what is commanded is measured at the next tick."""

    def __init__(self, start: float = 0.3, **overrides: Any) -> None:
        values: dict[str, Any] = {
            "lower_rad": [-2.0] * J,
            "upper_rad": [2.0] * J,
            "max_velocity_rad_s": [4.0] * J,
            "max_acceleration_rad_s2": [100.0] * J,
            "max_effort": [0.8] * J,
            "rest_rad": [-1.0, 0.0, 1.0],
        }
        self.core = ControlCore(ControlConfig(**{**values, **overrides}))
        self.t = T0
        self.q = np.full(J, start, np.float32)
        self.effort = np.zeros(J, np.float32)
        self.goals = [self.q]

    def tick(self, state_age_ns: int = 0) -> np.ndarray:
        self.t += TICK
        zero = np.zeros(J, np.float32)
        self.q = self.core.tick(self.t, self.q, zero, self.effort, self.t - state_age_ns)
        self.goals.append(self.q)
        return self.q

    def run(self, duration_ns: int) -> None:
        for _ in range(duration_ns // TICK):
            self.tick()

    def enable(self) -> Bench:
        self.core.enable()
        self.tick()
        assert self.core.mode is Mode.HOLDING
        return self

    def push(self, rows: np.ndarray, *, t0: int | None = None, delay: int = 0) -> str:
        rows = np.asarray(rows, np.float32)
        if rows.ndim == 1:
            rows = np.repeat(rows[:, None], J, axis=1)
        return self.core.push_chunk(rows, self.t if t0 is None else t0, DT, delay, self.t)

    def largest_step(self) -> float:
        return float(np.abs(np.diff(np.array(self.goals), axis=0)).max())


def test_nothing_moves_before_enable() -> None:
    bench = Bench()
    assert bench.core.mode is Mode.IDLE
    assert bench.push(np.linspace(0.3, 0.6, 8)) is PushStatus.NOT_RUNNING
    np.testing.assert_array_equal(bench.tick(), np.full(J, 0.3, np.float32))


@given(st.floats(-1.875, 1.875, width=32, allow_subnormal=False))
def test_enable_starts_where_the_arm_is(start: float) -> None:
    bench = Bench(start).enable()
    np.testing.assert_array_equal(bench.q, np.full(J, start, np.float32))


def test_enable_waits_for_fresh_state() -> None:
    bench = Bench()
    bench.core.enable()
    bench.tick(state_age_ns=200_000_000)
    assert bench.core.mode is Mode.IDLE
    bench.tick()
    assert bench.core.mode is Mode.HOLDING


def test_setpoint_is_exact_at_row_times_and_never_overshoots() -> None:
    bench = Bench(start_gap_rad=[np.inf] * J).enable()  # rows that no arm could meet
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (16, J)).astype(np.float32)
    rows[0] = bench.core.setpoint(bench.t)
    t0 = bench.t
    assert bench.push(rows, delay=1) is PushStatus.ACCEPTED
    np.testing.assert_array_equal(bench.core.committed(t0, DT, 16), rows)
    fine = bench.core.committed(t0, DT // 50, 15 * 50 + 1)
    for i in range(15):
        low, high = np.minimum(rows[i], rows[i + 1]), np.maximum(rows[i], rows[i + 1])
        part = fine[50 * i : 50 * i + 51]
        assert (part >= low - 1e-5).all()
        assert (part <= high + 1e-5).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_promised_rows_are_kept_and_the_seam_is_continuous(data: st.DataObject) -> None:
    bench = Bench().enable()
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    walk = lambda start: np.vstack([start, start + np.cumsum(rng.normal(0, 0.02, (15, J)), 0)])  # noqa: E731
    assert bench.push(walk(bench.core.setpoint(bench.t)), delay=1) is PushStatus.ACCEPTED
    for _ in range(4):
        bench.run(data.draw(st.integers(5, 60)) * TICK)
        capture = bench.t - data.draw(st.integers(0, 15)) * TICK
        latency_ticks = data.draw(st.integers(0, 40))
        delay = -(-(latency_ticks * TICK + bench.t - capture) // DT) + 1
        committed = bench.core.committed(capture, DT, delay)
        rows = walk(committed[-1])[1 : 17 - delay]
        bench.run(latency_ticks * TICK)
        before = bench.core.committed(capture, DT // 20, (delay - 1) * 20 + 1)
        assert bench.push(np.vstack([committed, rows]), t0=capture, delay=delay) is PushStatus.ACCEPTED
        after = bench.core.committed(capture, DT // 20, (delay - 1) * 20 + 1)
        np.testing.assert_allclose(after, before, atol=1e-5)  # the promised stretch, curve and all
        np.testing.assert_allclose(bench.core.committed(capture, DT, 16)[delay:], rows, atol=1e-5)
    stats = bench.core.stats()
    assert stats.late_chunks == 0
    assert stats.seam_jump_max_rad < 1e-5


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(0, 30))
def test_setpoint_never_jumps_whatever_arrives(seed: int, delay: int, late_ticks: int) -> None:
    bench = Bench().enable()
    rng = np.random.default_rng(seed)
    setpoints = []
    for _ in range(5):
        rows = rng.uniform(-0.3, 0.3) + np.cumsum(rng.normal(0, 0.02, (16, J)), 0)
        t0 = bench.t
        for _ in range(late_ticks):
            bench.tick()
            setpoints.append(bench.core.setpoint(bench.t))
        bench.push(rows, t0=t0, delay=delay)
        setpoints.append(bench.core.setpoint(bench.t))
        for _ in range(int(rng.integers(1, 200))):
            bench.tick()
            setpoints.append(bench.core.setpoint(bench.t))
    steps = np.abs(np.diff(np.array(setpoints), axis=0)).max()
    # A difference of ~1 rad at most fades over 0.15 s through rows 0.05 s apart, on top of the chunk's own.
    assert steps < 0.1
    assert bench.largest_step() <= 4.0 * 0.005 + 1e-5  # and the gate bounds what reaches the bus


def test_late_chunk_is_counted_and_joins_where_the_arm_is() -> None:
    bench = Bench(0.0).enable()
    bench.push(np.linspace(0.0, 0.15, 16), delay=1)
    bench.run(8 * DT)
    t0 = bench.t
    bench.run(4 * DT)
    here = bench.core.setpoint(bench.t)
    assert bench.push(np.linspace(0.08, 0.5, 16), t0=t0, delay=2) is PushStatus.LATE
    assert bench.core.stats().late_chunks == 1
    np.testing.assert_allclose(bench.core.setpoint(bench.t), here, atol=1e-6)
    bench.run(11 * DT)
    np.testing.assert_allclose(bench.core.setpoint(t0 + 15 * DT), 0.5, atol=1e-6)


def test_chunk_that_is_over_is_refused() -> None:
    bench = Bench(0.0).enable()
    t0 = bench.t
    bench.run(20 * DT)
    assert bench.push(np.linspace(0, 1, 16), t0=t0, delay=2) is PushStatus.EXPIRED
    bench.tick()
    assert bench.core.mode is Mode.HOLDING


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_chunk_changes_nothing(bad: float) -> None:
    bench = Bench(0.0).enable()
    bench.push(np.linspace(0, 0.3, 16), delay=1)
    plan = bench.core.committed(bench.t, DT, 16)
    rows = np.linspace(0, 1, 16)
    rows[9] = bad
    assert bench.push(rows, delay=1) is PushStatus.MALFORMED
    np.testing.assert_array_equal(bench.core.committed(bench.t, DT, 16), plan)
    assert bench.core.stats().malformed_chunks == 1


def test_chunk_shape_is_checked() -> None:
    bench = Bench().enable()
    with pytest.raises(ValueError, match="shape"):
        bench.core.push_chunk(np.zeros((4, J + 1)), bench.t, DT, 0, bench.t)
    assert bench.core.push_chunk(np.zeros((257, J)), bench.t, DT, 0, bench.t) is PushStatus.MALFORMED
    assert bench.core.push_chunk(np.zeros((4, J)), bench.t, 0, 0, bench.t) is PushStatus.MALFORMED
    assert bench.core.push_chunk(np.zeros((4, J)), bench.t, DT, 5, bench.t) is PushStatus.MALFORMED


def test_underflow_holds_the_last_row_once_and_resumes() -> None:
    bench = Bench(0.0).enable()
    bench.push(np.linspace(0, 0.3, 16), delay=1)
    bench.run(15 * DT)
    assert bench.core.mode is Mode.RUNNING
    bench.run(10 * DT)
    assert (bench.core.mode, bench.core.reason) == (Mode.HOLDING, Reason.UNDERFLOW)
    np.testing.assert_allclose(bench.q, 0.3, atol=1e-6)
    assert bench.core.stats().underflows == 1
    assert bench.push(np.linspace(0.3, 0.0, 16), delay=1) is PushStatus.ACCEPTED
    bench.tick()
    assert bench.core.mode is Mode.RUNNING
    assert bench.core.stats().underflows == 1


@pytest.mark.parametrize(
    ("fallback", "end"),
    [(RestPolicy.PARK, Mode.RELEASED), (RestPolicy.RELEASE, Mode.RELEASED), (RestPolicy.HOLD, Mode.HOLDING)],
)
def test_declared_fallback_after_an_underflow(fallback: RestPolicy, end: Mode) -> None:
    bench = Bench(0.0, fallback=fallback, fallback_after_s=0.5).enable()
    bench.push(np.linspace(0, 0.3, 16), delay=1)
    bench.run(16 * DT + 400_000_000)
    assert bench.core.mode is Mode.HOLDING
    bench.run(8_000_000_000)
    assert bench.core.mode is end
    if fallback is RestPolicy.PARK:
        np.testing.assert_allclose(bench.q, [-1.0, 0.0, 1.0], atol=1e-3)


def test_hold_drops_the_plan() -> None:
    bench = Bench(0.0).enable()
    bench.push(np.linspace(0, 1.0, 16), delay=1)
    bench.run(4 * DT)
    bench.core.hold()
    asked = bench.core.setpoint(bench.t)
    bench.run(4 * DT)
    held = bench.q
    assert (held > asked).all()
    assert (held < asked + 0.035).all()  # the way to stop from 1.3 rad/s at 100 rad/s^2 and 2500 rad/s^3
    bench.run(20 * DT)
    np.testing.assert_array_equal(bench.q, held)
    stats = bench.core.stats()
    assert stats.underflows == 0
    assert stats.mode is Mode.HOLDING


def test_move_to_arrives_together_at_a_share_of_full_speed() -> None:
    bench = Bench(0.0).enable()
    target = np.array([1.0, -0.5, 0.25], np.float32)
    bench.core.move_to(target, velocity_share=0.25)
    goals = []
    while not goals or bench.core.mode is Mode.MOVING:
        goals.append(bench.tick())
    path = np.array(goals)
    np.testing.assert_allclose(path[-1], target, atol=1e-4)
    np.testing.assert_allclose(path / target, np.repeat(path[:, :1], J, axis=1), atol=2e-2)  # straight line
    speed = np.abs(np.diff(path, axis=0)).max() / 0.005
    assert 0.9 <= speed <= 1.0 + 1e-3  # a quarter of 4 rad/s
    assert bench.core.stats().clamped == 0


def test_park_ends_at_rest_without_torque() -> None:
    bench = Bench(0.7).enable()
    bench.push(np.linspace(0.7, 0.9, 16), delay=1)
    bench.run(3 * DT)
    bench.core.park()
    bench.tick()
    assert (bench.core.mode, bench.core.reason) == (Mode.MOVING, Reason.PARKING)
    assert bench.push(np.linspace(0.7, 0.9, 16)) is PushStatus.NOT_RUNNING
    bench.core.hold()  # a park cannot be talked out of
    bench.run(6_000_000_000)
    assert bench.core.mode is Mode.RELEASED
    assert not bench.core.stats().torque
    np.testing.assert_allclose(bench.q, [-1.0, 0.0, 1.0], atol=1e-3)


def test_park_of_an_arm_that_cannot_move_still_ends() -> None:
    bench = Bench(0.7).enable()
    bench.core.park()
    stuck = np.full(J, 0.7, np.float32)
    zero = np.zeros(J, np.float32)
    for _ in range(int(6.5e9) // TICK):
        bench.t += TICK
        bench.core.tick(bench.t, stuck, zero, zero, bench.t)
    assert bench.core.mode is Mode.RELEASED


def test_stale_state_trips_into_fault_and_park_recovers() -> None:
    bench = Bench(0.0).enable()
    for i in range(40):
        bench.tick(state_age_ns=(i + 1) * 10_000_000)
    assert (bench.core.mode, bench.core.reason) == (Mode.FAULT, Reason.GATE_TRIPPED)
    assert bench.core.stats().trips == 1
    assert bench.push(np.linspace(0, 1, 16)) is PushStatus.NOT_RUNNING
    bench.core.park()
    bench.run(6_000_000_000)
    assert bench.core.mode is Mode.RELEASED
    np.testing.assert_allclose(bench.q, [-1.0, 0.0, 1.0], atol=1e-3)


def test_goal_outside_the_limits_is_clamped_and_counted() -> None:
    bench = Bench(1.5).enable()
    bench.push(np.linspace(1.5, 3.0, 16), delay=1)
    bench.run(20 * DT)
    assert bench.q.max() <= 2.0
    assert bench.core.stats().clamped_position > 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"rest_rad": [3.0, 0, 0]}, "rest pose"),
        ({"lower_rad": [2.5, -2, -2]}, "limits"),
        ({"fallback": "panic"}, "hold, park, release"),
        ({"rate_hz": 0.0}, "contradict"),
        ({"approach_velocity_share": 1.5}, "approach"),
        ({"max_effort": [0.5]}, "shape"),
    ],
)
def test_contradictory_config_is_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bench(**overrides)
