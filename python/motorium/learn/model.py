"""Define the motorium nano network in PyTorch, for training; the C++ engine runs the same tensors without torch.

Two streams of tokens share their attention (a mixture of transformers, Being-H0.5): the prefix (soft prompt, words,
camera patches, readout) is encoded once per observation, and the expert (state and the noisy action rows)
attends to the prefix's keys and values and, causally, to itself. Tensor names are the checkpoint's names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..policies.nano.config import Descriptor, Dims
from ..types import SLOTS
from .slot_bank import SlotBank, active_slots
from .vision import vision_of

TIME_SCALE = 1000.0
"""Being-H0.5 feeds the flow time to its sinusoid as 1000 t."""


@dataclass(frozen=True)
class Prefix:
    """What the expert needs of an encoded observation.

    Attributes:
        keys: per layer (B, h, N, hd).
        values: per layer (B, h, N, hd).
        scene: (B, S) normalised scene estimate.
        views: per camera (B, tokens, U), the tokens before any attention.
        active: (B, 200), 1 on slots whose adapters the embodiment uses; None where the network has none.
    """

    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    scene: Tensor
    views: Sequence[Tensor]
    active: Tensor | None = None


class RmsNorm(nn.Module):
    """x * rsqrt(mean(x^2) + eps) * weight over the last axis."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., W) to (..., W)."""
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class Text(nn.Module):
    """Word embeddings; padding words are ordinary tokens."""

    def __init__(self, vocabulary: int, max_tokens: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.randn(max_tokens, width) * 0.02)
        nn.init.normal_(self.embedding.weight, std=1.0)

    def forward(self, token_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Map ids (B, L) to tokens (B, L, U) and their mean without positions (B, U)."""
        words = self.embedding(token_ids)
        return words + self.position, words.mean(dim=1)


class Block(nn.Module):
    """What both streams have in every layer: norms, attention projections and per-head norms."""

    def __init__(self, width: int, dims: Dims) -> None:
        super().__init__()
        self.heads, self.head_dim = dims.heads, dims.head_dim
        inner = dims.heads * dims.head_dim
        self.norm1 = RmsNorm(width, dims.rms_eps)
        self.q = nn.Linear(width, inner, bias=False)
        self.k = nn.Linear(width, inner, bias=False)
        self.v = nn.Linear(width, inner, bias=False)
        self.q_norm = RmsNorm(dims.head_dim, dims.rms_eps)
        self.k_norm = RmsNorm(dims.head_dim, dims.rms_eps)
        self.o = nn.Linear(inner, width, bias=False)
        self.norm2 = RmsNorm(width, dims.rms_eps)

    def _split(self, x: Tensor) -> Tensor:
        """(..., N, h * hd) -> (..., N, h, hd)."""
        return x.unflatten(-1, (self.heads, self.head_dim))

    def query(self, normed: Tensor) -> Tensor:
        """Map (..., N, W) to (..., h, N, hd)."""
        return self.q_norm(self._split(self.q(normed))).transpose(-2, -3)

    def key_value(self, normed: Tensor) -> tuple[Tensor, Tensor]:
        """Map (..., N, W) to two of (..., h, N, hd)."""
        key = self.k_norm(self._split(self.k(normed))).transpose(-2, -3)
        return key, self._split(self.v(normed)).transpose(-2, -3)

    def merge(self, attended: Tensor) -> Tensor:
        """Map (..., h, N, hd) to (..., N, W)."""
        return self.o(attended.transpose(-2, -3).flatten(-2))


class DenseBlock(Block):
    """A block whose feed-forward part is one SwiGLU."""

    def __init__(self, width: int, hidden: int, dims: Dims) -> None:
        super().__init__(width, dims)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def feed_forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (..., W) to (..., W), without a balance loss."""
        n = self.norm2(x)
        return self.down(functional.silu(self.gate(n)) * self.up(n)), x.new_zeros(())


class ExpertWeights(nn.Module):
    """The SwiGLU weights of all routed experts: gate and up (E, R, A), down (E, A, R)."""

    def __init__(self, experts: int, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.ParameterDict({"weight": _uniform(experts, hidden, width)})
        self.up = nn.ParameterDict({"weight": _uniform(experts, hidden, width)})
        self.down = nn.ParameterDict({"weight": _uniform(experts, width, hidden)})


class RoutedBlock(Block):
    """A block with a mixture-of-flow: each token goes through its `top_k` experts."""

    def __init__(self, dims: Dims) -> None:
        super().__init__(dims.expert_width, dims)
        self.top_k = dims.top_k
        self.router = nn.Linear(dims.expert_width, dims.experts, bias=False)
        self.experts = ExpertWeights(dims.experts, dims.expert_width, dims.routed_mlp)

    def feed_forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (..., A) to (..., A) and the balance loss of Switch Transformers (Fedus et al., 2021; 1 = balanced).

        All experts are computed and the unchosen weighted with zero: at this size two large products are
        faster than gathering tokens, and the result is the same.
        """
        n = self.norm2(x)
        logits = self.router(n)
        chosen, index = logits.topk(self.top_k, dim=-1)
        share = torch.zeros_like(logits).scatter(-1, index, chosen.softmax(dim=-1))
        gate, up, down = (self.experts.get_parameter(f"{name}.weight") for name in ("gate", "up", "down"))
        hidden = functional.silu(functional.linear(n, gate.flatten(0, 1))) * functional.linear(
            n, up.flatten(0, 1)
        )
        hidden = (hidden.unflatten(-1, gate.shape[:2]) * share[..., None]).flatten(-2)
        out = functional.linear(hidden, down.transpose(0, 1).flatten(1))
        probability = logits.softmax(dim=-1).flatten(0, -2).mean(dim=0)
        load = (share > 0).to(x.dtype).flatten(0, -2).mean(dim=0) / self.top_k
        return out, (probability * load).sum() * len(load)


class Layer(nn.Module):
    """The two streams at one depth."""

    def __init__(self, dims: Dims, routed: bool) -> None:
        super().__init__()
        self.prefix = DenseBlock(dims.prefix_width, dims.prefix_mlp, dims)
        self.expert: DenseBlock | RoutedBlock = (
            RoutedBlock(dims) if routed else DenseBlock(dims.expert_width, dims.expert_mlp, dims)
        )


class NanoModel(nn.Module):
    """motorium nano: `encode` an observation once, then ask for its `velocity` at any flow time."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.dims = dims = descriptor.dims
        self.roles = tuple(camera.role for camera in descriptor.cameras)
        u, a, scene = dims.prefix_width, dims.expert_width, len(descriptor.scene.names)
        prompt = descriptor.prompt
        self.soft_prompt = nn.Parameter(torch.randn(len(descriptor.embodiments), dims.soft_tokens, u) * 0.02)
        self.readout = nn.Parameter(torch.randn(1, u) * 0.02)
        self.text = Text(len(prompt.vocabulary), prompt.max_tokens, u)
        self.vision = nn.ModuleDict({camera.role: vision_of(dims, camera) for camera in descriptor.cameras})
        routed = [depth >= dims.shared_layers for depth in range(dims.layers)]
        self.layers = nn.ModuleList([Layer(dims, routed=flag) for flag in routed])
        self.scene = nn.ModuleDict(
            {
                "norm": RmsNorm(u, dims.rms_eps),
                "head": nn.Linear(u, scene),
                "embed": nn.Linear(scene, a),
            }
        )
        self.state = nn.ModuleDict({"fc1": nn.Linear(SLOTS, a), "fc2": nn.Linear(a, a)})
        self.action = ActionEncoder(a, descriptor.rows)
        self.out = nn.ModuleDict(
            {"norm": RmsNorm(a, dims.rms_eps), "fc1": nn.Linear(a, a), "fc2": nn.Linear(a, SLOTS)}
        )
        nn.init.normal_(self.out["fc2"].weight, std=0.01)
        if descriptor.slot_adapters:
            self.slot = nn.ModuleDict({"in": SlotBank(a, 1), "out": SlotBank(1, a)})
            self.register_buffer("active", active_slots(descriptor), persistent=False)

    def encode(
        self,
        images: Mapping[str, Tensor],
        token_ids: Tensor,
        embodiment: Tensor,
        aside: Mapping[str, Tensor] | None = None,
    ) -> Prefix:
        """Encode observations: `look`, then `read`."""
        return self.read(self.look(images, token_ids, aside), token_ids, embodiment)

    def look(
        self, images: Mapping[str, Tensor], token_ids: Tensor, aside: Mapping[str, Tensor] | None = None
    ) -> list[Tensor]:
        """Return per camera (B, tokens, U), what is seen before any attention.

        Args:
            images: role -> (B, 3, H, W) normalised.
            token_ids: (B, L).
            aside: in training, role -> (B, 2 K) that is added to the places of points.
        """
        _, text_pool = self.text(token_ids)
        return [
            self.vision[role](images[role], text_pool, *([aside[role]] if aside else []))
            for role in self.roles
        ]

    def read(self, views: Sequence[Tensor], token_ids: Tensor, embodiment: Tensor) -> Prefix:
        """Return the prefix of what was seen, words (B, L) and embodiments (B,)."""
        words, _ = self.text(token_ids)
        readout = self.readout.expand(len(token_ids), 1, -1)
        x = torch.cat([self.soft_prompt[embodiment], words, *views, readout], dim=1)
        keys, values = [], []
        for depth, layer in enumerate(self.layers):
            block = layer.prefix
            normed = block.norm1(x)
            key, value = block.key_value(normed)
            keys.append(key)
            values.append(value)
            if depth == len(self.layers) - 1:  # nobody looks at the other tokens after the last layer
                x, normed = x[:, -1:], normed[:, -1:]
            x = x + block.merge(attend(block.query(normed), key, value))
            x = x + block.feed_forward(x)[0]
        scene = self.scene["head"](self.scene["norm"](x[:, -1]))
        active = self.active[embodiment] if self.descriptor.slot_adapters else None
        return Prefix(keys, values, scene, views, active)

    def velocity(self, prefix: Prefix, state: Tensor, noisy: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flow's velocity for n noisy chunks per observation.

        Args:
            prefix: encoding of B observations.
            state: (B, 200) normalised, zero on unmapped slots.
            noisy: (B, n, T, 200) normalised, zero on unmapped slots.
            time: (B, n, T) flow time of each row, 1 for committed rows.

        Returns:
            (B, n, T, 200) velocity, meaningful on mapped slots, and the router's balance loss (1 = balanced).
        """
        batch, samples, rows, _ = noisy.shape
        token = self.state["fc2"](functional.relu(self.state["fc1"](state))) + self.scene["embed"](
            prefix.scene.detach()
        )
        adapted = None if prefix.active is None else self.slot["in"].spread(noisy, prefix.active)
        actions = self.action(noisy, time, adapted)
        x = torch.cat([token[:, None, None].expand(-1, samples, -1, -1), actions], dim=2)
        mask = causal_mask(prefix.keys[0].shape[2], rows + 1)
        balance = x.new_zeros(())
        for layer, prefix_key, prefix_value in zip(self.layers, prefix.keys, prefix.values, strict=True):
            block = layer.expert
            normed = block.norm1(x)
            own_key, own_value = block.key_value(normed)
            key = torch.cat([prefix_key[:, None].expand(-1, samples, -1, -1, -1), own_key], dim=3)
            value = torch.cat([prefix_value[:, None].expand(-1, samples, -1, -1, -1), own_value], dim=3)
            attended = attend(
                block.query(normed).flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1), attn_mask=mask
            )
            x = x + block.merge(attended.unflatten(0, (batch, samples)))
            update, loss = block.feed_forward(x)
            x, balance = x + update, balance + loss
        x = self.out["norm"](x[:, :, 1:])
        routed = max(1, self.dims.layers - self.dims.shared_layers)
        hidden = functional.silu(self.out["fc1"](x))
        result = self.out["fc2"](hidden)
        if prefix.active is not None:
            result = result + self.slot["out"].gather(hidden, prefix.active)
        return result, balance / routed


def attend(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """Return scaled dot product attention, on a CPU always in float32.

    Its backward in bfloat16 takes a CPU 4.6 times as long (torch 2.13, Zen 4), more than all else gains.
    """
    if query.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask)
    with torch.autocast("cpu", enabled=False):
        return functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=attn_mask
        )


class ActionEncoder(nn.Module):
    """One noisy row and its flow time to one token: W3 silu(W2 [W1 x + adapted ; tau(t)]) + position."""

    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(SLOTS, width)
        self.w2 = nn.Linear(2 * width, width)
        self.w3 = nn.Linear(width, width)
        self.position = nn.Parameter(torch.randn(rows, width) * 0.02)

    def forward(self, noisy: Tensor, time: Tensor, adapted: Tensor | None = None) -> Tensor:
        """Embed rows (B, n, T, 200), flow times (B, n, T) and adapter terms (B, n, T, A) as tokens (B, n, T, A)."""
        first = self.w1(noisy) if adapted is None else self.w1(noisy) + adapted
        embedded = torch.cat([first, time_features(time, self.w1.out_features)], dim=-1)
        return self.w3(functional.silu(self.w2(embedded))) + self.position


def time_features(time: Tensor, width: int) -> Tensor:
    """Map (...) flow time to (..., width): [sin, cos] of 1000 t at frequencies 10000^(-j / half)."""
    half = width // 2
    exponent = torch.arange(half, dtype=time.dtype, device=time.device) / half
    angle = TIME_SCALE * time[..., None] * torch.exp(-math.log(10000.0) * exponent)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def causal_mask(prefix: int, suffix: int) -> Tensor:
    """Return (suffix, prefix + suffix) bool: an expert token attends to the whole prefix, itself and its past."""
    own = torch.ones(suffix, suffix, dtype=torch.bool).tril()
    return torch.cat([torch.ones(suffix, prefix, dtype=torch.bool), own], dim=1)


def _uniform(*size: int) -> nn.Parameter:
    """Initialise as nn.Linear does, for stacked weights (..., out, in)."""
    bound = 1 / math.sqrt(size[-1])
    return nn.Parameter(torch.empty(*size).uniform_(-bound, bound))
