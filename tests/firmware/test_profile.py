"""Profiles by the numbers of their definition; properties: test_profile_property.py. Kills mutants: `make mutants`."""

from __future__ import annotations

import ctypes as c
import math
import random

import pytest
from native_core import Motion, Profile, ProfileLimits

NAN = math.nan
SIDES = pytest.mark.parametrize("side", [-1.0, 1.0])


def plan(lib: c.CDLL, limits: ProfileLimits, start: tuple[float, float, float], target: float) -> Profile:
    profile = Profile()
    for phase in profile.phase:  # what lay there before is of no account
        phase.duration_s, phase.jerk = 5.0, 7.0
    assert lib.mtr_profile_plan(c.byref(limits), Motion(*start), target, c.byref(profile))
    return profile


def phases(profile: Profile) -> list[tuple[float, float]]:
    return [(profile.phase[i].duration_s, profile.phase[i].jerk) for i in range(profile.count)]


def at(lib: c.CDLL, profile: Profile, t_s: float) -> tuple[float, float, float]:
    motion = lib.mtr_profile_at(c.byref(profile), t_s)
    return motion.position, motion.velocity, motion.acceleration


def ends_continuously(lib: c.CDLL, profile: Profile) -> None:
    """The last phases lead to rest at the target by themselves."""
    just_before = at(lib, profile, math.nextafter(profile.duration_s, 0.0))
    assert just_before == pytest.approx((profile.target, 0.0, 0.0), abs=1e-6)


def same(found: list[tuple[float, float]], expected: list[tuple[float, float]], side: float) -> None:
    assert found == [pytest.approx((t, side * j), rel=1e-9, abs=1e-12) for t, j in expected]


@SIDES
@pytest.mark.parametrize(
    ("bounds", "way", "expected"),
    [  # velocity, acceleration, jerk; jerk ramp, flat part, cruise
        ((10.0, 10.0, 6.0), 12.0, (1.0, 0.0, 0.0)),  # only jerk counts: d = 2 j t^3
        ((4.0, 10.0, 4.0), 8.0, (1.0, 0.0, 0.0)),  # just reaches its speed
        ((4.0, 10.0, 4.0), 20.0, (1.0, 0.0, 3.0)),
        ((100.0, 2.0, 2.0), 12.0, (1.0, 1.0, 0.0)),  # d = a (t + f)(2t + f)
        ((4.0, 2.0, 2.0), 12.0, (1.0, 1.0, 0.0)),
        ((4.0, 2.0, 2.0), 24.0, (1.0, 1.0, 3.0)),
        ((2.0, 2.0, 2.0), 4.0, (1.0, 0.0, 0.0)),  # all three bounds at once
        ((2.0, 2.0, 2.0), 6.0, (1.0, 0.0, 1.0)),
        ((1e6, 2.0, 2.0), 4.0, (1.0, 0.0, 0.0)),
        ((100.0, 2.0, 4.0), 6.0, (0.5, 1.0, 0.0)),
        ((0.5, 100.0, 2.0), 1.0, (0.5, 0.0, 1.0)),
        ((0.5, 100.0, 2.0), 0.5, (0.5, 0.0, 0.0)),
    ],
)
def test_from_rest_to_rest_as_the_book_says(profile, side, bounds, way, expected):
    ramp, flat, cruise = expected
    jerk = bounds[2]
    travel = plan(profile, ProfileLimits(*bounds), (3.0, 0.0, 0.0), 3.0 + side * way)
    rows = [(ramp, jerk), (flat, 0), (ramp, -jerk), (cruise, 0), (ramp, -jerk), (flat, 0), (ramp, jerk)]
    same([row for row in phases(travel) if row[0] > 1e-9], [row for row in rows if row[0] > 0], side)
    assert travel.duration_s == pytest.approx(4 * ramp + 2 * flat + cruise)
    ends_continuously(profile, travel)


