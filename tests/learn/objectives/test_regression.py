"""Regression: where people differ it says what most do, and never something that nobody does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motorium.learn.objectives.regression import NoTime, no_noise


def learned(error, target, steps=400):
    """Return the one number that is nearest to all of `target` by an error."""
    value = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.Adam([value], lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        error(value - target).mean().backward()
        optimiser.step()
    return value.item()


def test_the_absolute_error_takes_the_way_of_most():
    """Five of seven go left around, two right: the median is a way, the mean runs into what is between."""
    ways = torch.tensor([-1.0, -1.0, -1.0, -1.0, -1.0, 1.0, 1.0])
    assert learned(torch.abs, ways) == pytest.approx(-1.0, abs=0.05)
    assert learned(torch.square, ways) == pytest.approx(-3 / 7, abs=0.05)


def test_nothing_is_drawn():
    rng = np.random.default_rng(0)
    assert not NoTime().draw((3, 2), rng).any()
    assert not no_noise((2, 4)).any()
    assert rng.random() == np.random.default_rng(0).random()
