"""Which thresholds the guard takes. Kills mutants: `make mutants`."""

from __future__ import annotations

import math

import pytest
from native_guard import GUARD_FIELDS, NAN, Guard


@pytest.mark.parametrize("field", GUARD_FIELDS)
@pytest.mark.parametrize("bad", [-0.5, NAN, math.inf, 10001.0])
def test_no_threshold_may_be_negative_or_beyond_measure(guard, field, bad):
    assert not Guard(guard, {field: bad}).ok()
    assert field == "stall_time_s" or not Guard(guard, {"stall_time_s": 0.0, field: bad}).ok()


def test_only_joints_that_are_there_are_looked_at(guard):
    for bad in range(3):
        changes = [{}, {}, {}]
        changes[bad] = {"warn_v": NAN}
        pair = Guard(guard, *changes)
        pair.config.n_joints = 2
        assert pair.ok() is (bad == 2)


@pytest.mark.parametrize(
    ("change", "ok"),
    [
        ({"warn_c": 56.0}, True),
        ({"warn_c": 56.5}, False),
        ({"warn_c": 57.0, "derate_c": 0.0}, True),
        ({"warn_c": 0.75, "derate_c": 0.5}, False),
        ({"derate_c": 64.0}, True),
        ({"derate_c": 65.0}, False),
        ({"derate_c": 65.0, "stop_c": 0.0}, True),
        ({"min_v": 14.0}, True),
        ({"min_v": 15.0}, False),
        ({"min_v": 15.0, "max_v": 0.0}, True),
        ({"stall_effort": 0.0}, False),
        ({"stall_error_rad": 0.0}, False),
        ({"hold_effort": 0.0}, False),
        ({"stall_velocity_rad_s": 0.0}, True),
        ({"stall_effort": 0.75}, True),
        ({"stall_effort": 0.76}, False),
        ({"hold_effort": 0.75}, False),
        ({"hold_effort": 0.74}, True),
        ({"stall_time_s": 0.5, "stall_effort": 0.0}, False),
        ({"stall_time_s": 0.0, "stall_effort": 0.0, "stall_error_rad": 0.0, "hold_effort": 9.0}, True),
        ({"stall_effort": 1e4, "overload_effort": 1e4}, True),
        ({"max_v": 1e4}, True),
    ],
)
def test_thresholds_that_contradict_each_other_are_found(guard, change, ok):
    assert Guard(guard, change).ok() is ok


@pytest.mark.parametrize(
    ("dt_s", "ok"), [(0.0, False), (-0.1, False), (NAN, False), (1e-6, True), (1.0, True), (1.01, False)]
)
def test_the_tick_is_positive_and_at_most_a_second(guard, dt_s, ok):
    assert Guard(guard, dt_s=dt_s).ok() is ok


def test_there_are_as_many_joints_as_there_is_room_for(guard):
    table = Guard(guard, *[{}] * 32)
    for n, ok in ((0, True), (32, True), (33, False)):
        table.config.n_joints = n
        assert table.ok() is ok
    table.config.n_joints = 32
    table.step([1.0] * 32, [1.0] * 32)
    assert all(used > 0 for used in table.state.exertion_s)