@SIDES
@pytest.mark.parametrize(
    ("bounds", "start", "expected"),
    [  # velocity and acceleration at the start; phases of the stop
        ((9.0, 100.0, 4.0), (1.0, 0.0), [(0.5, -4.0), (0.5, 4.0)]),  # peak sqrt(j v) = 2
        ((9.0, 100.0, 2.0), (0.5, 0.0), [(0.5, -2.0), (0.5, 2.0)]),
        ((9.0, 2.0, 4.0), (1.0, 0.0), [(0.5, -4.0), (0.5, 4.0)]),  # which is just allowed
        ((9.0, 1.0, 4.0), (1.0, 0.0), [(0.25, -4.0), (0.75, 0.0), (0.25, 4.0)]),
        ((9.0, 100.0, 2.0), (3.0, 2.0), [((2 + math.sqrt(8)) / 2, -2.0), (math.sqrt(8) / 2, 2.0)]),
        ((9.0, 2.0, 2.0), (3.0, 2.0), [(2.0, -2.0), (1.0, 0.0), (1.0, 2.0)]),
        ((9.0, 100.0, 2.0), (0.0, 2.0), [((2 + math.sqrt(2)) / 2, -2.0), (math.sqrt(2) / 2, 2.0)]),
        ((9.0, 100.0, 2.0), (1.0, -2.0), [(1.0, 2.0)]),  # already on its way to rest
        ((9.0, 100.0, 2.0), (2.0, -2.0), [((math.sqrt(6) - 2) / 2, -2.0), (math.sqrt(6) / 2, 2.0)]),
        ((9.0, 1.0, 2.0), (4.0, -3.0), [(1.0, 2.0), (1.75, 0.0), (0.5, 2.0)]),  # brakes harder than it may
    ],
)
def test_a_stop_takes_the_phases_of_its_definition(profile, side, bounds, start, expected):
    limits = ProfileLimits(*bounds)
    motion = (5.0, side * start[0], side * start[1])
    way = profile.mtr_profile_stopping_distance(c.byref(limits), Motion(*motion))
    x, v, a = motion
    for t, j in expected:
        jerk = side * j
        x, v, a = x + v * t + a * t**2 / 2 + jerk * t**3 / 6, v + a * t + jerk * t**2 / 2, a + jerk * t
    assert way == pytest.approx(x - 5.0)
    assert (v, a) == pytest.approx((0.0, 0.0), abs=1e-9)
    stop = plan(profile, limits, (5.0, *motion[1:]), 5.0 + way)
    same([row for row in phases(stop) if row[0] > 1e-4], expected, side)


@SIDES
@pytest.mark.parametrize("braking", [4.0, 2.2])
def test_a_braking_start_that_would_turn_back_is_braked_the_other_way(profile, side, braking):
    """With v = 1 and a = -4 at jerk 2 a speed of 1 - 4 would be left: the stop is one of the other direction."""
    stop = plan(profile, ProfileLimits(9.0, 100.0, 2.0), (0.0, side * 1.0, side * -braking), 0.0)
    peak = math.sqrt(2.0 * -1.0 + braking**2 / 2)
    same(phases(stop)[:2], [((braking + peak) / 2, 2.0), (peak / 2, -2.0)], side)
    ends_continuously(profile, stop)


@SIDES
def test_from_motion_it_first_stops_and_then_travels(profile, side):
    travel = plan(profile, ProfileLimits(4.0, 10.0, 4.0), (0.0, side * 1.0, 0.0), side * (0.5 + 8.0))
    same(phases(travel), [(0.5, -4), (0.5, 4), (1, 4), (1, -4), (1, -4), (1, 4)], side)
    for t, expected in (
        (0.0, (0.0, 1.0, 0.0)),
        (0.5, (0.5 - 4 / 48, 0.5, -2.0)),
        (1.0, (0.5, 0.0, 0.0)),
        (2.0, (0.5 + 4 / 6, 2.0, 4.0)),
        (3.0, (4.5, 4.0, 0.0)),
        (4.0, (8.5 - 4 / 6, 2.0, -4.0)),
        (4.5, (8.5 - 4 / 48, 0.5, -2.0)),
        (5.0, (8.5, 0.0, 0.0)),
    ):
        assert at(profile, travel, t) == pytest.approx([side * value for value in expected], abs=1e-12)


