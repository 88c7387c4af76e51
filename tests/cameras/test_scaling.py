"""Pictures are scaled by area means: one rule, so that a policy sees what it was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from motorium.cameras.scaling import edges, scaled


def by_definition(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    out = np.empty((*size, 3), np.uint8)
    for y, (top, bottom) in enumerate(edges(image.shape[0], size[0])):
        for x, (left, right) in enumerate(edges(image.shape[1], size[1])):
            out[y, x] = np.rint(image[top:bottom, left:right].mean(axis=(0, 1), dtype=np.float64))
    return out


@pytest.mark.parametrize("shape", [(48, 64), (50, 67), (96, 96), (7, 9), (31, 200)])
@pytest.mark.parametrize("size", [(24, 32), (96, 96), (8, 48)])
def test_each_pixel_is_the_mean_of_those_it_covers(shape, size):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(scaled(image, size), by_definition(image, size))


def test_the_same_size_is_the_same_picture():
    image = np.zeros((5, 6, 3), np.uint8)
    assert scaled(image, (5, 6)) is image


@pytest.mark.parametrize(("size", "parts"), [(10, 3), (3, 10), (640, 96), (1, 5)])
def test_parts_join_without_a_gap_or_repeat(size, parts):
    found = edges(size, parts)
    assert found[0, 0] == 0
    assert found[-1, 1] == size
    assert (found[:, 1] > found[:, 0]).all()
    if size >= parts:
        assert (found[1:, 0] == found[:-1, 1]).all()
