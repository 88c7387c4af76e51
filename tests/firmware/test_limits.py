"""The safety gate, limit by limit, on the compiled C."""

from __future__ import annotations

import itertools
import math

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
    STALE_COMMAND,
    STALE_STATE,
    TRIPPED,
    VELOCITY,
    Gate,
    Joint,
)

NAN, INF = math.nan, math.inf
I64_MIN, I64_MAX = -(2**63), 2**63 - 1


def armed(lib, *joints: Joint, at: float = 0.0, **options) -> Gate:
    gate = Gate(lib, joints or [Joint()], **options)
    assert gate.arm(*[at] * gate.n)
    return gate


def drive(gate: Gate, goal: float, ticks: int) -> list[float]:
    """Outputs of joint 0 while `goal` stands still."""
    path = []
    for _ in range(ticks):
        gate.apply(*[goal] * gate.n)
        path.append(gate.out[0])
    return path


def test_a_small_step_passes_unchanged(limits):
    gate = armed(limits)
    assert gate.apply(0.001) == PASS
    assert gate.out == pytest.approx([0.001])
    assert gate.causes == 0


def test_goal_beyond_a_limit_stops_at_it(limits):
    for limit, goal in ((1.5, 9.0), (-1.5, -9.0)):
        gate = armed(limits)
        path = drive(gate, goal, 400)
        assert path[-1] == limit
        assert max(map(abs, path)) == 1.5
        assert gate.apply(goal) == CLAMPED
        assert gate.causes == POSITION
    assert gate.counters["clamped_position"] == 401


def test_velocity_limit_holds_per_tick(limits):
    gate = armed(limits, Joint(velocity=2.0, acceleration=1e6))
    assert gate.apply(1.0) == CLAMPED
    assert gate.causes == VELOCITY
    assert gate.out[0] == pytest.approx(2.0 * 0.005)
    path = [0.0, gate.out[0], *drive(gate, 1.0, 120)]
    steps = [b - a for a, b in itertools.pairwise(path)]
    assert max(steps) == pytest.approx(0.01, rel=1e-4)
    assert path[-1] == 1.0
    assert 98 <= path.index(1.0) <= 101  # as fast as the limit allows


def test_acceleration_limit_holds_and_never_overshoots(limits):
    gate = armed(limits)
    path = [0.0, 0.0, *drive(gate, 1.0, 200)]
    speeds = [(b - a) / 0.005 for a, b in itertools.pairwise(path)]
    jumps = [abs(b - a) / 0.005 for a, b in itertools.pairwise(speeds)]
    assert max(jumps) <= 80.0 * 1.02
    assert max(path) == path[-1] == 1.0
    assert all(b >= a for a, b in itertools.pairwise(path))
    ideal_ticks = (1.0 / 3.0 + 3.0 / 80.0) / 0.005  # trapezoid
    assert path.index(1.0) <= ideal_ticks + 8


def test_first_tick_of_a_step_names_acceleration(limits):
    gate = armed(limits)
    assert gate.apply(0.5) == CLAMPED
    assert gate.causes == VELOCITY | ACCELERATION
    assert gate.out[0] == pytest.approx(80.0 * 0.005**2)


def test_braking_alone_is_not_called_a_clamp(limits):
    gate = armed(limits)
    verdicts = [gate.apply(0.3) for _ in range(80)]
    assert verdicts[0] == CLAMPED
    assert verdicts[-1] == PASS
    first_pass = verdicts.index(PASS)
    assert set(verdicts[first_pass:]) == {PASS}
    assert verdicts.count(CLAMPED) >= 0.3 / 3.0 / 0.005  # the way there takes at least that long


def test_reversal_brakes_before_turning(limits):
    gate = armed(limits)
    drive(gate, 1.4, 60)
    before = gate.out[0]
    path = [before, *drive(gate, -1.4, 400)]
    speeds = [(b - a) / 0.005 for a, b in itertools.pairwise(path)]
    assert speeds[0] == pytest.approx(3.0 - 0.4, abs=0.02)
    assert max(abs(b - a) for a, b in itertools.pairwise(speeds)) <= 0.4 * 1.02
    assert max(path) - before <= 3.0**2 / (2 * 80.0) + 0.001
    assert path[-1] == pytest.approx(-1.4, abs=1e-6)


