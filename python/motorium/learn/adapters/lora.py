"""Train a product of two thin matrices beside every linear layer, and add it to the layer at export.

Hu et al. (2021): y = W x + (alpha / r) B A x with A (r, in) and B (out, r), W frozen; B begins as zeros, so that
nothing changes at first. X-VLA trains its soft prompts beside it, and so does this, with the vectors of words that are
new. Convolutions and the stacked weights of routed experts have no linear layer and stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..model import NanoModel
from .adapter import PROMPTS, WORDS, Adapter
from .parts import part_of

RANK = 2
"""By default: 1.6 % of the weights of so101-pick."""
ALPHA_OVER_RANK = 2.0
"""As in X-VLA (r 8, alpha 16)."""
A, B = "lora_a", "lora_b"


class LoraLinear(nn.Linear):
    """A linear layer with a low-rank term beside its weight; takes over the weight and bias of `linear`."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.lora_a = nn.Parameter(torch.empty(rank, linear.in_features, device=linear.weight.device))
        self.lora_b = nn.Parameter(torch.zeros(linear.out_features, rank, device=linear.weight.device))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        beside = functional.linear(functional.linear(x, self.lora_a), self.lora_b)
        return super().forward(x) + ALPHA_OVER_RANK * beside


class Lora(Adapter):
    """Low-rank terms of all linear layers, soft prompts and new words change; everything else is frozen."""

    method = "lora"

    def attach(self, model: NanoModel) -> None:
        """Replace the linear layers of parts that are not frozen."""
        linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
        for name, module in linear:
            if part_of(name) not in self.spec.freeze:
                parent, _, own = name.rpartition(".")
                model.get_submodule(parent).add_module(own, LoraLinear(module, self.spec.rank or RANK))

    def group(self, name: str) -> str | None:
        """Return one group for all that changes."""
        return "all" if name.endswith((f".{A}", f".{B}")) or name in (PROMPTS, WORDS) else None

    def exported(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors with every low-rank term added to its weight."""
        out = {name: values for name, values in tensors.items() if not name.endswith((f".{A}", f".{B}"))}
        for name in tensors:
            if name.endswith(f".{A}"):
                layer = name.removesuffix(f".{A}")
                product = tensors[f"{layer}.{B}"].double() @ tensors[name].double()
                weight = out[f"{layer}.weight"]
                out[f"{layer}.weight"] = (weight.double() + ALPHA_OVER_RANK * product).to(weight.dtype)
        return out
