"""Balanced sampling: shares of sources and embodiments, whatever their sizes, and the same draws for the same step."""

from __future__ import annotations

import numpy as np
import pytest

from motorium.errors import DataError
from motorium.learn.objectives.balance import BalancedDraws, source_shares

SOURCE = np.repeat([0, 1, 2], [900, 60, 40])


def draws(shares, seed: int = 0) -> BalancedDraws:
    order = np.random.default_rng(seed).permutation(len(SOURCE))  # frames come in any order
    return BalancedDraws.of(order, SOURCE[order], np.asarray(shares, dtype=float))


def test_shares_are_the_declared_weights():
    assert source_shares([0.7, 0.3], [0, 0]) == pytest.approx([0.7, 0.3])
    assert source_shares([7, 3, 0], [0, 1, 1]) == pytest.approx([0.7, 0.3, 0.0])


def test_embodiments_can_be_brought_level():
    weights, embodiments = [6.0, 2.0, 2.0], [0, 0, 1]
    assert source_shares(weights, embodiments, 1.0) == pytest.approx([0.375, 0.125, 0.5])
    half = source_shares(weights, embodiments, 0.5)
    assert half.sum() == pytest.approx(1.0)
    assert half[0] / half[1] == pytest.approx(3.0)  # within an embodiment the weights hold
    assert half[2] == pytest.approx(0.2**0.5 / (0.2**0.5 + 0.8**0.5))
    assert source_shares([1.0, 0.0], [3, 9], 1.0) == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_that_mean_nothing_are_refused(weights):
    with pytest.raises(DataError, match="0 or more"):
        source_shares(weights, [0, 0])


def test_a_source_without_frames_is_refused():
    with pytest.raises(DataError, match="source 1 has a weight but no frame"):
        BalancedDraws.of(np.arange(3), np.zeros(3, dtype=int), np.array([0.5, 0.5]))


@pytest.mark.parametrize("shares", [[0.2, 0.5, 0.3], [0.9, 0.0, 0.1], [0.0, 0.0, 1.0], [0.98, 0.01, 0.01]])
def test_every_batch_has_the_shares_within_two_frames(shares):
    sampler = draws(shares)
    for step in range(20):
        counts = np.bincount(SOURCE[sampler.draw(32, 0, step)], minlength=3)
        assert (np.abs(counts - 32 * np.array(shares)) < 2).all()
        assert (counts[np.array(shares) == 0] == 0).all()


def test_frames_of_a_source_are_drawn_alike():
    sampler = draws([0.2, 0.5, 0.3])
    counts = np.bincount(
        np.concatenate([sampler.draw(64, 1, step) for step in range(2000)]), minlength=len(SOURCE)
    )
    for source, share in enumerate([0.2, 0.5, 0.3]):
        of = counts[source == SOURCE]
        assert of.sum() == pytest.approx(128000 * share, rel=0.02)
        assert (of > 0).all()
        assert of.var() < 2.0 * of.mean()  # no more scattered than chance


def test_draws_follow_from_seed_and_step_alone():
    first, again = draws([0.2, 0.5, 0.3]), draws([0.2, 0.5, 0.3])
    again.draw(32, 3, 4)
    np.testing.assert_array_equal(first.draw(32, 3, 5), again.draw(32, 3, 5))
    assert (first.draw(32, 3, 5) != first.draw(32, 3, 6)).any()
    assert (first.draw(32, 3, 5) != first.draw(32, 4, 5)).any()
