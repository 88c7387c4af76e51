"""The guard's steps by the numbers; what they do to an arm: tests/bus/test_servo_guard.py. Kills mutants."""

from __future__ import annotations

import ctypes as c
import math

import pytest
from native_guard import (
    ACT,
    BAD,
    DERATED,
    DT,
    HOT,
    LIMITS,
    LOW,
    NAN,
    OK,
    OVERLOADED,
    STALLED,
    STOP,
    WARM,
    WARN,
    Guard,
)

SIDES = pytest.mark.parametrize("side", [-1.0, 1.0])


def rate(lib: c.CDLL, goal: float, load: float, **others: float) -> float:
    """How fast a tick uses up the patience of a joint."""
    guard = Guard(lib, {"stall_time_s": 100.0, **{k: others.pop(k) for k in list(others) if k in LIMITS}})
    guard.one(goal, load, **others)
    return guard.used_s / DT


def test_clearing_forgets_all_but_the_counters(guard):
    one = Guard(guard, {"stall_time_s": 0.1}, dt_s=0.05)
    for _ in range(3):
        one.one(1.0, 1.0, celsius=70.0)
    assert all((one.used_s, one.bits, one.state.ahead[0], one.state.slack_rad[0], one.state.bad_s[0]))
    one.state.back_offs, one.state.stops = 5, 6
    guard.mtr_guard_clear(c.byref(one.state))
    assert (one.used_s, one.bits, one.state.ahead[0], one.state.slack_rad[0], one.state.bad_s[0]) == (0,) * 5
    assert (one.state.back_offs, one.state.stops) == (5, 6)


@pytest.mark.parametrize(
    ("celsius", "limits", "bits"),
    [
        (49.9, {}, 0),
        (50.0, {}, WARM),
        (56.0, {}, WARM),
        (56.1, {}, WARM | DERATED),
        (63.9, {}, WARM | DERATED),
        (64.0, {}, WARM | DERATED | HOT),
        (70.0, {"warn_c": 0.0}, DERATED | HOT),
        (70.0, {"derate_c": 0.0}, WARM | HOT),
        (70.0, {"stop_c": 0.0}, WARM | DERATED),
        (0.5, {"warn_c": 0.5, "derate_c": 0.0, "stop_c": 0.0}, WARM),
        (0.6, {"warn_c": 0.0, "derate_c": 0.5, "stop_c": 0.0}, DERATED),
        (0.5, {"warn_c": 0.0, "derate_c": 0.0, "stop_c": 0.5}, HOT),
        (0.0, {"warn_c": 0.0, "derate_c": 0.0, "stop_c": 0.0}, 0),
    ],
)
def test_heat_is_named_at_its_thresholds(guard, celsius, limits, bits):
    one = Guard(guard, limits)
    one.one(0.0, 0.0, celsius=celsius)
    assert one.bits == bits


@pytest.mark.parametrize(
    ("volts", "limits", "bits"),
    [
        (6.0, {}, 0),
        (5.9, {}, LOW),
        (4.5, {}, LOW),
        (4.4, {}, LOW | BAD),
        (14.0, {}, 0),
        (14.1, {}, BAD),
        (0.0, {}, 0),
        (0.5, {}, LOW | BAD),
        (1.0, {}, LOW | BAD),
        (4.0, {"warn_v": 0.0}, BAD),
        (4.0, {"min_v": 0.0}, LOW),
        (20.0, {"max_v": 0.0}, 0),
        (0.4, {"warn_v": 0.5, "min_v": 0.0}, LOW),
        (0.4, {"warn_v": 0.0, "min_v": 0.5}, BAD),
        (0.6, {"warn_v": 0.0, "min_v": 0.0, "max_v": 0.5}, BAD),
    ],
)
def test_the_supply_is_named_at_its_thresholds(guard, volts, limits, bits):
    one = Guard(guard, limits)
    one.one(0.0, 0.0, volts=volts)
    assert one.bits == bits


