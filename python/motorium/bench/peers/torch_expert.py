"""The action expert in PyTorch, eager and compiled, written as fast as plain PyTorch allows.

Query, key and value share one product, gate and up another; the cache is one buffer into which a step writes its own
keys; grouped heads are rows of the same attention, so that no key is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor

from .expert import EPS, ExpertInputs, ExpertSize, Floats, rotations, time_rows, visible


def _rms(x: Tensor, weight: Tensor) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), weight, EPS)


class _Layer(torch.nn.Module):
    """One block; `keys` and `values` (kv_heads, P + lead + T, head_dim) hold the prefix first."""

    def __init__(self, size: ExpertSize, weights: Mapping[str, Floats], here: str) -> None:
        super().__init__()
        self.size = size

        def joined(*names: str) -> Tensor:
            parts = [torch.from_numpy(weights[f"{here}.{name}.weight"]) for name in names]
            return torch.cat(parts) if len(parts) > 1 else parts[0]

        for name, parts in {
            "norm1": ("norm1",), "norm2": ("norm2",), "q_norm": ("q_norm",), "k_norm": ("k_norm",),
            "qkv": ("q", "k", "v"), "o": ("o",), "gate_up": ("gate", "up"), "down": ("down",),
        }.items():  # fmt: skip
            self.register_buffer(name, joined(*parts))

    def forward(
        self, x: Tensor, cache: tuple[Tensor, Tensor], rope: tuple[Tensor, Tensor], mask: Tensor
    ) -> Tensor:
        s, tokens = self.size, x.shape[0]
        heads = F.linear(_rms(x, self.norm1), self.qkv).view(tokens, -1, s.head_dim).transpose(0, 1)
        q, k, v = heads.split([s.heads, s.kv_heads, s.kv_heads])
        q, k = _rotate(_rms(q, self.q_norm), rope), _rotate(_rms(k, self.k_norm), rope)
        keys, values = cache
        keys[:, s.prefix :] = k
        values[:, s.prefix :] = v
        group = s.heads // s.kv_heads
        grouped = q.reshape(1, s.kv_heads, group * tokens, s.head_dim)
        y = F.scaled_dot_product_attention(grouped, keys[None], values[None], attn_mask=mask)
        y = y.view(s.heads, tokens, s.head_dim).transpose(0, 1).reshape(tokens, -1)
        x = x + F.linear(y, self.o)
        gate, up = F.linear(_rms(x, self.norm2), self.gate_up).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, self.down)


def _rotate(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    half = x.shape[-1] // 2
    return x * rope[0] + torch.cat([x[..., half:], x[..., :half]], -1) * rope[1]


class TorchExpert(torch.nn.Module):
    """One Euler step as a module; `runner` makes the loop over the steps."""

    def __init__(self, size: ExpertSize, weights: Mapping[str, Floats]) -> None:
        """Shares memory with `weights` as far as it can."""
        super().__init__()
        self.size = size
        self.layers = torch.nn.ModuleList(_Layer(size, weights, f"layers.{i}") for i in range(size.layers))
        for name, value in weights.items():
            if not name.startswith("layers."):
                self.register_buffer(name.replace(".", "_"), torch.from_numpy(value))

    def forward(self, x: Tensor, tau: Tensor, state: Tensor, caches: list[tuple[Tensor, Tensor]],
                constants: tuple[tuple[Tensor, Tensor], Tensor]) -> Tensor:  # fmt: skip
        """Compute the next x from x (T, 200) float32, one row of tau (A,) and state (lead, A)."""
        rope, mask = constants
        kind = self.action_w1_weight.dtype
        e = F.linear(x.to(kind), self.action_w1_weight, self.action_w1_bias)
        e = torch.cat([e, tau.expand(e.shape[0], -1)], -1)
        e = F.silu(F.linear(e, self.action_w2_weight, self.action_w2_bias))
        h = torch.cat([state, F.linear(e, self.action_w3_weight, self.action_w3_bias)])
        for layer, cache in zip(self.layers, caches, strict=True):
            h = layer(h, cache, rope, mask)
        h = _rms(h[self.size.lead :], self.norm_weight)
        v = F.linear(
            F.relu(F.linear(h, self.out_fc1_weight, self.out_fc1_bias)),
            self.out_fc2_weight,
            self.out_fc2_bias,
        )
        return x + v.float() / self.size.steps


def runner(module: TorchExpert, inputs: ExpertInputs, *, compiled: bool) -> Callable[[], Floats]:
    """Return a call that computes one chunk (T, 200); the module's weights decide the precision."""
    size, kind = module.size, module.action_w1_weight.dtype

    def to(array: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(kind)

    room = torch.zeros(size.kv_heads, size.tokens, size.head_dim, dtype=kind)
    caches = [
        (torch.cat([to(k.swapaxes(0, 1)), room], 1), torch.cat([to(v.swapaxes(0, 1)), room], 1))
        for k, v in zip(inputs.keys, inputs.values, strict=True)
    ]
    cos, sin = rotations(size)
    mask = torch.from_numpy(np.tile(visible(size), (size.heads // size.kv_heads, 1)))
    constants = ((to(cos), to(sin)), mask)
    tau, state, noise = to(time_rows(size)), to(inputs.state), torch.from_numpy(inputs.noise)
    step = torch.compile(module, fullgraph=True, dynamic=False) if compiled else module

    @torch.inference_mode()
    def run() -> Floats:
        x = noise
        for k in range(size.steps):
            x = step(x, tau[k], state, caches, constants)
        result: Floats = x.numpy()
        return result

    return run


def set_threads(threads: int) -> None:
    """Set the threads of every torch contender of this process."""
    torch.set_num_threads(threads)
