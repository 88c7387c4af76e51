"""The action expert that all contenders compute: sizes, weights, inputs.

The math is that of Being-H0.5's expert over a cached prefix. T noisy action rows x (T, 200) and one state token h:

    time row     tau(k) = [sin(i f), cos(i f)], i = int(1000 k / K), f_j = 10000^(-j / (A/2)), j < A/2
    embedding    a = W3 silu(W2 [W1 x + b1 ; tau] + b2) + b3
    tokens       [h ; a_0 .. a_{T-1}] at positions P .. P + T, causal among themselves; each sees the whole prefix
    layer        n = rms(x) w1; q, k, v = Wq n, Wk n, Wv n; q, k = rope(rms(q) wq), rope(rms(k) wk) per head
                 x += Wo attention(q, [prefix k ; k], [prefix v ; v]); n = rms(x) w2; x += Wd (silu(Wg n) * (Wu n))
    velocity     v = U2 relu(U1 (rms(x) w) + c1) + c2
    step         x += v / K, for k = 0 .. K - 1

Norm epsilon 1e-6; attention scale hd^-0.5; grouped heads (head i reads key head i // (heads / kv_heads)); rotary
base 1e6, rotating the two halves of a head. The prefix's keys are already normalised and rotated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SLOTS = 200
ROPE_BASE = 1e6
EPS = 1e-6

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ExpertSize:
    """Sizes of one action expert; `prefix` cached tokens, `lead` tokens before the action rows (the state)."""

    layers: int
    width: int
    mlp: int
    heads: int
    kv_heads: int
    head_dim: int
    prefix: int
    rows: int = 16
    steps: int = 4
    lead: int = 1

    @property
    def tokens(self) -> int:
        """State token and action rows, the rows of x last."""
        return self.lead + self.rows

    @property
    def weights(self) -> int:
        """Numbers in the matrices that every step reads."""
        a = self.width
        attention = a * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        head = SLOTS * a + 2 * a * a + a * a + a * a + a * SLOTS
        return self.layers * (attention + 3 * a * self.mlp) + head

    @property
    def flops(self) -> int:
        """Floating-point operations of one chunk: T rows through every matrix, and attention, K times.

        The state token is left out: what it computes is the same at every step.
        """
        scores = 2 * self.heads * self.head_dim * (self.prefix + self.tokens) * self.layers
        return 2 * self.rows * self.steps * (self.weights + scores)


# B is the expert of Being-H0.5 2B.
SIZES = {
    "S": ExpertSize(6, 256, 768, 4, 2, 64, prefix=96),
    "M": ExpertSize(12, 512, 1536, 8, 4, 64, prefix=256),
    "B": ExpertSize(28, 1024, 3072, 16, 8, 128, prefix=256),
}
TINY = ExpertSize(2, 32, 48, 4, 2, 8, prefix=5, rows=3, steps=2)  # for tests


@dataclass(frozen=True)
class ExpertInputs:
    """What one chunk starts from.

    noise (T, 200), state (lead, A), keys and values (L, P, kv_heads, head_dim); float32.
    """

    noise: Floats
    state: Floats
    keys: Floats
    values: Floats


def make_weights(size: ExpertSize, seed: int = 0) -> dict[str, Floats]:
    """Make random weights by name, scaled so that activations keep their size; [out, in] as in torch."""
    source = np.random.default_rng(seed)
    a, hd = size.width, size.head_dim
    tensors: dict[str, Floats] = {}

    def linear(name: str, n: int, k: int, *, bias: bool = False, gain: float = 1.0) -> None:
        tensors[f"{name}.weight"] = source.standard_normal((n, k), np.float32) * np.float32(gain / np.sqrt(k))
        if bias:
            tensors[f"{name}.bias"] = source.standard_normal(n, np.float32) * np.float32(0.1)

    def norm(name: str, n: int) -> None:
        tensors[f"{name}.weight"] = 1 + source.standard_normal(n, np.float32) * np.float32(0.1)

    for name, n, k in (("action.w1", a, SLOTS), ("action.w2", a, 2 * a), ("action.w3", a, a)):
        linear(name, n, k, bias=True)
    for layer in range(size.layers):
        here = f"layers.{layer}"
        for name, n in (("norm1", a), ("norm2", a), ("q_norm", hd), ("k_norm", hd)):
            norm(f"{here}.{name}", n)
        for name, n in (("q", size.heads * hd), ("k", size.kv_heads * hd), ("v", size.kv_heads * hd)):
            linear(f"{here}.{name}", n, a)
        # Branches are damped so that the residual stream of 28 layers stays that of a trained network.
        linear(f"{here}.o", a, size.heads * hd, gain=0.5)
        for name in ("gate", "up"):
            linear(f"{here}.{name}", size.mlp, a)
        linear(f"{here}.down", a, size.mlp, gain=0.5)
    norm("norm", a)
    linear("out.fc1", a, a, bias=True)
    linear("out.fc2", SLOTS, a, bias=True)
    return tensors


def make_inputs(size: ExpertSize, seed: int = 1) -> ExpertInputs:
    """Make random inputs; the keys have the length that normalised keys have."""
    source = np.random.default_rng(seed)
    cache = (size.layers, size.prefix, size.kv_heads, size.head_dim)
    keys = source.standard_normal(cache, np.float32)
    keys /= np.sqrt(np.mean(keys**2, axis=-1, keepdims=True) + EPS)
    return ExpertInputs(
        noise=source.standard_normal((size.rows, SLOTS), np.float32),
        state=source.standard_normal((size.lead, size.width), np.float32),
        keys=keys,
        values=source.standard_normal(cache, np.float32),
    )


def time_rows(size: ExpertSize) -> Floats:
    """Return tau of every step, (K, A)."""
    half = size.width // 2
    rates = 10000.0 ** (-np.arange(half) / half)
    index = np.array([int(1000 * k / size.steps) for k in range(size.steps)])
    angles = index[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def rotations(size: ExpertSize) -> tuple[Floats, Floats]:
    """Return cosine and signed sine of the tokens' positions, (lead + T, head_dim) each.

    rope(x) = x * cos + swap(x) * sin, where swap exchanges the halves of a head; the minus sign is in `sin`.
    """
    half = size.head_dim // 2
    rates = ROPE_BASE ** (-np.arange(half) / half)
    angles = (size.prefix + np.arange(size.tokens))[:, None] * rates
    cos, sin = np.cos(angles), np.sin(angles)
    return (
        np.concatenate([cos, cos], axis=1).astype(np.float32),
        np.concatenate([-sin, sin], axis=1).astype(np.float32),
    )


def visible(size: ExpertSize) -> NDArray[np.bool_]:
    """Return which keys each token may look at, (lead + T, P + lead + T)."""
    own = np.tril(np.ones((size.tokens, size.tokens), bool))
    return np.concatenate([np.ones((size.tokens, size.prefix), bool), own], axis=1)
