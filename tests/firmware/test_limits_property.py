"""Whatever comes in, what leaves the gate is finite, inside the limits and slow enough."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from native_core import CLAMPED, PASS, Gate, Joint

I64 = st.integers(-(2**63), 2**63 - 1)
ANY_FLOAT = st.floats(width=32)  # NaN, infinities, subnormals among them
SANE = st.floats(-2.0, 2.0, width=32)
NUMBER = st.one_of(SANE, ANY_FLOAT)
TIMES = st.one_of(st.none(), st.tuples(I64, I64, I64))


@st.composite
def joints(draw) -> Joint:
    lower = draw(st.floats(-6.0, 5.0, width=32))
    width = draw(st.floats(0.03125, 6.0, width=32))
    return Joint(
        lower=lower,
        upper=lower + width,
        velocity=draw(st.floats(0.015625, 50.0, width=32)),
        acceleration=draw(st.floats(0.0625, 5000.0, width=32)),
        effort=draw(st.floats(0.015625, 1.0, width=32)),
    )


TICK = st.tuples(NUMBER, NUMBER, NUMBER, TIMES)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(joints(), min_size=1, max_size=3),
    st.floats(0.0009765625, 0.125, width=32),
    st.floats(0.0, 1.0),
    st.lists(TICK, max_size=60),
)
def test_output_is_always_safe(limits, specs, dt_s, start, ticks):
    gate = Gate(limits, specs, dt_s=dt_s)
    begin = [j.lower + start * (j.upper - j.lower) for j in specs]
    assert gate.arm(*begin)
    last = list(gate.out)
    for goal, measured, effort, times in ticks:
        gate.apply(*[goal] * gate.n, measured=[measured] * gate.n, effort=[effort] * gate.n, times=times)
        for joint, before, after in zip(gate.config.joint, last, gate.out, strict=False):
            ulp = 4e-7 * max(1.0, abs(after))
            assert math.isfinite(after)
            assert joint.lower - 1e-12 <= after <= joint.upper + 1e-12 or abs(after - before) <= ulp
            assert abs(after - before) <= joint.velocity * dt_s * (1 + 1e-5) + ulp
        last = list(gate.out)


@settings(max_examples=150, deadline=None)
@given(joints(), st.floats(0.0009765625, 0.03125, width=32), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_resting_goal_is_reached_without_overshoot(limits, spec, dt_s, start, end):
    gate = Gate(limits, [spec], dt_s=dt_s)
    span = spec.upper - spec.lower
    assert gate.arm(spec.lower + start * span)
    goal = spec.lower + end * span
    direction = 1.0 if goal >= gate.out[0] else -1.0
    distance = abs(goal - gate.out[0])
    ulp = 1e-6 * max(1.0, abs(goal))
    needed = (
        distance / spec.velocity
        + spec.velocity / spec.acceleration
        + 2 * math.sqrt(distance / spec.acceleration)
    )
    before, speed = gate.out[0], 0.0
    for _ in range(min(int(needed / dt_s) + 12, 4000)):
        assert gate.apply(goal) in (PASS, CLAMPED)
        assert direction * (goal - gate.out[0]) >= -ulp, "overshoot"
        now = (gate.out[0] - before) / dt_s
        assert abs(now - speed) <= spec.acceleration * dt_s * 1.01 + 2 * ulp / dt_s
        before, speed = gate.out[0], now
    if needed / dt_s < 3900:
        assert abs(gate.out[0] - goal) <= max(ulp, 1e-3 * spec.acceleration * dt_s**2)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-3.0, 3.0, width=32), min_size=2, max_size=12), st.integers(1, 40))
def test_acceleration_holds_while_goals_jump_about(limits, goals, every):
    gate = Gate(limits, [Joint()])
    gate.arm(0.0)
    before, speed = 0.0, 0.0
    for goal in goals:
        for _ in range(every):
            gate.apply(goal)
            now = (gate.out[0] - before) / 0.005
            assert abs(now - speed) <= 80.0 * 0.005 * 1.01
            before, speed = gate.out[0], now


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(SANE, SANE, st.floats(-1.0, 1.0, width=32)), max_size=60))
def test_overload_never_grows_the_pull(limits, ticks):
    gate = Gate(limits, [Joint()])
    gate.arm(0.0)
    for goal, measured, effort in ticks:
        before = gate.out[0]
        gate.apply(goal, measured=[measured], effort=[effort])
        if abs(effort) > gate.config.joint[0].effort:
            pull_before, pull = before - measured, gate.out[0] - measured
            grew_along_load = (
                pull * effort > 0 and abs(pull) > abs(pull_before) + 1e-6 and pull_before * effort >= 0
            )
            assert not grew_along_load