def test_the_last_phase_ends_at_the_target_however_times_are_rounded(profile):
    rng = random.Random(8)
    for _ in range(200):
        limits = ProfileLimits(rng.uniform(0.1, 9.0), rng.uniform(0.5, 90.0), rng.uniform(5.0, 900.0))
        start = rng.uniform(-3, 3), limits.velocity * rng.uniform(-0.5, 0.5), 0.0
        ends_continuously(profile, plan(profile, limits, start, rng.uniform(-3, 3)))


def test_before_its_start_and_after_its_end(profile):
    travel = plan(profile, ProfileLimits(4.0, 10.0, 4.0), (1.0, 0.5, 0.25), 9.0)
    for t in (0.0, -0.5, -1.0, NAN):
        assert at(profile, travel, t) == (1.0, 0.5, 0.25)
    assert at(profile, travel, 1e-3)[0] == pytest.approx(1.0 + 0.5e-3 + 0.125e-6, abs=1e-8)
    for t in (travel.duration_s, travel.duration_s + 1.0, math.inf):
        assert at(profile, travel, t) == (9.0, 0.0, 0.0)


def test_at_its_target_already_it_takes_no_time(profile):
    travel = plan(profile, ProfileLimits(4.0, 10.0, 4.0), (2.0, 0.0, 0.0), 2.0)
    assert (travel.count, travel.duration_s, at(profile, travel, 0.5)) == (0, 0.0, (2.0, 0.0, 0.0))


@pytest.mark.parametrize("name", ["velocity", "acceleration", "jerk"])
@pytest.mark.parametrize(
    ("value", "ok"),
    [(1e-9, True), (0.9e-9, False), (1e12, True), (1.1e12, False), (1e12 + 0.5, False), (-1.0, False), (NAN, False)],
)  # fmt: skip
def test_bounds_are_positive_and_finite(profile, name, value, ok):
    limits = ProfileLimits(1.0, 1.0, 1.0)
    setattr(limits, name, value)
    assert profile.mtr_profile_limits_ok(c.byref(limits)) is ok
    made = Profile()
    assert profile.mtr_profile_plan(c.byref(limits), Motion(0, 0, 0), 0.0, c.byref(made)) is ok
    if not ok:
        assert profile.mtr_profile_stopping_distance(c.byref(limits), Motion(0, 1.0, 0)) == 0.0


@SIDES
@pytest.mark.parametrize(
    ("value", "ok"), [(1e12, True), (1e12 + 0.5, False), (math.inf, False), (NAN, False)]
)
def test_a_motion_is_made_of_usual_numbers(profile, side, value, ok):
    limits, made = ProfileLimits(1e12, 1e12, 1e12), Profile()
    wish = side * value
    assert profile.mtr_profile_plan(c.byref(limits), Motion(0, 0, 0), wish, c.byref(made)) is ok
    for start in (Motion(wish, 0, 0), Motion(0, wish, 0), Motion(0, 0, wish)):
        made = Profile(duration_s=7.0, count=3)
        assert profile.mtr_profile_plan(c.byref(limits), start, 1.0, c.byref(made)) is ok
        if not ok:
            assert (made.target, made.duration_s, made.count) == (1.0, 0.0, 0)
            assert (made.start.position, made.start.velocity, made.start.acceleration) == (1.0, 0.0, 0.0)
            assert profile.mtr_profile_stopping_distance(c.byref(limits), start) == 0.0
