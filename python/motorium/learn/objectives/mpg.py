"""MPG, manifold-preserving gating: enhance observations as far as they agree with the actions (Being-H0.5 eq. 13-16).

    H~ = H + lambda g W E_obs(H) + lambda b                                                          (13)
    D = mean_k mean_n |sort(theta_k . H^)_n - sort(theta_k . Z^)_n|^2                                 (14)
        H^ = LN(E_obs(H)), Z^ = LN(E_act(mean over the rows of the action embeddings)), theta_k random and of length 1
    g = exp(-D / tau), without gradient                                                              (15)
    dH~/dH = I + lambda g W dE_obs/dH                                                                (16)

Z^ is one vector, repeated, so that sorting changes nothing, and over all directions D is mean |H^ - Z^|^2 / width.
E_obs, E_act and W belong to the network; since no gradient flows through g, none reaches E_act.
Training takes the true actions as anchor, inference the chunk denoised before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-5


@dataclass(frozen=True)
class MpgParams:
    """Parameters of the gate; the defaults are those of the published post-training.

    Attributes:
        strength: lambda.
        temperature: tau.
    """

    strength: float = 0.1
    temperature: float = 1.0


def unit_directions(count: int, width: int, rng: np.random.Generator) -> Tensor:
    """Return `count` random directions of length 1, (M, width) float32; the paper draws 32 anew each time."""
    drawn = rng.standard_normal((count, width)).astype(np.float32)
    return functional.normalize(torch.from_numpy(drawn), dim=-1)


def anchor_of(actions: Tensor, encode: Callable[[Tensor], Tensor], *, pool_first: bool = True) -> Tensor:
    """Return Z^ (..., width) from action embeddings (..., T, A) by E_act, which maps (..., A) to (..., width).

    `pool_first` is eq. 14. The published code, and with it the engine (`csrc/engine/denoiser/manifold_gate.hpp`),
    normalises each row and takes the mean of that.
    """
    if pool_first:
        return _layer_norm(encode(actions.mean(-2)))
    return _layer_norm(encode(actions)).mean(-2)


def discrepancy(encoded: Tensor, anchor: Tensor, directions: Tensor | None = None) -> Tensor:
    """Return D (eq. 14), one number for each chunk.

    Args:
        encoded: (..., N, width), E_obs(H).
        anchor: (..., width), Z^.
        directions: (M, width); None for the mean over all directions, which is exact and cheaper.
    """
    seen, other = _layer_norm(encoded), anchor[..., None, :]
    if directions is None:
        return (seen - other).square().mean((-2, -1))
    ours = (seen @ directions.T).sort(dim=-2).values
    theirs = (other @ directions.T).expand(ours.shape).sort(dim=-2).values
    return (ours - theirs).square().mean((-2, -1))


def gate(distance: Tensor, temperature: float) -> Tensor:
    """Return g (eq. 15), in (0, 1] and of the same shape; no gradient flows through it."""
    return torch.exp(-distance.detach() / temperature)


def enhance(hidden: Tensor, projected: Tensor, bias: Tensor, gates: Tensor, strength: float) -> Tensor:
    """Return H~ (eq. 13), (..., N, H).

    Args:
        hidden: (..., N, H), the residual, which no gate touches.
        projected: the same shape, W E_obs(H) without a bias.
        bias: (H,); it stays, however far the gate has closed.
        gates: (...), one for each chunk.
        strength: lambda.
    """
    return hidden + strength * gates[..., None, None] * projected + strength * bias


def _layer_norm(x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], eps=EPS)
