"""Cost grows linearly in steps, rows and layers: times of one run, the least of many each."""

from __future__ import annotations

import pytest

from motorium.bench import scale
from motorium.bench.peers.expert import ExpertSize

BASE = ExpertSize(2, 128, 256, 4, 2, 32, prefix=32)


# Each step is one more pass over everything; rows and layers share what is computed once per chunk or step.
@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "values"), [("steps", (4, 8, 16)), ("rows", (12, 24, 48)), ("layers", (2, 4, 8))]
)
def test_cost_grows_no_faster_than_the_size(name, values):
    growth = scale.grow(BASE, name, values, 1, 40)
    assert growth.linear > 0.9, growth
    assert 0.4 < growth.ratio() < 1.6, growth


def test_a_square_is_no_line():
    growth = scale.Growth((1, 2, 4), (1, 4, 16))
    assert growth.ratio() == 4
    assert growth.linear < 0.98
    assert scale.Growth((1, 2, 4), (3, 5, 9)).linear == pytest.approx(1)
