"""Universal async chunking on a fake clock: inference delays of 0 to 400 ms at policy rates of 10 to 50 Hz."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_control_core import TICK, Bench, J

from motorium._core import Mode, PushStatus, Reason
from motorium.runtime.schedule import Pace, Scheduler

SPEED, J_MAX = 0.5, 800.0
TICK_S = TICK * 1e-9
BLEND_S = 0.15


class Player:
    """The runner's loop on a ControlCore: observe, promise, think for a drawn time, push."""

    def __init__(self, rate_hz: int, rows: int, seed: int) -> None:
        self.bench = Bench(0.0, max_jerk_rad_s3=[J_MAX] * J).enable()
        self.dt = round(1e9 / rate_hz)
        self.rows = rows
        self.rng = np.random.default_rng(seed)
        self.scheduler = Scheduler(Pace(self.dt, rows, max(1, rows // 2), rows - 2))
        self.setpoints: list[np.ndarray] = []
        self.kept: list[bool] = []

    def run_until(self, t_ns: int) -> None:
        while self.bench.t < t_ns:
            self.bench.tick()
            self.setpoints.append(self.bench.core.setpoint_rad.astype(float))

    def chunk(self, committed: np.ndarray) -> np.ndarray:
        """The promise, then a walk no faster than SPEED."""
        step = SPEED * self.dt * 1e-9
        walk = np.cumsum(self.rng.uniform(-step, step, (self.rows - len(committed), J)), axis=0)
        return np.clip(np.vstack([committed, committed[-1] + walk]), -1.9, 1.9)

    def think(self, latency_ns: int) -> None:
        bench, scheduler = self.bench, self.scheduler
        t0 = bench.t
        delay = max(1, scheduler.delay(0))
        rows = self.chunk(bench.core.committed(t0, self.dt, delay))
        self.run_until(t0 + latency_ns)
        status = (
            bench.push(rows, t0=t0, delay=delay) if self.dt == 50_000_000 else self._push(rows, t0, delay)
        )
        # Rows up to delay - 1 are shared by old plan and new: an arrival after that row is spliced where it falls.
        self.kept.append(status is PushStatus.ACCEPTED and latency_ns <= (delay - 1) * self.dt)
        scheduler.record(latency_ns)
        self.run_until(max(bench.t, scheduler.next_start_ns(t0, delay)))

    def _push(self, rows: np.ndarray, t0: int, delay: int) -> str:
        return self.bench.core.push_chunk(rows.astype(np.float32), t0, self.dt, delay, self.bench.t)

    def largest_speed(self) -> float:
        return float(np.abs(np.diff(np.array(self.setpoints), axis=0)).max() / TICK_S)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(10, 50), st.integers(8, 32), st.integers(0, 10**6),
    st.lists(st.integers(0, 80), min_size=3, max_size=12),
)  # fmt: skip
@example(10, 8, 0, [0, 0, 1])  # arrives after the last promised row, before the next
@example(49, 26, 4099, [0, 0, 0])  # three plans within three rows
@example(50, 30, 61395, [0, 0, 0])
@example(39, 8, 0, [35, 35, 35])  # has run out by the first tick that could follow it
def test_no_step_above_the_bound_under_any_delay(
    rate_hz: int, rows: int, seed: int, latencies: list[int]
) -> None:
    """The bound while the promise holds is the chunks' own speed; when it does not, what a blend adds to it."""
    player = Player(rate_hz, rows, seed)
    for ticks in latencies:
        player.think(ticks * TICK)
    player.run_until(player.bench.t + rows * player.dt + 2_000_000_000)
    stats = player.bench.core.stats()
    # A cubic between rows is at most 1.5 times as steep as its secant. Without any latency a plan takes over within
    # its first row, with whatever slope the old one had there: (1.5 + 1.5 * 1/4 + 1.5 * 1/4) times in the middle.
    own = (1.5 if any(latencies) else 2.25) * SPEED
    if all(player.kept) and stats.underflows <= 1:
        assert stats.seam_jump_max_rad < 1e-5
        assert player.largest_speed() <= own + 1e-3  # nothing is added
    else:
        # Old and new plan are at most two chunks of walking apart; that gap fades over BLEND_S.
        gap = 2 * SPEED * rows * player.dt * 1e-9
        assert player.largest_speed() <= 3 * (own + gap / BLEND_S)
        counted = stats.late_chunks + stats.expired_chunks + stats.underflows
        assert counted > 0 or stats.seams.count > 0, "broken, and on record"
    assert stats.mode is Mode.HOLDING
    ran = stats.expired_chunks < len(latencies)
    assert stats.reason is (Reason.UNDERFLOW if ran else Reason.NONE)
    assert np.ptp(np.array(player.setpoints[-100:]), axis=0).max() < 1e-6, "a clean hold at the end"
    assert stats.refused == 0
    assert player.bench.largest_step() <= 4.0 * TICK_S + 1e-5


@settings(max_examples=40, deadline=None)
@given(st.integers(10, 50), st.integers(12, 32), st.integers(0, 10**6), st.integers(0, 80))
def test_a_steady_latency_is_promised_and_kept(rate_hz: int, rows: int, seed: int, ticks: int) -> None:
    player = Player(rate_hz, rows, seed)
    latency = min(ticks * TICK, (rows // 2 - 2) * player.dt) // TICK * TICK
    player.scheduler.record(latency)
    for _ in range(8):
        player.think(latency)
    stats = player.bench.core.stats()
    assert all(player.kept)
    assert (stats.late_chunks, stats.expired_chunks, stats.underflows) == (0, 0, 0)
    assert stats.seam_jump_max_rad < 1e-5
    assert player.largest_speed() <= 1.5 * SPEED + 1e-3
