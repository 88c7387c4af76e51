"""The nearest measurement for every tick."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium.errors import MotoriumError
from motorium.timeline.align import align, grid, nearest

TIMES = st.lists(st.integers(0, 10_000), min_size=1, max_size=60).map(sorted)


@settings(max_examples=60, deadline=None)
@given(ticks=st.lists(st.integers(-100, 10_100), max_size=60), times=TIMES)
def test_no_measurement_is_nearer_and_ties_go_to_the_earlier(ticks, times):
    found = nearest(np.array(ticks, np.int64), times)
    for tick, index, skew in zip(ticks, found.index, found.skew_ns, strict=True):
        distances = [abs(t - tick) for t in times]
        assert index == distances.index(min(distances))  # the first of the nearest
        assert skew == times[index] - tick


@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 1 << 50), span=st.integers(0, 10**10), rate=st.floats(1, 1000))
def test_a_grid_has_no_drift(start, span, rate):
    ticks = grid(start, start + span, rate)
    assert ticks[0] == start
    assert start + span - ticks[-1] <= 1e9 / rate + 1
    ideal = np.arange(len(ticks)) / rate * 1e9
    assert np.abs(ticks - start - ideal).max() <= 1 + 1e-6 * len(ticks)


def test_streams_of_different_rates_meet_on_the_span_they_share():
    camera = np.rint(np.arange(10) * 1e9 / 30).astype(np.int64) + 5_000_000
    joints = np.arange(200) * 5_000_000 + 1_000_000
    ticks, found = align({"camera": camera, "joints": joints}, 30.0)
    assert ticks[0] == camera[0]
    assert ticks[-1] <= camera[-1]
    assert np.abs(found["joints"].skew_ns).max() <= 2_500_000
    report = found["camera"].report()
    assert (report.repeated, report.missing, report.unused) == (0, 0, 0)
    assert found["joints"].report().unused > 100


def test_a_gap_is_seen_as_missing_and_repeated():
    times = np.delete(np.arange(30) * 33_000_000, range(10, 15))
    found = nearest(np.arange(30) * 33_000_000, times, tolerance_ns=20_000_000)
    report = found.report()
    assert report.missing == 5
    assert report.repeated == 5
    assert report.max_ms == pytest.approx(99.0)


def test_what_cannot_be_aligned_is_refused():
    with pytest.raises(MotoriumError, match="times go back at 1"):
        nearest([0], [1, 5, 3])
    with pytest.raises(MotoriumError, match="no measurements of wrist"):
        align({"front": [1], "wrist": []}, 30)
    with pytest.raises(MotoriumError, match="rate must be positive"):
        grid(0, 10, float("nan"))
    with pytest.raises(MotoriumError, match="at most"):
        grid(0, 1 << 60, 1000)
    assert len(align({"a": [0, 10], "b": [20, 30]}, 30)[0]) == 0
