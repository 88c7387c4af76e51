"""Spread values over slots; turn what a run of training keeps into arrays by name, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..types import SLOTS

ADAMW = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of a weight."""


def spread(values: Tensor, slots: Tensor) -> Tensor:
    """Spread (..., J) values over (..., 200) slots."""
    out = torch.zeros(*values.shape[:-1], SLOTS)
    out[..., slots] = values
    return out


def array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return the values of a tensor in the order of its shape."""
    return np.ascontiguousarray(tensor.detach().cpu().contiguous().numpy())


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def optimiser_arrays(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, np.ndarray[Any, Any]]:
    """Return the state of the optimiser, by what it is and the name of the weight: "exp_avg.text.position"."""
    return {
        f"{key}.{name}": array(value)
        for name, parameter in module.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def restore_optimiser(
    module: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimiser the state that `optimiser_arrays` told."""
    for name, parameter in module.named_parameters():
        held = {key: tensors[f"{key}.{name}"] for key in ADAMW if f"{key}.{name}" in tensors}
        if held:
            optimiser.state[parameter] = {
                key: value if key == "step" else torch.empty_like(parameter).copy_(value)
                for key, value in held.items()
            }