@pytest.mark.parametrize(
    ("celsius", "limits", "share"),
    [
        (56.0, {}, 1.0),
        (60.0, {}, 0.65),
        (64.0, {}, 0.3),
        (80.0, {}, 0.3),
        (60.0, {"derate_c": 0.0}, 1.0),
        (60.0, {"stop_c": 0.0}, 1.0),
        (65.0, {"stop_c": 56.0}, 1.0),
        (0.75, {"derate_c": 0.5, "stop_c": 1.0, "warn_c": 0.0}, 0.65),
    ],
)
def test_heat_lowers_what_counts_as_an_overload(guard, celsius, limits, share):
    assert rate(guard, 0.0, 1.0, celsius=celsius, **limits) == pytest.approx(1.0 / (0.75 * share), rel=1e-5)


@SIDES
@pytest.mark.parametrize(
    ("error", "load", "speed", "expected"),
    [
        (0.25, 0.5, 0.0, 1.0),  # at just the thresholds of a stall
        (0.25, 0.5, 0.125, 1.0),
        (0.25, 0.5, 0.13, 0.0),
        (0.25, 0.49, 0.0, 0.0),
        (0.24, 0.5, 0.0, 0.0),
        (0.5, 0.5, 0.0, 2.0),  # as far beyond as it is
        (0.25, 0.625, 0.0, 1.25),
        (0.5, 0.625, 0.0, 2.5),
        (1.0, 0.5, 0.0, 4.0),
        (2.0, 0.5, 0.0, 4.0),  # but no more for its distance
        (0.0, 0.75, 0.0, 1.0),  # an overload, moving or not
        (0.0, 0.75, 9.0, 1.0),
        (1.0, 0.9, 0.0, 1.2),
        (0.0, 0.74, 9.0, 0.0),
    ],
)
def test_patience_is_used_up_by_the_excess(guard, side, error, load, speed, expected):
    for load_side in (-1.0, 1.0):
        found = rate(guard, side * error, load_side * load, speed=side * speed)
        assert found == pytest.approx(expected, rel=1e-5)


def test_heat_lowers_what_counts_as_a_stall(guard):
    assert rate(guard, 0.25, 0.325, celsius=60.0) == pytest.approx(1.0, rel=1e-5)
    assert rate(guard, 0.25, 0.32, celsius=60.0) == 0.0
    assert rate(guard, 0.25, 0.4, celsius=60.0) == pytest.approx(0.4 / 0.325, rel=1e-5)


def test_a_glitch_is_forgotten_as_fast_as_it_was_noticed(guard):
    one = Guard(guard)
    one.one(0.25, 0.5)
    one.one(0.25, 0.5)
    assert one.used_s == 2 * DT
    one.one(0.0, 0.0)
    assert one.used_s == DT
    for _ in range(5):
        one.one(0.0, 0.0)
    assert one.used_s == 0.0, "and never saved up"
    for _ in range(100):  # a glitch now and then never adds up
        one.one(0.25, 0.5)
        one.one(0.0, 0.0)
    assert (one.used_s, one.bits, one.state.back_offs) == (0.0, 0, 0)


def pushed(lib: c.CDLL, error: float, load: float, ticks: int, **others: float) -> Guard:
    """A joint that has pushed at just the threshold for so many ticks of a patience of four."""
    one = Guard(lib, {"stall_time_s": 1.0})
    for _ in range(ticks):
        one.one(error, load, **others)
    return one


@SIDES
def test_it_backs_off_when_its_patience_is_at_an_end_not_before(guard, side):
    one = pushed(guard, side * 0.25, 0.5, 3)
    assert (one.state.ahead[0], one.bits, one.goals, one.state.back_offs) == (0.0, 0, [side * 0.25], 0)
    assert one.one(side * 0.25, 0.5) == ACT
    assert (one.state.ahead[0], one.bits, one.state.back_offs) == (side, STALLED, 1)
    assert one.used_s == 1.0, "no more than there is"
    assert one.state.slack_rad[0] == 0.0, "yields within 0.15 s, less than a tick"
    assert one.goals == [0.0]
    one.one(side * 0.25, 0.5)
    assert (one.state.ahead[0], one.bits, one.state.back_offs) == (side, STALLED, 1), "counted once"


