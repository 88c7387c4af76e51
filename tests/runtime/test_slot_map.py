"""SlotMap: lossless on mapped slots, zeros elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motorium._core import SlotMap
from motorium.robots.spec import RobotSpec
from motorium.slots import SLOTS, slot_map, valid_mask


@st.composite
def maps(draw: st.DrawFn) -> tuple[SlotMap, np.ndarray]:
    slots = draw(st.lists(st.integers(0, SLOTS - 1), min_size=1, max_size=32, unique=True))
    n = len(slots)
    magnitude = st.sampled_from((-20.0, -1.0, -0.0625, 0.0625, 0.3, 0.52, 1.0, 20.0))
    scale = draw(st.lists(magnitude, min_size=n, max_size=n))
    offset = draw(st.lists(st.floats(-5, 5, width=32), min_size=n, max_size=n))
    rows = draw(st.integers(1, 5))
    q = draw(st.lists(st.floats(-7, 7, width=32), min_size=n * rows, max_size=n * rows))
    return SlotMap(slots, scale, offset), np.array(q, np.float32).reshape(rows, n)


@given(maps())
def test_round_trip_is_lossless_and_the_rest_is_zero(case: tuple[SlotMap, np.ndarray]) -> None:
    mapping, q = case
    slots = mapping.scatter_chunk(q)
    assert slots.shape == (len(q), SLOTS)
    unmapped = np.setdiff1d(np.arange(SLOTS), mapping.slots)
    assert not slots[:, unmapped].any()
    # float32: one rounding of a number up to 20 * 7 + 5, divided by a scale of at least 1/16
    np.testing.assert_allclose(mapping.gather_chunk(slots), q, atol=145 * 2**-23 / 0.0625)


@given(maps())
def test_one_row_is_a_chunk_of_one(case: tuple[SlotMap, np.ndarray]) -> None:
    mapping, q = case
    slots = mapping.scatter_chunk(q)
    np.testing.assert_array_equal(mapping.scatter(q[0]), slots[0])
    np.testing.assert_array_equal(mapping.gather(slots[0]), mapping.gather_chunk(slots)[0])


@given(maps())
def test_unmapped_slots_are_not_read(case: tuple[SlotMap, np.ndarray]) -> None:
    mapping, q = case
    slots = mapping.scatter(q[0])
    noisy = slots.copy()
    noisy[np.setdiff1d(np.arange(SLOTS), mapping.slots)] = np.nan
    np.testing.assert_array_equal(mapping.gather(noisy), mapping.gather(slots))


def test_so101_gripper_is_an_opening() -> None:
    spec = RobotSpec.load("so101")
    mapping = slot_map(spec)
    lower = np.array([joint.lower_rad for joint in spec.joints], np.float32)
    upper = np.array([joint.upper_rad for joint in spec.joints], np.float32)
    assert mapping.scatter(lower)[18] == pytest.approx(0.0, abs=1e-6)
    assert mapping.scatter(upper)[18] == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(mapping.scatter(upper)[50:55], upper[:5])
    assert sorted(np.flatnonzero(valid_mask(spec))) == [18, 50, 51, 52, 53, 54]


@pytest.mark.parametrize(
    ("slots", "scale", "offset", "message"),
    [
        ([1, 1], [1, 1], [0, 0], "mapped twice"),
        ([200], [1], [0], "outside"),
        ([1], [0], [0], "scale"),
        ([1], [float("nan")], [0], "scale"),
        ([1, 2], [1], [0, 0], "length"),
        ([], [], [], "length"),
    ],
)
def test_contradictory_maps_are_refused(
    slots: list[int], scale: list[float], offset: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SlotMap(slots, scale, offset)


def test_wrong_shape_names_both_shapes() -> None:
    mapping = slot_map(RobotSpec.load("so101"))
    with pytest.raises(ValueError, match=r"q must have shape \(6,\), not \(5,\)"):
        mapping.scatter(np.zeros(5))
    with pytest.raises(ValueError, match=r"s must have shape \(any,200,\), not \(2,199,\)"):
        mapping.gather_chunk(np.zeros((2, 199)))
