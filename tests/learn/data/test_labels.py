"""Chunks by time: what is known is learned, and nothing is made up."""

from __future__ import annotations

import numpy as np
import pytest

from motorium.learn.data.joints import JointRows
from motorium.learn.data.labels import chunks


def rows_of(times_s, setpoint_s=None, row_s: float = 0.1) -> JointRows:
    """A joint whose setpoint is ten times the time."""
    times, log = np.asarray(times_s), np.asarray(times_s if setpoint_s is None else setpoint_s)
    return JointRows(times[:, None], times, log, 10 * log[:, None], row_s)


def test_rows_are_taken_by_time_at_any_rate():
    values, valid = chunks(rows_of(np.arange(10) / 10), 4, 0.05)
    np.testing.assert_allclose(values[3, :, 0], [3.0, 3.5, 4.0, 4.5])
    assert valid[3].all()
    assert valid[9].tolist() == [True, False, False, False]
    assert (values[9] == 9.0).all()  # the last known stands behind the end


def test_two_rows_of_one_observation_have_the_same_chunk():
    values, _ = chunks(rows_of([0.0, 0.1, 0.1, 0.3]), 2, 0.1)
    np.testing.assert_array_equal(values[1], values[2])


def test_nothing_is_known_in_a_long_gap():
    """A machine stood still for a second: a straight line through it is not what the arm was told."""
    values, valid = chunks(rows_of([0.0, 0.1, 0.2, 1.2, 1.3, 1.4]), 4, 0.1)
    assert valid[0].tolist() == [True, True, True, False]
    assert valid[2].tolist() == [True, False, False, False]
    assert valid[3].tolist() == [True, True, True, False]
    assert np.isfinite(values).all()
    _, short = chunks(rows_of([0.0, 0.1, 0.2, 0.5, 0.6, 0.7]), 4, 0.1)
    assert short[0].all()  # two late pictures are bridged


@pytest.mark.parametrize("offset", [0.1, 0.2])
def test_before_the_first_setpoint_the_first_counts(offset):
    values, valid = chunks(rows_of(np.arange(5) / 10, np.arange(5) / 10 + offset), 3, 0.1)
    np.testing.assert_allclose(values[0, :, 0], np.maximum([0, 1, 2], 10 * offset))
    assert valid[0].all()


def test_rounded_times_lose_no_row_at_the_end():
    _, valid = chunks(rows_of(np.arange(31) / 30, row_s=1 / 30), 31, 1 / 30)
    assert valid[0].all()
    assert valid.sum() == 31 * 32 // 2
