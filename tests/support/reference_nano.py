"""The nano network written out in numpy float64, straight from its definition: the engine's independent judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motorium.policies.nano.config import Descriptor

Array = NDArray[Any]


def silu(x: Array) -> Array:
    return x / (1.0 + np.exp(-x))


def rms(x: Array, weight: Array, eps: float) -> Array:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def conv2d(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    """x (C, H, W), weight (O, C, k, k), padding 1."""
    k = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, weight, optimize=True) + bias[:, None, None]


def group_norm(x: Array, groups: int, weight: Array, bias: Array, eps: float) -> Array:
    flat = x.reshape(groups, -1)
    flat = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + eps)
    return flat.reshape(x.shape) * weight[:, None, None] + bias[:, None, None]


def sinusoid(t: float, width: int) -> Array:
    half = width // 2
    angle = 1000.0 * t * 10000.0 ** (-np.arange(half) / half)
    return np.concatenate([np.sin(angle), np.cos(angle)])


@dataclass
class Prefix:
    """Per layer (keys, values), each (N, heads, head_dim); the scene readout; slots whose adapters are used."""

    layers: list[tuple[Array, Array]]
    scene: Array
    active: tuple[int, ...] = ()


class ReferenceNano:
    """`encode` and `denoise` as the engine has them, everything recomputed from scratch at every step."""

    def __init__(self, descriptor: Descriptor, tensors: dict[str, Array]) -> None:
        self.d = descriptor
        self.w = {name: np.asarray(value, np.float64) for name, value in tensors.items()}

    def linear(self, name: str, x: Array) -> Array:
        y = x @ self.w[f"{name}.weight"].T
        return y + self.w[f"{name}.bias"] if f"{name}.bias" in self.w else y

    def rms(self, name: str, x: Array) -> Array:
        return rms(x, self.w[f"{name}.weight"], self.d.dims.rms_eps)

    def vision(self, role: str, image: Array, text_pool: Array) -> Array:
        d, w, here = self.d, self.w, f"vision.{role}"
        x = (image.astype(np.float64) / 255.0 - d.image.mean) / d.image.std
        x = x.transpose(2, 0, 1)

        def stage(i: int, x: Array, stride: int) -> Array:
            y = conv2d(x, w[f"{here}.conv{i}.weight"], w[f"{here}.conv{i}.bias"], stride)
            norm = w[f"{here}.norm{i}.weight"], w[f"{here}.norm{i}.bias"]
            return group_norm(y, d.dims.groups, *norm, d.dims.norm_eps)

        x = silu(stage(1, x, 4))
        x = silu(stage(2, x, 2))
        gamma, beta = np.split(self.linear(f"{here}.film", text_pool), 2)
        y = stage(3, x, 1) * (1.0 + gamma[:, None, None]) + beta[:, None, None]
        x = x + silu(y)
        x = stage(4, x, 2)
        return x.reshape(x.shape[0], -1).T + w[f"{here}.position"]

    def attention_inputs(self, here: str, x: Array) -> tuple[Array, Array, Array]:
        dims = self.d.dims
        n = self.rms(f"{here}.norm1", x)
        q, k, v = (
            self.linear(f"{here}.{part}", n).reshape(len(x), dims.heads, dims.head_dim) for part in "qkv"
        )
        return self.rms(f"{here}.q_norm", q), self.rms(f"{here}.k_norm", k), v

    def attend(self, q: Array, k: Array, v: Array, mask: Array) -> Array:
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(self.d.dims.head_dim)
        scores = np.where(mask[None], scores, -np.inf)
        return np.einsum("hqk,khd->qhd", softmax(scores), v).reshape(len(q), -1)

    def swiglu(self, n: Array, gate: Array, up: Array, down: Array) -> Array:
        return (silu(n @ gate.T) * (n @ up.T)) @ down.T

    def encode(self, images: list[Array], token_ids: Array, embodiment: int) -> Prefix:
        d, w = self.d, self.w
        embedded = w["text.embedding.weight"][token_ids]
        pool = embedded.mean(0)
        views = [self.vision(c.role, image, pool) for c, image in zip(d.cameras, images, strict=True)]
        x = np.concatenate(
            [w["soft_prompt"][embodiment], embedded + w["text.position"], *views, w["readout"]]
        )
        layers = []
        for layer in range(d.dims.layers):
            here = f"layers.{layer}.prefix"
            q, k, v = self.attention_inputs(here, x)
            layers.append((k, v))
            x = x + self.linear(f"{here}.o", self.attend(q, k, v, np.ones((len(x), len(x)), bool)))
            n = self.rms(f"{here}.norm2", x)
            x = x + self.swiglu(n, *(w[f"{here}.{part}.weight"] for part in ("gate", "up", "down")))
        active = d.slot_adapters[embodiment].slots if d.slot_adapters else ()
        return Prefix(layers, self.linear("scene.head", self.rms("scene.norm", x[-1:]))[0], active)

    def mixture(self, here: str, n: Array) -> Array:
        dims, w = self.d.dims, self.w
        logits = n @ w[f"{here}.router.weight"].T
        chosen = np.argsort(-logits, axis=1, kind="stable")[:, : dims.top_k]
        shares = softmax(np.take_along_axis(logits, chosen, 1))
        out = np.zeros_like(n)
        for row, (experts, weights) in enumerate(zip(chosen, shares, strict=True)):
            for e, weight in zip(experts, weights, strict=True):
                parts = (w[f"{here}.experts.{part}.weight"][e] for part in ("gate", "up", "down"))
                out[row] += weight * self.swiglu(n[row : row + 1], *parts)[0]
        return out

    def velocity(self, prefix: Prefix, state: Array, x: Array, times: Array) -> Array:
        """x (T, 200) normalised; times (T,): each row's flow time."""
        d, w, a = self.d, self.w, self.d.dims.expert_width
        token = self.linear("state.fc2", np.maximum(self.linear("state.fc1", state), 0.0))
        token = token + self.linear("scene.embed", prefix.scene)
        tau = np.stack([sinusoid(t, a) for t in times])
        first = self.linear("action.w1", x)
        for slot in prefix.active:  # Being-H0.5, eq. 12: W[k] x_k
            first = first + x[:, [slot]] @ w["slot.in.weight"][slot].T
        both = np.concatenate([first, tau], axis=1)
        actions = self.linear("action.w3", silu(self.linear("action.w2", both))) + w["action.position"]
        h = np.concatenate([token[None], actions])
        for layer, (keys, values) in enumerate(prefix.layers):
            here = f"layers.{layer}.expert"
            q, k, v = self.attention_inputs(here, h)
            causal = np.tri(len(h), dtype=bool)
            mask = np.concatenate([np.ones((len(h), len(keys)), bool), causal], axis=1)
            mixed = self.attend(q, np.concatenate([keys, k]), np.concatenate([values, v]), mask)
            h = h + self.linear(f"{here}.o", mixed)
            n = self.rms(f"{here}.norm2", h)
            if layer < d.dims.shared_layers:
                h = h + self.swiglu(n, *(w[f"{here}.{part}.weight"] for part in ("gate", "up", "down")))
            else:
                h = h + self.mixture(here, n)
        hidden = silu(self.linear("out.fc1", self.rms("out.norm", h[1:])))
        result = self.linear("out.fc2", hidden)
        for slot in prefix.active:
            result[:, [slot]] += hidden @ w["slot.out.weight"][slot].T
        return result

    def denoise(
        self, prefix: Prefix, state: Array, noise: Array, committed: Array | None, steps: int
    ) -> Array:
        d = self.d
        slots = [c.slot for c in d.action]
        base = np.array([state[c.slot] if c.relative else 0.0 for c in d.action])
        mean, std = np.array(d.action_normalisation.mean), np.array(d.action_normalisation.std)
        state_norm = np.zeros(200)
        for c in d.state:
            state_norm[c.slot] = (state[c.slot] - c.mean) / c.std
        locked = 0 if committed is None else len(committed)
        x = np.zeros((d.chunk.rows, 200))
        x[:, slots] = noise[:, slots]

        def lock() -> None:
            if committed is not None:
                x[:locked, slots] = (committed[:, slots] - base - mean[:locked]) / std[:locked]

        for k in range(steps):
            lock()
            times = np.where(np.arange(d.chunk.rows) < locked, 1.0, k / steps)
            v = self.velocity(prefix, state_norm, x, times)
            x[:, slots] += v[:, slots] / steps
        lock()
        out = np.zeros((d.chunk.rows, 200))
        out[:, slots] = x[:, slots] * std + mean + base
        return out