@SIDES
def test_a_goal_yields_with_its_time_constant(guard, side):
    one = Guard(guard, {"stall_time_s": 0.01}, dt_s=0.0375)
    for left in (0.75, 0.75**2, 0.75**3):
        one.one(side * 0.25 + 0.5, 0.5, at=0.5)
        assert one.state.slack_rad[0] == pytest.approx(0.25 * left, rel=1e-5)
        assert one.goals[0] == pytest.approx(0.5 + side * 0.25 * left, rel=1e-5)
    slack = one.state.slack_rad[0]
    one.one(side * 0.25 + 0.5, 0.375, at=0.5)
    assert one.state.slack_rad[0] == slack, "light enough: yields no further, and is not let go yet"
    assert one.state.ahead[0] == side
    one.one(side * 0.9 * slack + 0.5, 0.4, at=0.5)
    assert one.goals[0] == pytest.approx(0.5 + side * 0.75 * slack, rel=1e-5), "not light: yields on"


@SIDES
@pytest.mark.parametrize(("celsius", "hold"), [(30.0, 0.375), (60.0, 0.24375)])
def test_it_is_let_go_when_light_and_the_command_is_back(guard, side, celsius, hold):
    def backed() -> Guard:
        one = Guard(guard, {"stall_time_s": 0.01}, dt_s=0.0375)
        one.one(side * 0.25, 0.5, celsius=celsius)
        assert one.bits & STALLED
        return one

    one = backed()
    slack = float(one.state.slack_rad[0])
    assert one.one(side * slack, hold - 1e-4, celsius=celsius) == ACT
    assert (one.state.ahead[0], one.used_s, one.bits & STALLED) == (0.0, 0.0, STALLED)
    assert one.goals == [side * slack]
    one.one(side * slack, hold - 1e-4, celsius=celsius)
    assert one.bits & STALLED == 0
    one = backed()
    one.one(side * slack, hold + 1e-3, celsius=celsius)
    assert one.state.ahead[0] == side, "pushes still"
    one = backed()
    one.one(side * (slack + 0.01), hold - 1e-4, celsius=celsius)
    assert one.state.ahead[0] == side, "is still told to go there"
    one = backed()
    one.one(-side * 0.5, hold - 1e-4, celsius=celsius)
    assert one.state.ahead[0] == 0.0, "the other way is free"
    assert one.goals == [-side * 0.5]


def test_its_patience_is_whole_again_when_it_is_let_go(guard):
    one = pushed(guard, 0.25, 0.5, 4)
    assert one.used_s == 1.0
    one.one(0.0, 0.0)
    assert (one.state.ahead[0], one.used_s) == (0.0, 0.0)


def test_at_exactly_what_it_may_hold_it_is_light(guard):
    one = Guard(guard, {"stall_time_s": 0.01}, dt_s=0.0375)
    one.one(0.25, 0.5)
    one.one(0.1, 0.375)
    assert one.state.ahead[0] == 0.0


@SIDES
def test_one_that_carries_too_much_bears_what_it_can(guard, side):
    one = pushed(guard, side * 0.1, -side * 0.75, 4)
    assert one.bits == OVERLOADED
    assert one.state.ahead[0] == side
    one.one(0.0, 0.68)
    assert one.state.ahead[0] == side, "more than 90 % of the overload"
    one.one(0.0, 0.67)
    assert one.state.ahead[0] == 0.0


@pytest.mark.parametrize(
    ("error", "speed", "kind"),
    [
        (0.25, 0.125, STALLED),
        (0.25, -0.125, STALLED),
        (0.25, 0.2, OVERLOADED),
        (0.25, -0.2, OVERLOADED),
        (0.2, 0.0, OVERLOADED),
        (-0.25, 0.0, STALLED),
        (-0.2, 0.0, OVERLOADED),
    ],
)
def test_a_stall_stands_still_away_from_its_goal(guard, error, speed, kind):
    one = pushed(guard, error, 0.8, 4, speed=speed)
    assert one.bits == kind


