"""SlotMap: lossless on mapped slots, zeros elsewhere."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motorium._core import SlotMap
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import SLOTS, slot_map, valid_mask


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


class Paired(SlotMap):
    """Python classes on top keep the quick calls."""


def so101_map() -> SlotMap:
    return slot_map(RobotSpec.load("so101"))


@pytest.mark.parametrize("make", [so101_map, lambda: Paired([3, 1], [2.0, -1.0], [0.5, 0.0])])
def test_the_quick_path_and_the_converting_one_agree(make) -> None:
    mapping = make()
    joints = len(mapping.slots)
    q = np.random.default_rng(0).standard_normal((16, joints)).astype(np.float32)
    wide, back = np.full((16, SLOTS), np.nan, np.float32), np.full((16, joints), np.nan, np.float32)
    assert mapping.scatter_chunk(q, out=wide) is wide
    assert mapping.gather_chunk(wide, back) is back
    expected = np.zeros((16, SLOTS), np.float32)
    for row in range(16):
        expected[row] = mapping.scatter(q[row])
    np.testing.assert_array_equal(wide, expected)
    for like in (q.astype(float), np.asfortranarray(q), q.tolist(), np.repeat(q, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(mapping.scatter_chunk(q=like), wide)
    for like in (wide.astype(float), np.asfortranarray(wide), wide.tolist()):
        np.testing.assert_array_equal(mapping.gather_chunk(out=None, s=like), back)
    assert mapping.scatter_chunk(q[:0]).shape == (0, SLOTS)


def read_only(shape: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape, np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.zeros((4, SLOTS)), TypeError, "out must be a float32 array in C order"),
        (np.zeros((SLOTS, 4), np.float32).T, TypeError, "out must be a float32 array in C order"),
        (np.zeros((4, SLOTS), ">f4"), TypeError, "out must be a float32 array in C order"),
        ([[0.0] * SLOTS] * 4, TypeError, "out must be a float32 array in C order"),
        (np.zeros((5, SLOTS), np.float32), ValueError, r"out must have shape \(4,200,\), not \(5,200,\)"),
        (np.zeros((4, 6), np.float32), ValueError, r"out must have shape \(4,200,\), not \(4,6,\)"),
        (np.zeros(4 * SLOTS, np.float32), ValueError, r"out must have shape \(4,200,\), not \(800,\)"),
        (read_only((4, SLOTS)), ValueError, "out is read-only"),
    ],
)
def test_a_place_that_cannot_hold_the_result_is_refused(out, error, message) -> None:
    with pytest.raises(error, match=message):
        so101_map().scatter_chunk(np.zeros((4, 6), np.float32), out=out)


def test_a_source_that_lies_in_the_target_is_refused() -> None:
    everything = SlotMap(range(SLOTS), [2.0] * SLOTS, [0.0] * SLOTS)
    chunk = np.ones((4, SLOTS), np.float32)
    with pytest.raises(ValueError, match="out must not overlap q"):
        everything.scatter_chunk(chunk, out=chunk)
    with pytest.raises(ValueError, match="out must not overlap s"):
        everything.gather_chunk(chunk[:3], out=chunk[1:])
    assert (chunk == 1).all()


Q = np.zeros((4, 6), np.float32)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((Q, None, None), {}),
        ((Q,), {"q": Q}),
        ((Q, None), {"out": None}),
        ((), {"s": Q}),
        (("no numbers",), {}),
        ((None,), {}),
    ],
)
def test_wrong_calls_are_refused(args, kwargs) -> None:
    with pytest.raises((TypeError, ValueError)):
        so101_map().scatter_chunk(*args, **kwargs)


def test_a_call_on_something_that_is_no_map_is_refused() -> None:
    with pytest.raises(TypeError, match="SlotMap"):
        SlotMap.scatter_chunk(Q, Q)
    with pytest.raises(TypeError, match="__init__"):
        SlotMap.__new__(SlotMap).scatter_chunk(Q)


def test_a_call_into_a_given_place_keeps_nothing() -> None:
    mapping, q, out = so101_map(), np.zeros((16, 6), np.float32), np.zeros((16, SLOTS), np.float32)
    before = sys.getrefcount(q), sys.getrefcount(out)
    for _ in range(100):
        mapping.scatter_chunk(q, out=out)
        with pytest.raises(ValueError, match="shape"):
            mapping.gather_chunk(q, out=q)
    assert (sys.getrefcount(q), sys.getrefcount(out)) == before
