"""The gate at its edges: each bound, each joint and each way, to the last digit. Kills mutants: `make mutants`."""

from __future__ import annotations

import ctypes as c
import math
import struct

import native_core as native
import pytest
from native_core import (
    ACCELERATION,
    CLAMPED,
    EFFORT,
    MS,
    NOT_ARMED,
    NOT_FINITE,
    PASS,
    POSITION,
    REFUSED,
    TRIPPED,
    VELOCITY,
    Gate,
    Joint,
)

NAN = math.nan
UNIT = Joint(-10.0, 10.0, velocity=1e4, acceleration=4.0, effort=0.8)
"""With ticks of 0.25 s a step of speed is 1 rad/s and makes 0.25 rad: exact in binary."""


def coarse(lib, *joints: Joint, at: float = 0.0) -> Gate:
    gate = Gate(lib, joints or [UNIT], dt_s=0.25)
    assert gate.arm(*[at] * gate.n)
    return gate


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("lower", -1e4, -10001.0),
        ("upper", 1e4, 10001.0),
        ("velocity", 1e-6, 0.9e-6),
        ("velocity", 1e4, 10000.5),
        ("acceleration", 1e-4, 0.9e-4),
        ("acceleration", 1e7, 10000001.0),
        ("effort", 1e-6, 0.9e-6),
        ("effort", 1.0, 1.0000001),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_every_bound_of_a_joint_is_where_it_is_said_to_be(limits, field, inside, outside, place):
    for value, ok in ((inside, True), (outside, False)):
        pair = [Joint(), Joint()]
        setattr(pair[place], field, value)
        assert Gate(limits, pair).ok() is ok


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("n_joints", 1, 0),
        ("n_joints", 32, 33),
        ("trip_after", 1, 0),
        ("max_state_age_ns", 1, 0),
        ("max_command_age_ns", 1, 0),
        ("dt_s", 1.0, 1.0000002),
        ("dt_s", 1e-5, 0.9e-5),
    ],
)
def test_every_bound_of_the_configuration_is_where_it_is_said_to_be(limits, field, inside, outside):
    gate = Gate(limits, [Joint()] * 32)
    for value, ok in ((inside, True), (outside, False)):
        setattr(gate.config, field, value)
        assert gate.ok() is ok


@pytest.mark.parametrize("bits", [0x7FC00001, 0xFFC00001, 0x7FFFFFFF, 0x7F800000, 0xFF800000])
def test_no_number_is_one_whatever_its_other_bits(limits, bits):
    gate = coarse(limits)
    (value,) = struct.unpack("<f", struct.pack("<I", bits))
    assert gate.apply(value) == REFUSED
    assert gate.causes == NOT_FINITE


def test_only_the_joints_there_are_count(limits):
    gate = Gate(limits, [Joint(), Joint(), Joint(lower=NAN)])
    gate.config.n_joints = 2
    assert gate.ok()
    gate.state.goal_rad[2], gate.state.velocity_rad_s[2] = 7.0, 8.0
    assert gate.arm(0.1, 0.2, NAN)
    assert list(gate.state.goal_rad[:3]) == [pytest.approx(0.1), pytest.approx(0.2), 7.0]
    assert gate.state.velocity_rad_s[2] == 8.0
    assert gate.apply(0.1, 0.2, NAN, measured=[0.1, 0.2, NAN], effort=[0.0, 0.0, NAN]) == PASS
    assert gate.out[:2] == pytest.approx([0.1, 0.2])
    assert math.isnan(gate.out[2]), "nothing is written behind the last joint"
    gate.apply(NAN, 0.2, 0.0, measured=[0.1, 0.2, 0.0])
    assert gate.out[:2] == pytest.approx([0.1, 0.2])
    assert math.isnan(gate.out[2])


def test_all_thirty_two_joints_are_moved(limits):
    gate = Gate(limits, [Joint()] * 32)
    assert gate.arm(*[0.0] * 32)
    assert gate.apply(*[0.001 + 0.00001 * i for i in range(32)]) == PASS
    assert gate.out == pytest.approx([0.001 + 0.00001 * i for i in range(32)])
    gate.apply(*[NAN] * 32)
    assert gate.out == pytest.approx([0.001 + 0.00001 * i for i in range(32)])


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_no_joint_may_start_from_nonsense(limits, bad):
    gate = Gate(limits, [Joint()] * 3)
    measured = [0.1, 0.2, 0.3]
    assert gate.arm(*measured)
    assert not gate.arm(*[NAN if i == bad else value for i, value in enumerate(measured)])
    assert gate.apply(*measured) == REFUSED, "a start that failed leaves it disarmed"
    assert gate.causes == NOT_ARMED