def test_follows_a_moving_goal_at_the_braking_distance(limits):
    gate = armed(limits)
    lag = 0.0
    for tick in range(1, 150):
        verdict = gate.apply(1.0 * tick * 0.005)
        lag = tick * 0.005 - gate.out[0]
    assert verdict == PASS
    assert 0.0 < lag <= 1.0**2 / (2 * 80.0) + 1.0 * 0.005


@pytest.mark.parametrize(("load", "stuck"), [(0.9, 1), (-0.9, -1)])
def test_overload_forbids_pulling_further_but_not_relaxing(limits, load, stuck):
    gate = armed(limits, at=0.0)
    drive(gate, 0.5 * stuck, 100)
    assert gate.out[0] == pytest.approx(0.5 * stuck)
    measured = [0.3 * stuck]  # blocked on its way
    assert gate.apply(0.8 * stuck, measured=measured, effort=[load]) == CLAMPED
    assert gate.causes & EFFORT
    assert gate.out[0] == pytest.approx(0.5 * stuck)
    gate.apply(0.0, measured=measured, effort=[load])
    assert abs(gate.out[0]) < 0.5  # relaxes
    assert gate.counters["clamped_effort"] == 1


def test_overload_with_its_sign_reported_backwards_is_held_too(limits):
    gate = armed(limits, at=0.5)
    gate.apply(0.8, measured=[0.3], effort=[-0.9])
    assert gate.out[0] == pytest.approx(0.5)


def test_overload_lets_the_goal_come_back_to_where_the_joint_is(limits):
    gate = armed(limits, at=0.2)
    for _ in range(60):
        gate.apply(0.8, measured=[0.4], effort=[0.9])
    assert gate.out[0] == pytest.approx(0.4)


def test_effort_at_the_limit_is_allowed(limits):
    gate = armed(limits)
    assert gate.apply(0.001, effort=[0.75]) == PASS


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("where", ["goal", "measured", "effort"])
def test_non_finite_input_is_refused_and_the_goal_held(limits, bad, where):
    gate = armed(limits, Joint(), Joint(), at=0.25)
    values = {"goal": [0.3, 0.3], "measured": [0.25, 0.25], "effort": [0.0, 0.0]}
    values[where][1] = bad
    verdict = gate.apply(*values["goal"], measured=values["measured"], effort=values["effort"])
    assert verdict == REFUSED
    assert gate.causes == NOT_FINITE
    assert gate.out == [0.25, 0.25]
    assert gate.apply(0.251, 0.251) == PASS


@pytest.mark.parametrize(
    ("times", "cause"),
    [
        ((1000 * MS, 899 * MS, 1000 * MS), STALE_STATE),
        ((1000 * MS, 1101 * MS, 1000 * MS), STALE_STATE),
        ((1000 * MS, 1000 * MS, 499 * MS), STALE_COMMAND),
        ((1000 * MS, 1000 * MS, 1501 * MS), STALE_COMMAND),
        ((I64_MAX, I64_MIN, I64_MIN), STALE_STATE | STALE_COMMAND),
        ((I64_MIN, I64_MAX, I64_MAX), STALE_STATE | STALE_COMMAND),
    ],
)
def test_stale_or_impossible_times_are_refused(limits, times, cause):
    gate = armed(limits)
    assert gate.apply(0.001, times=times) == REFUSED
    assert gate.causes == cause
    assert gate.out == [0.0]


@pytest.mark.parametrize("times", [(1000 * MS, 900 * MS, 500 * MS), (1000 * MS, 1100 * MS, 1500 * MS)])
def test_times_at_the_edge_are_fresh(limits, times):
    assert armed(limits).apply(0.001, times=times) == PASS


def test_not_armed_is_refused_at_the_measured_position_and_never_trips(limits):
    gate = Gate(limits, [Joint(), Joint(), Joint()])
    for _ in range(50):
        assert gate.apply(1.0, 1.0, 1.0, measured=[0.4, 9.0, NAN]) == REFUSED
    assert gate.causes == NOT_ARMED
    assert gate.out == pytest.approx([0.4, 1.5, 0.0])
    assert gate.counters["refused"] == 50
    assert gate.counters["trips"] == 0


