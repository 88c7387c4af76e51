"""Being-H0.5 in PyTorch the way its own inference runs: nothing is kept from one step to the next.

Every Euler step sends the whole packed sequence (text and image tokens in one stream, state and actions in the other,
joined in attention) through all layers. With the manifold-preserving gate there are 1 + R passes of K steps: the first
plain, the others from fresh noise, gated at every step by what the pass before gave. Weights go by the engine's names
(`policies/being_h05/weights.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor

from ...policies.being_h05.config import BeingH05Config
from .expert import Floats

GATE_EPS = 1e-5


@dataclass(frozen=True)
class Observation:
    """What is in front of the actions.

    tokens: (N - 1, H), text and image tokens in order; state: (200,), normalised; state_at: its place among all N.
    """

    tokens: Floats
    state: Floats
    state_at: int


class _Stream:
    """One half of a layer: text and images (`prefix`), or state and actions (`expert`)."""

    def __init__(
        self, weights: Mapping[str, Tensor], layer: int, stream: str, config: BeingH05Config
    ) -> None:
        self.weights, self.here = weights, f"layers.{layer}.{stream}"
        self.head_dim = config.llm_config.head_dim
        llm = config.llm_config
        self.eps = (llm if stream == "prefix" else llm.expert_config).rms_norm_eps

    def linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{self.here}.{name}.weight"])

    def norm(self, x: Tensor, name: str) -> Tensor:
        weight = self.weights.get(f"{self.here}.{name}.weight")
        return x if weight is None else F.rms_norm(x, (x.shape[-1],), weight, self.eps)

    def attention_input(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (n, heads, head_dim) of queries and keys, normalised per head, and values."""
        n = self.norm(x, "norm1")
        q, k, v = (self.linear(n, name).view(len(x), -1, self.head_dim) for name in "qkv")
        return self.norm(q, "q_norm"), self.norm(k, "k_norm"), v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.linear(attended, "o")
        n = self.norm(x, "norm2")
        return x + self.linear(F.silu(self.linear(n, "gate")) * self.linear(n, "up"), "down")


class TorchBeingH05:
    """The model; `denoise` is one chunk."""

    def __init__(self, config: BeingH05Config, weights: Mapping[str, Floats]) -> None:
        """Shares memory with `weights` where it may write. Only what lies behind the vision tower is used."""
        self.config = config
        self.weights = {
            name: torch.from_numpy(np.require(array, requirements=("C", "W")))
            for name, array in weights.items()
        }
        self.layers = [
            tuple(_Stream(self.weights, layer, stream, config) for stream in ("prefix", "expert"))
            for layer in range(config.llm_config.num_hidden_layers)
        ]

    @torch.inference_mode()
    def denoise(
        self, seen: Observation, noise: Floats, steps: int, directions: Floats | None = None
    ) -> Floats:
        """Return the chunk (T, 200).

        noise: (1 + R, T, 200); directions: (R * steps, M, H), unit vectors of the gate's distance.
        """
        tokens, state = torch.from_numpy(seen.tokens), torch.from_numpy(seen.state)[None]
        scale = self.config.num_timestep_buckets
        x = clean = torch.empty(0)
        for number, start in enumerate(torch.from_numpy(np.ascontiguousarray(noise))):
            clean, x = x, start
            for k in range(steps):
                embedded = self._embed_actions(x, int(scale * k / steps))
                if number > 0 and directions is not None:
                    call = torch.from_numpy(directions[(number - 1) * steps + k])
                    embedded = self._gate(embedded, self._embed_actions(clean, 0), call)
                own = torch.cat([self._two(state, "state.fc1", "state.fc2"), embedded])
                hidden = self._transformer(tokens, own, seen.state_at)
                x = x + self._two(hidden[1:], "out.fc1", "out.fc2") / steps
        result: Floats = x.numpy()
        return result

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _two(self, x: Tensor, first: str, second: str) -> Tensor:
        return self._linear(F.relu(self._linear(x, first)), second)

    def _embed_actions(self, x: Tensor, index: int) -> Tensor:
        e = self._linear(x, "action.w1")
        half = e.shape[1] // 2
        angles = index * torch.exp(torch.arange(half) * (-np.log(10000.0) / half))
        tau = torch.cat([angles.sin(), angles.cos()]).expand(len(e), -1)
        return self._linear(F.silu(self._linear(torch.cat([e, tau], 1), "action.w2")), "action.w3")

    def _gate(self, actions: Tensor, clean: Tensor, directions: Tensor) -> Tensor:
        """Actions after the gate; its rows are one of zeros, where the original has the state, and the actions."""
        config = self.config
        seen = F.pad(self._linear(actions, "gate.to_observation"), (0, 0, 1, 0))
        o, c = self._linear(seen, "gate.observation"), self._linear(clean, "gate.action")
        width = (o.shape[1],)
        centre = F.layer_norm(c, width, eps=GATE_EPS).mean(0, keepdim=True).expand(len(o), -1)
        ours = (F.layer_norm(o, width, eps=GATE_EPS) @ directions.T).sort(0).values
        theirs = (centre @ directions.T).sort(0).values
        gate = torch.exp(-((ours - theirs) ** 2).mean() / config.mpg_gate_temperature)
        enhanced = seen + config.mpg_lambda * self._linear(gate * o, "gate.enhance")
        return self._linear(enhanced[1:], "gate.to_action")

    def _transformer(self, tokens: Tensor, own: Tensor, state_at: int) -> Tensor:
        """Return the whole sequence through all layers: the state's and the actions' rows, normalised."""
        count = len(tokens) + len(own)
        actions_at = len(tokens) + 1
        own_at = torch.tensor([state_at, *range(actions_at, count)])
        tokens_at = torch.tensor([i for i in range(actions_at) if i != state_at])
        rope = self._rotations(count)
        for text, action in self.layers:
            parts: list[Tensor] = []
            for mine, theirs in zip(text.attention_input(tokens), action.attention_input(own), strict=True):
                whole = mine.new_empty(count, *mine.shape[1:])
                whole[tokens_at], whole[own_at] = mine, theirs
                parts.append(whole)
            attended = _attend(parts, rope)
            tokens, own = text.finish(tokens, attended[tokens_at]), action.finish(own, attended[own_at])
        llm = self.config.llm_config
        F.rms_norm(tokens, tokens.shape[-1:], self.weights["text.norm.weight"], llm.rms_norm_eps)
        weight = self.weights["out.norm.weight"]
        return F.rms_norm(own, own.shape[-1:], weight, llm.expert_config.rms_norm_eps)

    def _rotations(self, count: int) -> tuple[Tensor, Tensor]:
        llm = self.config.llm_config
        half = llm.head_dim // 2
        rates = llm.rope_theta ** (-torch.arange(half) / half)
        angles = torch.arange(count)[:, None, None] * rates.repeat(2)
        return angles.cos(), angles.sin()


def _attend(parts: list[Tensor], rope: tuple[Tensor, Tensor]) -> Tensor:
    q, k, v = parts
    group = q.shape[1] // k.shape[1]
    q, k = _rotate(q, rope), _rotate(k, rope)
    queries, keys, values = (
        part.transpose(0, 1)[None]
        for part in (q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1))
    )
    attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    return attended[0].transpose(0, 1).reshape(len(q), -1)


def _rotate(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * rope[0] + torch.cat([-second, first], -1) * rope[1]


def unit_directions(calls: int, count: int, width: int, seed: int = 3) -> Floats:
    """Make random unit vectors (calls, count, width)."""
    drawn = np.random.default_rng(seed).standard_normal((calls, count, width), np.float32)
    result: Floats = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    return result