def test_arming_forgets_speed_refusals_and_their_cause(limits):
    gate = coarse(limits)
    gate.apply(5.0)
    gate.apply(5.0)
    assert gate.out[0] == 0.25 + 0.5
    assert gate.apply(NAN) == REFUSED
    assert gate.causes == NOT_FINITE
    gate.state.velocity_rad_s[0] = 3.0
    assert gate.arm(1.0)
    assert (gate.causes, gate.state.refusals_in_a_row) == (0, 0)
    gate.apply(5.0)
    assert gate.out[0] == 1.25, "from rest again"


def test_reset_disarms_and_forgets_refusals(limits):
    gate = coarse(limits)
    gate.apply(NAN)
    gate.reset()
    assert gate.state.refusals_in_a_row == 0
    assert not gate.state.armed
    assert gate.apply(0.0) == REFUSED
    assert gate.causes == NOT_ARMED


def test_exactly_so_many_refusals_trip_after_a_good_tick(limits):
    gate = Gate(limits, [Joint()], trip_after=2)
    assert gate.arm(0.0)
    for _ in range(3):
        assert gate.apply(0.0) == PASS
        assert gate.state.refusals_in_a_row == 0
        assert gate.apply(NAN) == REFUSED
        assert gate.state.refusals_in_a_row == 1
    assert gate.apply(NAN) == TRIPPED
    assert gate.counters["refused"] == 4
    assert gate.counters["trips"] == 1


def test_a_tick_within_all_limits_counts_nothing(limits):
    gate = coarse(limits)
    assert gate.apply(0.25) == PASS
    assert set(gate.counters.values()) == {0}


@pytest.mark.parametrize(
    ("joint", "goal", "effort", "counted"),
    [
        (Joint(-1.0, 0.125, 1e4, 4.0), 0.2, 0.0, {POSITION: "clamped_position"}),
        (Joint(-9.0, 9.0, 0.5, 4.0), 0.25, 0.0, {VELOCITY: "clamped_velocity"}),
        (UNIT, 0.275, 0.0, {ACCELERATION: "clamped_acceleration"}),
        (UNIT, 0.25, 0.9, {EFFORT: "clamped_effort"}),
    ],
)
def test_each_cause_is_counted_by_itself(limits, joint, goal, effort, counted):
    gate = coarse(limits, joint)
    assert gate.apply(goal, effort=[effort]) == CLAMPED
    assert gate.causes == sum(counted)
    assert {name for name, count in gate.counters.items() if count} == {"clamped", *counted.values()}
    assert set(gate.counters.values()) == {0, 1}