def test_repeated_refusals_trip_and_latch(limits):
    gate = armed(limits, at=0.5, trip_after=3)
    assert [gate.apply(NAN) for _ in range(3)] == [REFUSED, REFUSED, TRIPPED]
    assert gate.apply(0.5) == TRIPPED
    assert gate.causes == NOT_FINITE  # what tripped it stays readable
    assert gate.out == [0.5]
    assert gate.counters["trips"] == 1
    assert not gate.arm(0.1)
    assert gate.apply(0.5) == TRIPPED
    gate.reset()
    assert gate.apply(0.4, measured=[0.1]) == REFUSED
    assert gate.out == [0.5]  # still held until armed again
    assert gate.arm(0.1)
    assert gate.apply(0.101) == PASS


def test_a_good_tick_between_refusals_clears_the_count(limits):
    gate = armed(limits, trip_after=2)
    for _ in range(10):
        assert gate.apply(NAN) == REFUSED
        assert gate.apply(0.0) == PASS


def test_a_refusal_stops_the_goal_and_it_starts_again_gently(limits):
    gate = armed(limits)
    drive(gate, 1.0, 40)
    held = gate.out[0]
    gate.apply(NAN)
    assert gate.out[0] == held
    gate.apply(1.0)
    assert gate.out[0] - held == pytest.approx(80.0 * 0.005**2, rel=1e-3)


@pytest.mark.parametrize(("start", "inside"), [(1.8, 1.5), (-1.8, -1.5)])
def test_armed_outside_the_limits_moves_only_inwards(limits, start, inside):
    gate = armed(limits, at=start)
    assert gate.apply(2.0 * start) == CLAMPED  # asks for further out
    assert abs(gate.out[0]) < 1.8
    path = [start, *drive(gate, 2.0 * start, 300)]
    assert all(abs(b) <= abs(a) + 1e-7 for a, b in itertools.pairwise(path))
    assert path[-1] == inside


def test_counters_count_ticks_not_joints(limits):
    gate = armed(limits, Joint(), Joint(), Joint())
    gate.apply(9.0, 9.0, 0.0)
    counters = gate.counters
    assert counters["clamped"] == 1
    assert (
        counters["clamped_position"] == counters["clamped_velocity"] == counters["clamped_acceleration"] == 1
    )


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 2e4, -2e4])
def test_arming_on_nonsense_is_refused(limits, bad):
    gate = Gate(limits, [Joint(), Joint()])
    assert not gate.arm(0.0, bad)
    assert gate.apply(0.0, 0.0, measured=[0.0, 0.0]) == REFUSED


BAD_JOINTS = [
    Joint(lower=1.5), Joint(lower=2.0), Joint(lower=NAN), Joint(upper=INF), Joint(upper=2e4),
    Joint(velocity=0.0), Joint(velocity=-1.0), Joint(velocity=NAN), Joint(velocity=INF),
    Joint(acceleration=0.0), Joint(acceleration=NAN), Joint(acceleration=1e9),
    Joint(effort=0.0), Joint(effort=1.01), Joint(effort=NAN),
]  # fmt: skip


@pytest.mark.parametrize("joint", BAD_JOINTS, ids=str)
def test_contradictory_joint_limits_cannot_be_armed(limits, joint):
    gate = Gate(limits, [Joint(), joint])
    assert not gate.ok()
    assert not gate.arm(0.0, 0.0)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("n_joints", 0), ("n_joints", 33), ("dt_s", 0.0), ("dt_s", 1.5), ("dt_s", NAN), ("max_state_age_ns", 0),
        ("max_command_age_ns", -1), ("trip_after", 0),
    ],
)  # fmt: skip
def test_contradictory_configuration_is_found(limits, field, bad):
    gate = Gate(limits, [Joint()])
    assert gate.ok()
    setattr(gate.config, field, bad)
    assert not gate.ok()


def test_a_joint_count_beyond_the_table_writes_no_further(limits):
    gate = Gate(limits, [Joint()] * 32)
    gate.config.n_joints = 4_000_000_000
    assert gate.apply(*[0.0] * 32, measured=[0.25] * 32) == REFUSED
    assert gate.out == [0.25] * 32
