"""Intervals and tests are those of their papers."""

from __future__ import annotations

import itertools
import math

import pytest

from motorium.evaluation.proportions import Pairs, wilson


def test_newcombe_s_method_10_has_its_published_values():
    # Newcombe (1998), table II: 36, 12, 2, 0.
    assert Pairs(36, 12, 2, 0).interval() == pytest.approx((0.0569, 0.3404), abs=1e-4)
    # Bentur et al. (2009) in Fagerland, Lydersen and Laake (2013): 1, 1, 7, 12.
    assert Pairs(1, 1, 7, 12).interval() == pytest.approx((-0.507, -0.026), abs=1e-3)


def test_exchanging_the_two_turns_the_interval_round():
    for a, b, c, d in itertools.product((0, 3, 20), repeat=4):
        if a + b + c + d:
            low, high = Pairs(a, b, c, d).interval()
            assert Pairs(a, c, b, d).interval() == pytest.approx((-high, -low))
            assert -1 <= low <= Pairs(a, b, c, d).difference <= high <= 1


@pytest.mark.parametrize("cells", [(0.6, 0.2, 0.1, 0.1), (0.9, 0.06, 0.02, 0.02), (0.4, 0.05, 0.05, 0.5)])
def test_it_holds_the_true_difference_about_as_often_as_it_says(cells):
    """Over all tables of 30 scenes, weighed by how probable they are."""
    n, true = 30, cells[1] - cells[2]
    held = total = 0.0
    for a in range(n + 1):
        for b in range(n + 1 - a):
            for c in range(n + 1 - a - b):
                counts = (a, b, c, n - a - b - c)
                ways = math.factorial(n) // math.prod(map(math.factorial, counts))
                weight = ways * math.prod(p**k for p, k in zip(cells, counts, strict=True))
                low, high = Pairs(*counts).interval()
                total += weight
                held += weight * (low <= true <= high)
    assert total == pytest.approx(1.0)
    assert 0.93 < held < 0.995


def test_mcnemar_s_test_is_exact():
    assert Pairs(0, 12, 2, 9).mcnemar() == pytest.approx(2 * (1 + 14 + 91) / 2**14)
    assert Pairs(0, 2, 12, 9).mcnemar() == Pairs(50, 12, 2, 0).mcnemar()
    assert Pairs(5, 4, 4, 5).mcnemar() == Pairs(5, 0, 0, 5).mcnemar() == 1.0
    assert Pairs(0, 30_000, 29_000, 0).mcnemar() == pytest.approx(3.9e-5, rel=0.05)


def test_outcomes_are_counted_scene_by_scene():
    first, second = [True, True, False, False, True], [True, False, True, False, True]
    assert Pairs.of(first, second) == Pairs(2, 1, 1, 1)
    with pytest.raises(ValueError, match="zip"):
        Pairs.of(first, second[:4])


def test_without_scenes_everything_is_possible():
    assert (wilson(0, 0), Pairs(0, 0, 0, 0).interval()) == ((0.0, 1.0), (-1.0, 1.0))


def test_wilson_interval_matches_published_values():
    # Agresti and Coull (1998): 0 of 10 gives an upper limit of 0.278.
    low, high = wilson(0, 10)
    assert low == 0.0
    assert high == pytest.approx(0.2775, abs=1e-3)
    assert wilson(99, 100) == pytest.approx((0.9455, 0.9982), abs=1e-3)
