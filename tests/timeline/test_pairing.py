"""The one rule of pairing: time of an observation, joints at it, and the setpoints that are learned from it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium.errors import MotoriumError
from motorium.timeline.pairing import Setpoints, label_rows, observation_time_ns, pair

NOW = 10**12
AGES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2 * 10**9), max_size=4)


@settings(max_examples=100, deadline=None)
@given(ages=AGES, allowed=st.floats(0.01, 3.0))
def test_every_camera_that_has_not_stopped_has_seen_the_moment(ages, allowed):
    captured = {role: NOW - age for role, age in ages.items()}
    t_ns = observation_time_ns(captured, NOW, dict.fromkeys("abc", allowed))  # "d" may be of any age
    alive = [t for role, t in captured.items() if role == "d" or (NOW - t) / 1e9 <= allowed]
    assert all(t_ns <= t for t in alive)
    assert t_ns in (alive or [NOW])  # and no newer moment would do
    assert observation_time_ns(captured, NOW, after_ns=t_ns) >= t_ns


@settings(max_examples=50, deadline=None)
@given(ages=AGES, late=st.integers(0, 10**8))
def test_joints_are_of_the_moment_and_skews_of_their_own_measurement(ages, late):
    captured = {role: NOW - age for role, age in ages.items()}
    paired = pair(captured, lambda t: SimpleNamespace(t_ns=t - late, position_rad=t), NOW)
    assert paired is not None
    assert paired.t_ns == min([NOW, *captured.values()])
    assert paired.joints.position_rad == paired.t_ns
    assert paired.skew_ns["state"] == -late
    assert {role: paired.t_ns + paired.skew_ns[role] for role in captured} == captured


def test_a_frame_from_the_future_is_of_now_and_without_joints_nothing_is_paired():
    assert observation_time_ns({"front": NOW + 5}, NOW) == NOW
    assert pair({"front": NOW}, lambda _t: None, NOW) is None


def test_a_camera_that_comes_back_takes_no_observation_back():
    """Stopped for longer than it may be, it holds nobody up; its first late frame is older than what was seen since."""
    allowed = {"front": 0.5, "wrist": 0.5}
    while_gone = observation_time_ns({"front": NOW - 10, "wrist": NOW - 600_000_000}, NOW, allowed)
    assert while_gone == NOW - 10
    back = {"front": NOW + 100, "wrist": NOW - 400_000_000}
    assert observation_time_ns(back, NOW + 200, allowed, after_ns=while_gone) == while_gone


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(1, 9_000_000), min_size=2, max_size=40),
    t0=st.integers(0, 10**8),
    dt=st.integers(1, 10**8),
    rows=st.integers(1, 6),
)
def test_row_i_is_the_setpoint_at_t0_and_i_periods(steps, t0, dt, rows):
    times = np.cumsum(steps)
    values = np.stack([times * 1e-3, np.cos(times * 1e-7)], axis=1)
    got = label_rows(t0, dt, rows, Setpoints(times, values).at)
    if t0 + (rows - 1) * dt > times[-1]:
        assert got is None  # its last row lies in the future
        return
    at = t0 + dt * np.arange(rows)
    wanted = np.stack([np.interp(at, times, column) for column in values.T], axis=1)
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


def test_of_setpoints_logged_at_one_time_the_last_counts_and_what_is_no_log_is_refused():
    log = Setpoints([0, 10, 10, 20], [[0.0], [1.0], [5.0], [6.0]])
    assert [float(log.at(t)[0]) for t in (-3, 0, 10, 15, 20)] == [0.0, 0.0, 5.0, 5.5, 6.0]
    assert log.at(21) is None
    with pytest.raises(MotoriumError, match="go back"):
        Setpoints([0, 5, 3], np.zeros((3, 1)))
    with pytest.raises(MotoriumError, match="need"):
        Setpoints([], np.zeros((0, 1)))


def test_setpoints_of_many_times_are_those_of_each():
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 300, 60))  # some twice
    log = Setpoints(times, rng.standard_normal((60, 2)).astype(np.float32))
    wanted = np.arange(times[0] - 5, times[-1] + 1).reshape(-1, 1)
    found = log.at_times(wanted)
    assert found.shape == (len(wanted), 1, 2)
    np.testing.assert_array_equal(found[:, 0], np.stack([log.at(int(t)) for t in wanted[:, 0]]))
    np.testing.assert_array_equal(log.at_times(times[-1] + 9), log.at(int(times[-1])))
