"""From any motion to rest at any target: bounded jerk, acceleration and velocity, continuous, and it arrives."""

from __future__ import annotations

import ctypes as c
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from native_core import Motion, Profile, ProfileLimits

POSITION = st.floats(-6.0, 6.0)
BOUNDS = st.tuples(st.floats(0.1, 20.0), st.floats(1.0, 500.0), st.floats(10.0, 20_000.0))
SHARE = st.floats(-1.0, 1.0)


@pytest.fixture(scope="module")
def lib(profile: c.CDLL) -> c.CDLL:
    return profile


def plan(lib: c.CDLL, limits: ProfileLimits, start: Motion, target: float) -> Profile:
    profile = Profile()
    assert lib.mtr_profile_plan(c.byref(limits), start, target, c.byref(profile))
    return profile


def sampled(lib: c.CDLL, profile: Profile, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Times over the whole profile and a little beyond; (count, 3) position, velocity, acceleration."""
    times = np.linspace(0.0, 1.02 * profile.duration_s + 1e-6, count)
    motions = [lib.mtr_profile_at(c.byref(profile), t) for t in times]
    return times, np.array([(m.position, m.velocity, m.acceleration) for m in motions])


@settings(max_examples=200, deadline=None)
@given(BOUNDS, POSITION, POSITION, SHARE, SHARE)
def test_bounds_hold_from_any_motion_within_them(lib, bounds, start, target, v_share, a_share):
    limits = ProfileLimits(*bounds)
    v_max, a_max, j_max = bounds
    a = a_share * min(a_max, math.sqrt(2 * j_max * v_max))
    # The velocity that the acceleration of the start still brings stays within the bound too.
    v = v_share * max(0.0, v_max - a * a / (2 * j_max))
    profile = plan(lib, limits, Motion(start, v, a), target)
    times, path = sampled(lib, profile)
    assert np.abs(path[:, 1]).max() <= v_max * (1 + 1e-6) + 1e-6
    assert np.abs(path[:, 2]).max() <= a_max * (1 + 1e-6) + 1e-6
    assert all(abs(profile.phase[i].jerk) <= j_max for i in range(profile.count))
    dt = np.diff(times)
    jerk = np.abs(np.diff(path[:, 2])) / dt
    assert jerk.max() <= j_max * (1 + 1e-6) + 1e-6 * a_max / dt.min()
    # Nothing steps: positions are the integral of velocities that are the integral of bounded accelerations.
    assert (np.abs(np.diff(path[:, 0])) <= v_max * dt * 1.001 + 1e-9).all()
    assert (np.abs(np.diff(path[:, 1])) <= a_max * dt * 1.001 + 1e-7).all()
    assert tuple(path[-1]) == (target, 0.0, 0.0)
    stop = start + lib.mtr_profile_stopping_distance(c.byref(limits), Motion(start, v, a))
    low, high = min(start, target, stop), max(start, target, stop)
    backlash = a * a * abs(a) / (3 * j_max**2) + abs(v) * abs(a) / j_max + v * v * j_max / a_max**2 * 1e-9
    assert path[:, 0].min() >= low - backlash - 1e-6
    assert path[:, 0].max() <= high + backlash + 1e-6


@settings(max_examples=200, deadline=None)
@given(BOUNDS, POSITION, POSITION)
def test_from_rest_it_goes_straight_there(lib, bounds, start, target):
    profile = plan(lib, ProfileLimits(*bounds), Motion(start, 0.0, 0.0), target)
    _, path = sampled(lib, profile)
    direction = math.copysign(1.0, target - start)
    assert (direction * np.diff(path[:, 0]) >= -1e-9).all()
    v_max, a_max, j_max = bounds
    way = abs(target - start)
    slowest = way / v_max + v_max / a_max + a_max / j_max
    slowest += 2 * math.sqrt(way / a_max) + 4 * (way / j_max) ** (1 / 3) + 2 * math.sqrt(v_max / j_max)
    assert profile.duration_s <= slowest


@settings(max_examples=200, deadline=None)
@given(BOUNDS, st.floats(-100, 100), st.floats(-2000, 2000))
def test_a_start_beyond_the_bounds_comes_to_rest_with_bounded_jerk(lib, bounds, v, a):
    limits = ProfileLimits(*bounds)
    profile = plan(lib, limits, Motion(0.0, v, a), 0.0)
    assume(profile.duration_s < 1000)  # rounding grows with the square of the time
    _, path = sampled(lib, profile)
    assert np.abs(path[:, 2]).max() <= max(abs(a), bounds[1]) * (1 + 1e-6)
    assert tuple(path[-1]) == (0.0, 0.0, 0.0)
    ends = lib.mtr_profile_at(c.byref(profile), profile.duration_s * (1 - 1e-12))
    scale = max(1.0, np.abs(path[:, 0]).max())
    assert abs(ends.position) <= 1e-5 * scale
    assert abs(ends.velocity) <= 1e-5 * max(1.0, abs(v), a * a / bounds[2])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_and_stays_put(lib, bad):
    profile, limits = Profile(), ProfileLimits(1.0, 1.0, 1.0)
    for start, target in ((Motion(bad, 0, 0), 1.0), (Motion(0, bad, 0), 1.0), (Motion(0, 0, bad), 1.0)):
        assert not lib.mtr_profile_plan(c.byref(limits), start, target, c.byref(profile))
        assert lib.mtr_profile_at(c.byref(profile), 0.5).position == target
    assert not lib.mtr_profile_plan(c.byref(limits), Motion(0, 0, 0), bad, c.byref(profile))
    for name in ("velocity", "acceleration", "jerk"):
        broken = ProfileLimits(1.0, 1.0, 1.0)
        setattr(broken, name, bad)
        assert not lib.mtr_profile_limits_ok(c.byref(broken))
        setattr(broken, name, 0.0)
        assert not lib.mtr_profile_limits_ok(c.byref(broken))