def test_a_joint_at_its_goal_is_backed_off_upwards(guard):
    assert pushed(guard, 0.0, 0.75, 4).state.ahead[0] == 1.0


def test_without_a_time_a_joint_is_not_backed_off(guard):
    for stall_time_s, used in ((0.0, 0.0), (0.5, DT)):
        one = Guard(guard, {"stall_time_s": stall_time_s})
        for _ in range(9):
            one.one(0.25, 0.5)
            one.one(0.25, 0.5)
            assert one.state.exertion_s[0] == min(2 * used, 0.5)
            assert bool(one.bits) is (stall_time_s > 0)
            if stall_time_s:
                break


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_what_is_beyond_measure_passes_as_it_is(guard, sign):
    for error, load in ((math.inf, 1.0), (NAN, 1.0), (10001.0, 1.0), (1.0, NAN), (1.0, 10001.0)):
        one = Guard(guard)
        one.one(sign * error, sign * load)
        assert one.used_s == 0.0
        assert one.goals == [sign * error] or math.isnan(error)
    for error, load in ((1e4, 1.0), (1.0, 1e4)):
        one = Guard(guard)
        one.one(sign * error, sign * load)
        assert one.used_s > 0.0


def test_the_distance_is_measured_from_the_joint(guard):
    one = Guard(guard)
    one.one(0.5, 0.5, at=0.25)
    assert one.used_s == DT
    one = Guard(guard)
    one.one(0.25, 0.5, at=0.25)
    assert one.used_s == 0.0


@pytest.mark.parametrize("trouble", [{"celsius": 64.0}, {"volts": 4.0}, {"volts": 15.0}])
def test_trouble_for_half_a_second_stops_the_arm(guard, trouble):
    one = Guard(guard)
    assert one.one(0.0, 0.0, **trouble) < STOP
    assert one.state.bad_s[0] == DT
    assert one.one(0.0, 0.0, **trouble) == STOP
    assert one.state.stops == 1
    assert one.one(0.0, 0.0, **trouble) == STOP
    assert one.state.stops == 2
    assert one.one(0.0, 0.0) == OK
    assert (one.state.bad_s[0], one.state.stops) == (0.0, 2)


def test_what_does_not_stop_the_arm_is_not_counted_as_trouble(guard):
    one = Guard(guard)
    for _ in range(9):
        assert one.one(0.0, 0.0, celsius=63.0, volts=5.0) == ACT
    assert one.state.bad_s[0] == 0.0


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("trouble", "verdict"),
    [({"volts": 5.0}, WARN), ({"celsius": 52.0}, WARN), ({"celsius": 60.0}, ACT), ({"volts": 4.0}, STOP)],
)
def test_the_worst_joint_is_the_arms_verdict(guard, place, trouble, verdict):
    arm = Guard(guard, {}, {}, {})
    rows = {name: [30.0 if name == "celsius" else 7.4] * 3 for name in ("celsius", "volts")}
    for name, value in trouble.items():
        rows[name][place] = value
    for _ in range(2):
        found = arm.step([0.0] * 3, [0.0] * 3, **rows)
    assert found == verdict
    assert arm.state.stops == (verdict == STOP)


def test_each_joint_has_its_own_patience_and_only_those_there(guard):
    arm = Guard(guard, {"stall_time_s": 1.0}, {"stall_time_s": 2.0}, {"stall_time_s": 1.0})
    arm.config.n_joints = 2
    for _ in range(4):
        found = arm.step([0.25, -0.25, 0.25], [0.5] * 3)
    assert found == ACT
    assert arm.goals == [0.0, -0.25, 0.25]
    assert list(arm.state.exertion_s[:3]) == [1.0, 1.0, 0.0]
    assert list(arm.state.ahead[:3]) == [1.0, 0.0, 0.0]
