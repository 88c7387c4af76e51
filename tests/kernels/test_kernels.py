"""Every kernel on every instruction set against its plain-loop twin and against numpy, at awkward sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from kernel_samples import ISAS, normal

from motorium._core import kernels

WIDEST = max(kernels.describe(isa).lanes for isa in ISAS)
SIZES = sorted({0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 100})
ROWS = (0, 1, 2, 5, 6, 7, 12, 13, 17, 85)

pytestmark = pytest.mark.parametrize("isa", ISAS)


def silu(x):
    return x / (1.0 + np.exp(-x.astype(np.float64)))


def gelu(x):
    return (
        0.5 * x * (1.0 + np.vectorize(math.erf, otypes=[np.float64])(x.astype(np.float64) / math.sqrt(2.0)))
    )


def gelu_tanh(x):
    x = x.astype(np.float64)
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "silu": silu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
}


def assert_same(actual, twin, expected, tolerance=1e-5):
    """Both the unit and its twin must match the definition in float64."""
    expected = np.asarray(expected)
    scale = max(1.0, np.abs(expected).max()) if expected.size else 1.0
    for name, value in (("kernel", actual), ("twin", twin)):
        assert value.shape == expected.shape, name
        assert np.isfinite(value).all(), name
        if expected.size:
            assert np.abs(value - expected).max() <= tolerance * scale, name


def run(name, isa, *args, **kwargs):
    kernel = getattr(kernels, name)
    return kernel(*args, isa=isa, **kwargs), kernel(*args, isa="plain", **kwargs)


class TestMultiplyRows:
    @pytest.mark.parametrize("n", SIZES)
    def test_outputs(self, isa, n):
        for rows, k in ((1, 7), (17, 33), (6, 1)):
            x, w, b = normal(rows, k), normal(n, k), normal(n)
            got = run("f32_multiply_rows", isa, x, w, b)
            assert_same(*got, x.astype(np.float64) @ w.T + b)

    @pytest.mark.parametrize("rows", ROWS)
    def test_rows(self, isa, rows):
        x, w = normal(rows, 20), normal(37, 20)
        assert_same(*run("f32_multiply_rows", isa, x, w), x.astype(np.float64) @ w.T)

    def test_no_inputs_gives_the_bias(self, isa):
        x, w, b = normal(3, 0), normal(5, 0), normal(5)
        assert_same(*run("f32_multiply_rows", isa, x, w, b), np.tile(b, (3, 1)))

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_activation_and_residual(self, isa, activation):
        x, w, b, y = normal(9, 31), normal(19, 31), normal(19), normal(9, 19)
        scale = normal(9, seed=1)
        value = x.astype(np.float64) @ w.T + b
        value = ACTIVATIONS[activation](value)
        got = run("f32_multiply_rows", isa, x, w, b, activation=activation, y=y, row_scale=scale)
        assert_same(*got, y + scale[:, None] * value)

    @pytest.mark.parametrize("n", SIZES)
    def test_gated(self, isa, n):
        x, gate, up, y = normal(7, 13), normal(n, 13), normal(n, 13, seed=1), normal(7, n, seed=2)
        value = silu(x.astype(np.float64) @ gate.T) * (x.astype(np.float64) @ up.T)
        assert_same(*run("f32_multiply_rows", isa, x, gate, up=up), value)
        assert_same(*run("f32_multiply_rows", isa, x, gate, up=up, y=y), y + value)
        value = gelu_tanh(x.astype(np.float64) @ gate.T) * (x.astype(np.float64) @ up.T)
        assert_same(*run("f32_multiply_rows", isa, x, gate, up=up, activation="gelu_tanh"), value)

    def test_gather_and_scatter(self, isa):
        x, w, y, scale = normal(10, 21), normal(18, 21), normal(12, 18), normal(4)
        x_rows, y_rows = np.array([9, 0, 3, 3]), np.array([11, 2, 0, 5])
        expected = y.astype(np.float64)
        expected[y_rows] += scale[:, None] * (x[x_rows].astype(np.float64) @ w.T)
        got = run("f32_multiply_rows", isa, x, w, y=y, x_rows=x_rows, y_rows=y_rows, row_scale=scale)
        assert_same(*got, expected)


class TestConvolveImage:
    @pytest.mark.parametrize(
        ("kernel", "stride", "size", "channels"),
        [
            (6, 4, (96, 96), (3, 40)),
            (3, 2, (24, 24), (40, 8)),
            (3, 1, (12, 12), (8, 17)),
            (3, 2, (5, 9), (1, 1)),
            (1, 1, (1, 1), (2, 3)),
            (6, 4, (5, 4), (3, 5)),
        ],
    )
    def test_against_the_definition(self, isa, kernel, stride, size, channels):
        padding = 0 if kernel == 1 else 1
        x, w, b = (
            normal(*size, channels[0]),
            normal(channels[1], kernel, kernel, channels[0]),
            normal(channels[1]),
        )
        padded = np.pad(x.astype(np.float64), ((padding, padding), (padding, padding), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(0, 1))
        expected = np.einsum("yxcij,oijc->yxo", windows[::stride, ::stride], w, optimize=True) + b
        got = run("f32_convolve_image", isa, x, w, b, stride=stride, padding=padding)
        assert_same(*got, expected)


class TestNormalise:
    @pytest.mark.parametrize("width", [n for n in SIZES if n])
    def test_rms(self, isa, width):
        x, weight = 3.0 * normal(5, 3, width), normal(width)
        expected = x / np.sqrt(np.mean(x.astype(np.float64) ** 2, -1, keepdims=True) + 1e-6) * weight
        assert_same(*run("f32_normalise_rms", isa, x, weight, 1e-6), expected)

    @pytest.mark.parametrize("width", [n for n in SIZES if n])
    def test_layer(self, isa, width):
        x, weight, bias = 2.0 * normal(5, width) + 30.0, normal(width), normal(width, seed=1)
        centred = x - x.astype(np.float64).mean(1, keepdims=True)
        expected = centred / np.sqrt(np.mean(centred**2, 1, keepdims=True) + 1e-5)
        got = run("f32_normalise_layer", isa, x, weight, bias, 1e-5)
        assert_same(*got, expected * weight + bias, 1e-3 if width < 8 else 5e-5)
        assert_same(
            *run("f32_normalise_layer", isa, x, None, None, 1e-5), expected, 1e-3 if width < 8 else 5e-5
        )

    @pytest.mark.parametrize("width", [n for n in SIZES if n])
    def test_modulation(self, isa, width):
        x, scale, shift, residual = (
            normal(6, width),
            normal(3, width),
            normal(3, width, seed=1),
            normal(6, width, seed=2),
        )
        index = np.array([2, 0, 0, 1, 2, 1])
        expected = x * (1.0 + scale.astype(np.float64)[index]) + shift[index]
        assert_same(*run("f32_modulate_rows", isa, x, scale, shift, None, index, 1.0), expected)
        expected = residual + x * scale.astype(np.float64)[index]
        assert_same(*run("f32_modulate_rows", isa, x, scale, None, residual, index), expected)

    @pytest.mark.parametrize(("channels", "groups"), [(1, 1), (6, 2), (8, 8), (40, 8), (33, 3), (128, 8)])
    @pytest.mark.parametrize("pixels", [1, 2, 36, 145])
    def test_groups(self, isa, channels, groups, pixels):
        x = 2.0 * normal(pixels, channels) + 50.0  # far from zero: a one-pass variance would fail
        gamma, beta = normal(channels), normal(channels, seed=1)
        film, shift = normal(channels, seed=2), normal(channels, seed=3)
        residual = normal(pixels, channels, seed=4)
        flat = x.astype(np.float64).reshape(pixels, groups, -1)
        centred = flat - flat.mean((0, 2), keepdims=True)
        norm = (centred / np.sqrt(flat.var((0, 2), keepdims=True) + 1e-5)).reshape(
            pixels, channels
        ) * gamma + beta
        got = run("f32_normalise_groups", isa, x, groups, gamma, beta, 1e-5)
        assert_same(*got, norm, 1e-3 if pixels * channels // groups < 8 else 5e-5)
        got = run("f32_normalise_groups", isa, x, groups, gamma, beta, 1e-5, film, shift, residual, silu=True)
        expected = residual + silu(norm * (1.0 + film) + shift)
        assert_same(*got, expected, 1e-3 if pixels * channels // groups < 8 else 5e-5)


class TestAttention:
    @staticmethod
    def definition(q, k, v, visible):
        q, k, v = (a.astype(np.float64) for a in (q, k, v))
        share = q.shape[1] // k.shape[1]
        out = np.zeros_like(q)
        for row, count in enumerate(visible):
            seen = slice(count) if np.ndim(count) == 0 else count
            for head in range(q.shape[1]):
                scores = k[seen, head // share] @ q[row, head] / np.sqrt(q.shape[2])
                weights = np.exp(scores - scores.max())
                out[row, head] = weights / weights.sum() @ v[seen, head // share]
        return out

    @staticmethod
    def samples(rows, heads, kv_heads, dim, keys):
        return normal(rows, heads, dim), normal(keys, kv_heads, dim), normal(keys, kv_heads, dim, seed=1)

    @pytest.mark.parametrize(
        ("rows", "heads", "kv_heads", "dim", "keys"),
        [
            (1, 1, 1, 1, 1),
            (3, 2, 1, 5, 9),
            (17, 4, 4, 32, 102),
            (85, 2, 2, 8, 85),
            (6, 6, 2, 33, 31),
            (13, 1, 1, 64, 16),
        ],
    )
    def test_full_and_causal(self, isa, rows, heads, kv_heads, dim, keys):
        q, k, v = self.samples(rows, heads, kv_heads, dim, keys)
        got = run("f32_attend_rows", isa, q, k, v, keys)
        assert_same(*got, self.definition(q, k, v, [keys] * rows))
        if keys >= rows:
            first = keys - rows + 1
            got = run("f32_attend_rows", isa, q, k, v, first, 1)
            assert_same(*got, self.definition(q, k, v, range(first, keys + 1)))

    @pytest.mark.parametrize(
        ("rows", "heads", "kv_heads", "dim", "keys"), [(17, 4, 2, 16, 40), (5, 1, 1, 9, 7)]
    )
    def test_ranges_with_a_gap(self, isa, rows, heads, kv_heads, dim, keys):
        q, k, v = self.samples(rows, heads, kv_heads, dim, keys)
        rng = np.random.default_rng(rows)
        ranges = np.sort(rng.integers(1, keys + 1, (rows, 3)), axis=1)
        seen = [[key for key in range(last) if not low <= key < high] for low, high, last in ranges]
        got = run("f32_attend_rows", isa, q, k, v, 1, visible=ranges)
        assert_same(*got, self.definition(q, k, v, seen))

    @pytest.mark.parametrize(
        ("rows", "heads", "kv_heads", "dim", "keys"),
        [(1, 1, 1, 1, 1), (3, 2, 1, 5, 9), (17, 4, 2, 32, 273), (6, 6, 2, 33, 31), (7, 1, 1, 512, 64)],
    )
    def test_in_sixteen_bits(self, isa, rows, heads, kv_heads, dim, keys):
        q, k, v = self.samples(rows, heads, kv_heads, dim, keys)
        v[::3] *= 100.0  # values of one cache may have any sizes
        for gap in ((0, 0), (1, (keys + 1) // 2)):
            lasts = np.linspace(max(gap[1], 1), keys, rows).astype(int)
            ranges = np.array([[*gap, last] if keys > 1 else [0, 0, 1] for last in lasts])
            expected = self.definition(q, k, v, [[*range(a), *range(b, c)] for a, b, c in ranges])
            got = run("i16_attend_rows", isa, q, k, v, 1, visible=ranges)
            assert_same(*got, expected, 2e-3)
            assert np.abs(got[0] - got[1]).max() <= 3e-4 * np.abs(expected).max()

    def test_sixteen_bits_at_their_largest(self, isa):
        q = k = v = np.ones((40, 1, 128), np.float32)
        assert_same(*run("i16_attend_rows", isa, q, k, -1e6 * v, 40), -1e6 * v, 1e-3)

    def test_what_is_not_finite_shows_in_sixteen_bits(self, isa):
        for which in range(3):
            qkv = [normal(4, 1, 8), normal(9, 1, 8), normal(9, 1, 8, seed=1)]
            qkv[which][2, 0, 3] = np.nan
            got = kernels.i16_attend_rows(*qkv, 9, isa=isa)
            assert not np.isfinite(got[2]).any()

    @pytest.mark.parametrize("half", [1, 2, 3, 4, 8, 9, 32])
    def test_rotation_is_by_the_angle_of_the_position(self, isa, half):
        x, angles = normal(6, 3, 2 * half), 3.0 * normal(5, half)
        positions = np.array([4, 0, 1, 1, 3, 2])
        turn = np.exp(1j * angles.astype(np.float64))[positions][:, None]
        turned = (x[..., :half] + 1j * x[..., half:].astype(np.float64)) * turn
        expected = np.concatenate([turned.real, turned.imag], -1)
        assert_same(*run("f32_rotate_halves", isa, x, np.cos(angles), np.sin(angles), positions), expected)

    @pytest.mark.parametrize("dim", [1, 7, 16, 33])
    def test_values_are_stored_where_they_belong(self, isa, dim):
        k, v = normal(5, 2, dim), normal(5, 2, dim, seed=1)
        for first, capacity in ((0, 5), (3, 8), (30, 77)):
            np.testing.assert_array_equal(kernels.f32_store_keys(k, v, first, capacity, isa=isa), v)
            narrow = kernels.i16_store_keys(k, v, first, capacity, isa=isa)
            np.testing.assert_allclose(narrow, v, atol=np.abs(v).max(initial=0.0) / 65000)
        with pytest.raises(ValueError, match="too small"):
            kernels.f32_store_keys(k, v, 4, 8, isa=isa)

    def test_large_scores_do_not_overflow(self, isa):
        q, k, v = 100.0 * normal(4, 1, 8), 100.0 * normal(20, 1, 8), normal(20, 1, 8, seed=1)
        assert_same(*run("f32_attend_rows", isa, q, k, v, 20), self.definition(q, k, v, [20] * 4))

    @pytest.mark.parametrize("width", SIZES)
    def test_softmax(self, isa, width):
        x = 10.0 * normal(3, width)
        e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True, initial=-np.inf))
        assert_same(*run("f32_softmax_rows", isa, x), e / e.sum(1, keepdims=True), 1e-6)


class TestElementwise:
    @pytest.mark.parametrize("n", SIZES)
    def test_add_scaled(self, isa, n):
        x, z = normal(n), normal(n, seed=1)
        assert_same(*run("f32_add_scaled", isa, x, z, -0.25), x - 0.25 * z.astype(np.float64))

    def test_exp_to_one_millionth(self, isa):
        x = np.linspace(-87.3, 88.3, 100_003, dtype=np.float32)
        got = kernels.f32_apply_unary("exp", x, isa=isa)
        exact = np.exp(x.astype(np.float64))
        assert (np.abs(got - exact) / exact).max() < 1e-6

    def test_exp_saturates_and_keeps_nan(self, isa):
        x = np.array([-1e30, -np.inf, -200.0, 0.0, np.nan, 1.0], np.float32)
        got = kernels.f32_apply_unary("exp", x, isa=isa)
        assert (got[:3] < 1e-37).all()
        assert got[3] == 1.0
        assert np.isnan(got[4])
        assert kernels.f32_apply_unary("exp", np.array([200.0], np.float32), isa=isa)[0] > 1e38

    @pytest.mark.parametrize("n", SIZES)
    def test_silu_and_relu(self, isa, n):
        x = 20.0 * normal(n)
        assert_same(*run("f32_apply_unary", isa, "silu", x), silu(x), 1e-6)
        assert_same(*run("f32_apply_unary", isa, "relu", x), np.maximum(x, 0.0), 0.0)

    @pytest.mark.parametrize("op", ["gelu", "gelu_tanh"])
    def test_gelu_to_half_a_millionth(self, isa, op):
        x = np.linspace(-12.0, 12.0, 30_001, dtype=np.float32)
        exact = ACTIVATIONS[op](x)
        assert (
            np.abs(kernels.f32_apply_unary(op, x, isa=isa) - exact) <= 5e-7 * np.maximum(1, np.abs(x))
        ).all()
        assert (
            np.abs(ACTIVATIONS["gelu"](x) - ACTIVATIONS["gelu_tanh"](x)).max() > 1e-4
        )  # they are told apart
        far = np.array([-1e4, -100.0, 100.0, 1e4], np.float32)
        assert_same(*run("f32_apply_unary", isa, op, far), np.maximum(far, 0.0), 1e-6)

    def test_silu_far_out(self, isa):
        x = np.array([-1e4, -100.0, -88.0, 88.0, 1e4], np.float32)
        expected = np.where(x < 0, 0.0, x)
        assert_same(*run("f32_apply_unary", isa, "silu", x), expected, 1e-6)

    def test_nan_is_never_swallowed(self, isa):
        x = np.full(19, np.nan, np.float32)
        for op in ("exp", "silu", "relu", "gelu", "gelu_tanh"):
            assert np.isnan(kernels.f32_apply_unary(op, x, isa=isa)).all(), op

    @pytest.mark.parametrize("locked", [0, 1, 7])
    def test_euler_with_lock(self, isa, locked):
        x, v, lock = normal(7, 6), normal(7, 6, seed=1), normal(locked, 6, seed=2)
        expected = x.astype(np.float64) + 0.25 * v
        expected[:locked] = lock
        got = run("f32_step_euler", isa, x, v, lock, 0.25)
        assert_same(*got, expected, 1e-6)
        assert np.array_equal(got[0][:locked], lock)

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (96, 96)])
    def test_image(self, isa, size):
        image = np.random.default_rng(size).integers(0, 256, (*size, 3), dtype=np.uint8)
        mean, std = np.array([0.5, 0.4, 0.3]), np.array([0.25, 0.2, 0.1])
        got = run("u8_normalise_image", isa, image, 1 / (255 * std), -mean / std)
        assert_same(*got, (image / 255.0 - mean) / std, 1e-6)


class TestForcedIsa:
    def test_it_is_the_one_asked_for(self, isa):
        assert kernels.describe(isa).isa == isa

    def test_its_arithmetic_betrays_it(self, isa, monkeypatch):
        """A product that rounds once under FMA and twice without: the code that ran, not only its name."""
        monkeypatch.setenv("MOTORIUM_ISA", isa)
        about = kernels.describe()
        x = np.array([[1.0 + 2.0**-12, -1.0]], np.float32)
        w = np.array([[1.0 + 2.0**-12, 1.0 + 2.0**-11]], np.float32)
        # exact: (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24; rounding the square first loses it
        reversed_sum = kernels.f32_multiply_rows(x[:, ::-1].copy(), w[:, ::-1].copy())[0, 0]
        assert reversed_sum == (2.0**-24 if about.fused else 0.0)
        assert about.fused == (isa not in ("sse2", "plain"))

    def test_unknown_names_list_the_valid_ones(self, isa):
        with pytest.raises(RuntimeError, match=f"'mmx'.*available:.*{isa}"):
            kernels.describe("mmx")
