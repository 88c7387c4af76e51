"""Scheduler and bridge of the core decide as the Python ones of 0.1.0 did, number for number."""

from __future__ import annotations

import pytest
import reference_schedule as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium import _core

MS = 1_000_000
TIMES = st.one_of(
    st.integers(0, 400 * MS), st.integers(0, 20).map(lambda k: k * 50 * MS), st.integers(0, 1 << 52)
)
STEPS = st.one_of(
    st.tuples(st.just("record"), TIMES),
    st.tuples(st.just("delay"), st.one_of(TIMES, st.integers(-100 * MS, 0))),
    st.tuples(st.just("next_start_ns"), TIMES, st.integers(0, 300)),
    st.tuples(st.just("planned_rows"), TIMES),
)
PACES = st.tuples(
    st.one_of(st.just(50 * MS), st.integers(100_000, 10_000 * MS)),
    st.integers(1, 256),
    st.integers(0, 256),
    st.integers(0, 256),
)


@settings(max_examples=500)
@given(PACES, st.one_of(st.just(0), TIMES), st.lists(STEPS, max_size=60))
def test_every_decision_is_that_of_the_reference(
    pace: tuple[int, int, int, int], prior_ns: int, steps: list[tuple[str, int]]
) -> None:
    ours = _core.Scheduler(_core.Pace(*pace), prior_ns)
    twin = reference.Scheduler(reference.Pace(*pace), prior_ns)
    for name, *values in steps:
        assert getattr(ours, name)(*values) == getattr(twin, name)(*values)
        for figure in ("latency_ns", "measured", "needed", "declared", "shortfalls"):
            assert getattr(ours, figure) == getattr(twin, figure), (name, values, figure)


@given(TIMES, TIMES, st.integers(100_000, 10_000 * MS))
def test_rows_needed_are_those_of_the_reference(age_ns: int, latency_ns: int, dt_ns: int) -> None:
    needed = reference.needed_rows(age_ns, latency_ns, dt_ns)
    assert _core.needed_rows(age_ns, latency_ns, dt_ns) == needed
    bridge = _core.Bridge(latency_ns, latency_ns // 2, age_ns, dt_ns, needed - 1)
    assert (bridge.latency_ns, bridge.needed, bridge.holds) == (latency_ns, needed, False)
    assert _core.Bridge(0, latency_ns, age_ns, dt_ns, needed).holds


def test_constants_are_those_of_the_reference() -> None:
    assert (_core.Scheduler.MEMORY, _core.Scheduler.TRUSTED) == (reference.MEMORY, reference.TRUSTED)


def test_no_rhythm_without_a_distance_of_rows() -> None:
    for make in (lambda: _core.Pace(0, 16, 8, 6), lambda: _core.needed_rows(1, 1, 0)):
        with pytest.raises(ValueError, match="positive"):
            make()
