"""Products with bfloat16 and int8 weights on every instruction set, against their twins and against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_samples import ISAS, normal

from motorium._core import kernels

LANES = sorted({kernels.describe(isa).lanes for isa in ISAS})
SIZES = sorted({0, 1, 100, *(n + d for lanes in LANES for n in (lanes, 2 * lanes) for d in (-1, 0, 1))})

pytestmark = pytest.mark.parametrize("isa", ISAS)


def silu(x):
    return x / (1.0 + np.exp(-x))


def bfloat(x):
    """Round to nearest even in the upper half of the bits."""
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


def meeting(w):
    """Per row the largest sum of weights of one sign that meet in one 16-bit sum of a unit that has those."""
    if w.size == 0:
        return np.zeros(len(w))
    padded = np.pad(np.asarray(w, np.float64), ((0, 0), (0, -w.shape[1] % 16)))
    lanes = padded.reshape(len(w), -1, 4, 2, 2).transpose(0, 1, 3, 2, 4).reshape(len(w), -1, 8)
    most = [np.abs(np.where(lanes * sign > 0, lanes, 0.0).sum(2)) for sign in (1, -1)]
    return np.max(most, axis=(0, 2), initial=0.0)


def rounded_rows(x, isa):
    """Rows times levels / peak, in float32, and their scales."""
    levels = np.float32(kernels.describe(isa).i8_levels)
    peak = np.abs(x).max(1, keepdims=True, initial=0.0).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.rint(x * (levels / peak))
    return np.where(peak > 0, whole, 0.0).astype(np.float64), (peak / levels).astype(np.float64)


def rounded_weights(w, isa):
    """Weights over peak / 127, or over a larger scale where too many would meet, and these scales."""
    scale = (np.abs(w).max(1, initial=0.0) / 127).astype(np.float32)
    limit = kernels.describe(isa).i8_weight_sum
    if limit:
        scale = np.maximum(scale, meeting(w) / (limit - 4)).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.rint(w / scale[:, None])
    return np.where(scale[:, None] > 0, whole, 0.0).astype(np.float64), scale[:, None].astype(np.float64)


def product(precision, x, w, isa):
    """What the definition of a precision gives, in float64."""
    if precision == "bf16":
        return bfloat(x).astype(np.float64) @ bfloat(w).T.astype(np.float64)
    (qx, sx), (qw, sw) = rounded_rows(x, isa), rounded_weights(w, isa)
    return (qx @ qw.T) * sx * sw.T


def run(precision, isa, x, w, *args, **kwargs):
    kernel = getattr(kernels, f"{precision}_multiply_rows")
    twin = kernel(x, w, *args, isa="plain", rounding=isa, **kwargs)
    return kernel(x, w, *args, isa=isa, **kwargs), twin


def assert_same(got, expected, tolerance=1e-5):
    scale = max(1.0, np.abs(expected).max()) if expected.size else 1.0
    for name, value in zip(("kernel", "twin"), got, strict=True):
        assert value.shape == expected.shape, name
        assert np.isfinite(value).all(), name
        assert np.abs(value - expected).max(initial=0.0) <= tolerance * scale, name


@pytest.mark.parametrize("precision", ["bf16", "i8"])
class TestProducts:
    @pytest.mark.parametrize("n", SIZES)
    def test_outputs(self, isa, precision, n):
        for rows, k in ((1, 7), (17, 33), (6, 1), (5, 64)):
            x, w, b = bfloat(normal(rows, k)), normal(n, k), normal(n)
            assert_same(run(precision, isa, x, w, b), product(precision, x, w, isa) + b, 2e-5)

    @pytest.mark.parametrize("rows", [0, 1, 2, 5, 6, 7, 12, 13, 17, 64, 85])
    def test_rows(self, isa, precision, rows):
        x, w = bfloat(normal(rows, 22)), normal(37, 22)
        assert_same(run(precision, isa, x, w), product(precision, x, w, isa), 2e-5)

    @pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 5, 127, 128, 129, 1024])
    def test_inputs(self, isa, precision, k):
        x, w, b = bfloat(normal(3, k)), normal(5, k), normal(5)
        assert_same(run(precision, isa, x, w, b), product(precision, x, w, isa) + b, 2e-5)

    @pytest.mark.parametrize("activation", ["none", "relu", "silu"])
    def test_activation_and_residual(self, isa, precision, activation):
        x, w, b, y = bfloat(normal(9, 31)), normal(19, 31), normal(19), normal(9, 19)
        scale = normal(9, seed=1)
        value = product(precision, x, w, isa) + b
        value = {"none": value, "relu": np.maximum(value, 0), "silu": silu(value)}[activation]
        got = run(precision, isa, x, w, b, activation=activation, y=y, row_scale=scale)
        assert_same(got, y + scale[:, None] * value, 2e-5)

    @pytest.mark.parametrize("n", SIZES)
    def test_gated(self, isa, precision, n):
        x, gate, up = bfloat(normal(7, 13)), normal(n, 13), normal(n, 13, seed=1)
        expected = silu(product(precision, x, gate, isa)) * product(precision, x, up, isa)
        assert_same(run(precision, isa, x, gate, up=up), expected, 2e-5)

    def test_gather_and_scatter(self, isa, precision):
        x, w, y, scale = bfloat(normal(10, 21)), normal(18, 21), normal(12, 18), normal(4)
        x_rows, y_rows = np.array([9, 0, 3, 3]), np.array([11, 2, 0, 5])
        expected = y.astype(np.float64)
        expected[y_rows] += scale[:, None] * product(precision, x[x_rows], w, isa)
        got = run(precision, isa, x, w, y=y, x_rows=x_rows, y_rows=y_rows, row_scale=scale)
        assert_same(got, expected, 2e-5)

    @pytest.mark.parametrize("size", [(17, 768, 256), (17, 256, 1024)])
    def test_real_sizes_are_close_to_float32(self, isa, precision, size):
        rows, n, k = size
        x, w = normal(rows, k), normal(n, k)
        exact = x.astype(np.float64) @ w.T
        got = getattr(kernels, f"{precision}_multiply_rows")(x, w, isa=isa)
        cosine = (got * exact).sum() / np.sqrt((got**2).sum() * (exact**2).sum())
        assert cosine > (0.99999 if precision == "bf16" else 0.9997)

    def test_what_is_not_finite_shows(self, isa, precision):
        for bad in (np.nan, np.inf):
            x, w = normal(3, 40), normal(9, 40)
            x[1, 17] = bad
            got = getattr(kernels, f"{precision}_multiply_rows")(x, w, isa=isa)
            assert not np.isfinite(got[1]).any()
            assert np.isfinite(got[[0, 2]]).all()


class TestIntegers:
    def test_every_unit_gives_the_bits_of_its_twin(self, isa):
        for rows, n, k in ((1, 1, 1), (17, 100, 333), (6, 64, 1024)):
            kernel, twin = run("i8", isa, normal(rows, k), normal(n, k))
            assert np.array_equal(kernel, twin)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_the_largest_sums_do_not_saturate(self, isa, sign):
        x, w = np.full((2, 4096), sign, np.float32), np.ones((33, 4096), np.float32)
        assert np.allclose(kernels.i8_multiply_rows(x, w, isa=isa), sign * 4096, rtol=1e-6)

    def test_weights_that_meet_stay_below_the_limit(self, isa):
        limit = kernels.describe(isa).i8_weight_sum
        w = np.random.default_rng(5).standard_t(2, (300, 160)).astype(np.float32)
        w[0] = 1.0
        whole, _ = rounded_weights(w, isa)
        assert not limit or 0.8 * limit < meeting(whole).max() <= limit
        x = np.eye(160, dtype=np.float32)
        assert_same(run("i8", isa, x, w), product("i8", x, w, isa))

    @pytest.mark.parametrize("k", SIZES)
    def test_rows_are_quantised_alike(self, isa, k):
        x = 5.0 * normal(4, k)
        x[2] = 0.0
        whole, scale = kernels.i8_quantise_rows(x, isa=isa)
        twin, twin_scale = kernels.i8_quantise_rows(x, isa="plain", rounding=isa)
        assert np.array_equal(whole, twin)
        assert np.array_equal(scale, twin_scale)
        assert np.abs(whole * scale[:, None] - x).max(initial=0.0) <= 0.5001 * scale.max()
        assert np.abs(whole).max(initial=0) <= kernels.describe(isa).i8_levels <= 127

    def test_one_bad_input_spoils_its_row_only(self, isa):
        x = normal(3, 21)
        x[1, 20] = np.inf
        _, scale = kernels.i8_quantise_rows(x, isa=isa)
        assert list(np.isnan(scale)) == [False, True, False]


class TestBfloat16:
    def test_rounding_is_to_nearest_even(self, isa):
        x = np.concatenate(
            [normal(1, 999)[0], np.float32([0.0, -0.0, np.inf, -np.inf, 1.00390625, 3e38, 1e-40])]
        )
        assert np.array_equal(kernels.bf16_round_rows(x[None], isa=isa)[0], bfloat(x))
        assert np.isnan(kernels.bf16_round_rows(np.full((1, 19), np.nan, np.float32), isa=isa)).all()

    def test_weights_are_rounded_to_nearest_even(self, isa):
        w = normal(50, 3)
        got = kernels.bf16_multiply_rows(np.eye(3, dtype=np.float32), w, isa=isa)
        assert np.array_equal(got, bfloat(w).T)


class TestSlots:
    @pytest.mark.parametrize(("rows", "channels"), [(0, 3), (1, 1), (16, 6), (16, 14), (7, 200)])
    def test_there_and_back(self, isa, rows, channels):
        rng = np.random.default_rng([rows, channels])
        slots = rng.permutation(200)[:channels]
        base, mean, scale = normal(channels), normal(rows, channels), 0.5 + rng.random((rows, channels))
        scale = scale.astype(np.float32)
        chunk = normal(rows, 200, seed=1)
        expected = (chunk[:, slots].astype(np.float64) - base - mean) / scale
        got = [kernels.f32_gather_slots(chunk, slots, base, mean, scale, isa=i) for i in (isa, "plain")]
        assert_same(got, expected, 1e-6)
        got = [
            kernels.f32_scatter_slots(expected, 200, slots, base, mean, scale, isa=i) for i in (isa, "plain")
        ]
        there = np.zeros((rows, 200))
        there[:, slots] = chunk[:, slots]
        assert_same(got, there, 1e-6)

    def test_a_slot_out_of_range_is_refused(self, isa):
        one = np.zeros((1, 1), np.float32)
        with pytest.raises(ValueError, match="slot is out of range"):
            kernels.f32_gather_slots(np.zeros((1, 5), np.float32), [5], one[0], one, one, isa=isa)


class TestResize:
    @pytest.mark.parametrize("channels_first", [False, True])
    @pytest.mark.parametrize(
        ("size", "out"),
        [((1, 1), (3, 2)), ((7, 5), (7, 5)), ((48, 64), (24, 31)), ((37, 50), (96, 96)), ((9, 2), (1, 1))],
    )
    def test_bilinear(self, isa, size, out, channels_first):
        image = np.random.default_rng(size).integers(0, 256, (*size, 3), dtype=np.uint8)
        scale, shift = [0.01, 0.02, 0.03], [-1.0, 0.0, 0.5]
        got = [
            kernels.u8_resize_image(image, *out, scale, shift, channels_first, isa=i) for i in (isa, "plain")
        ]
        expected = self.definition(image.astype(np.float64), out) * scale + shift
        assert_same(got, expected.transpose(2, 0, 1) if channels_first else expected, 1e-5)

    @staticmethod
    def definition(image, out):
        for axis in (0, 1):
            size = image.shape[axis]
            at = np.clip((np.arange(out[axis]) + 0.5) * size / out[axis] - 0.5, 0, size - 1)
            first = np.floor(at).astype(int)
            share = (at - first).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
            second = np.minimum(first + 1, size - 1)
            image = image.take(first, axis) * (1 - share) + image.take(second, axis) * share
        return image