@pytest.mark.parametrize("limit", [-1.5, 1.5])
def test_a_goal_at_the_limit_itself_is_inside(limits, limit):
    gate = Gate(limits, [Joint()])
    assert gate.arm(limit)
    assert gate.apply(limit) == PASS
    assert (gate.causes, gate.out) == (0, [limit])


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize(
    ("distance", "speed"),
    [
        (0.5, 0.5),
        (0.95, 0.95),
        (1.0, 1.0),
        (1.5, 1.25),
        (2.9, 1.95),
        (3.0, 2.0),
        (4.5, 2.5),
        (6.0, 3.0),
        (9.4, 3.85),
        (27.5, 6.92857),
    ],
)
def test_speed_from_which_it_still_stops_at_the_goal(limits, sign, distance, speed):
    """In steps of acceleration: n whole ones and a last one cover the distance (see approach_speed)."""
    gate = coarse(limits)
    gate.state.velocity_rad_s[0] = sign * speed
    gate.apply(sign * distance * 0.25)
    assert gate.out[0] == pytest.approx(sign * speed * 0.25, rel=1e-5)
    assert gate.state.velocity_rad_s[0] == pytest.approx(sign * speed, rel=1e-5)
    assert gate.causes == 0


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_velocity_limit_itself_is_no_clamp(limits, sign):
    gate = coarse(limits, Joint(-9.0, 9.0, 1.0, 4.0))
    assert gate.apply(sign * 0.25) == PASS
    assert gate.out == [sign * 0.25]
    gate = coarse(limits, Joint(-9.0, 9.0, 1.0, 400.0))
    assert gate.apply(sign * 0.26) == CLAMPED
    assert gate.causes == VELOCITY
    assert gate.out == [sign * 0.25]


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_one_step_of_acceleration_is_the_most(limits, sign):
    gate = Gate(limits, [Joint(-9.0, 9.0, 1e4, acceleration=0.4)], dt_s=0.25)
    assert gate.arm(0.0)
    assert gate.apply(sign * 1.1 * 0.025) == CLAMPED
    assert gate.causes == ACCELERATION
    assert gate.out[0] == pytest.approx(sign * 0.025, rel=1e-6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("most", [1e4, 1.0016])
def test_what_is_missed_by_rounding_alone_is_reached(limits, sign, most):
    """Within a thousandth of a step: the goal itself, be it exactly as far as the speed limit reaches."""
    gate = coarse(limits, Joint(-10.0, 10.0, most, 4.0))
    near, far = (c.c_float(sign * 0.25 * distance).value for distance in (1.0016, 1.0024))
    assert gate.apply(near) == PASS
    assert gate.out == [near]
    gate = coarse(limits, Joint(-10.0, 10.0, 1e4, 4.0))
    gate.apply(far)
    assert gate.out[0] == pytest.approx(sign * 0.25, rel=1e-4)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_effort_at_the_limit_itself_is_allowed(limits, sign):
    gate = coarse(limits)
    most = c.c_float(0.8).value
    assert gate.apply(sign * 0.25, effort=[sign * most]) == PASS
    gate = coarse(limits)
    assert gate.apply(sign * 0.25, effort=[sign * math.nextafter(most, 1.0) * 1.000001]) == CLAMPED


@pytest.mark.parametrize("up", [-1.0, 1.0])
@pytest.mark.parametrize(
    ("load", "ahead", "wish", "reached"),
    [
        (0.9, 0.0, 0.25, 0.0),  # where the joint is: no further along the load,
        (-0.9, 0.0, 0.25, 0.25),  # but back against it
        (0.9, -0.125, 0.25, 0.125),  # the goal behind the joint may come as far as the joint is,
        (-0.9, -0.125, 0.25, 0.25),  # and further where the load drives the other way
        (0.9, 0.125, 0.25, 0.0),  # the goal before it stays,
        (-0.9, 0.125, 0.25, 0.0),  # also where the sign of the load is reported backwards,
        (0.9, 0.125, -0.25, -0.25),  # and may fall back past the joint,
        (-0.9, 0.125, -0.25, -0.125),  # but no further than the joint where the load drives there
        (0.9, -0.125, -0.25, 0.0),
        (-0.9, -0.125, -0.25, 0.0),
    ],
)
def test_overload_in_every_arrangement(limits, up, load, ahead, wish, reached):
    """`ahead`: by how much the goal is ahead of the joint. The goal stands at 0."""
    gate = coarse(limits)
    verdict = gate.apply(up * wish, measured=[-up * ahead], effort=[up * load])
    assert gate.out == [up * reached]
    assert verdict == (PASS if reached == wish else CLAMPED)
    assert abs(gate.state.velocity_rad_s[0]) == (1.0 if reached == wish else 0.0)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_speed_that_no_tick_can_make_still_ends_at_the_limit(limits, sign):
    gate = Gate(limits, [Joint()])
    assert gate.arm(sign * 1.45)
    gate.state.velocity_rad_s[0] = sign * 50.0
    gate.apply(sign * 1.5)
    assert gate.out == [sign * 1.5]


def test_a_refusal_holds_every_joint_and_stops_it(limits):
    gate = coarse(limits, UNIT, UNIT)
    gate.apply(5.0, -5.0)
    gate.apply(NAN, 0.0)
    assert gate.out == [0.25, -0.25]
    assert list(gate.state.velocity_rad_s[:2]) == [0.0, 0.0]


@pytest.mark.parametrize("measured", [-9.0, 0.25, 9.0])
def test_before_the_first_start_it_stays_where_the_joint_is_inside_the_limits(limits, measured):
    gate = Gate(limits, [Joint()])
    gate.state.goal_rad[0] = 0.7
    assert gate.apply(0.0, measured=[measured]) == REFUSED
    assert gate.out == [max(-1.5, min(1.5, measured))]


@pytest.mark.parametrize("age", [99, 100, 101])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_reading_is_as_old_as_it_may_be(limits, age, sign):
    gate = Gate(limits, [Joint()])
    assert gate.arm(0.0)
    now = 10**15
    assert gate.apply(0.0, times=(now, now - sign * age * MS, now)) == (PASS if age <= 100 else REFUSED)
    assert gate.apply(0.0, times=(now, now, now - sign * 5 * age * MS)) == (PASS if age <= 100 else REFUSED)


def test_the_structures_here_are_those_of_the_header(limits):
    """A wrong layout would test something else."""
    gate = Gate(limits, [Joint()] * native.MAX_JOINTS)
    gate.config.joint[31].effort = 2.0
    assert not gate.ok()
