"""Rectified flow: straight paths from noise to actions (Liu et al., 2022, arXiv:2209.03003; Being-H0.5 eq. 11 and 20).

    x_t = (1 - t) noise + t clean        v* = clean - noise        loss = E |v(x_t, t) - v*|^2

The time is drawn as pi0 (Black et al., 2024, arXiv:2410.24164) does, more often near noise, where a step decides most:
b ~ Beta(1.5, 1), t = (s - b) / s with s = 0.999.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Maps flow states (B, n, T, C) and their times (B, n, T) to velocities (B, n, T, C)."""


@dataclass(frozen=True)
class BetaTime:
    """The distribution of flow times: t = max(0, (scale - b) / scale) with b ~ Beta(a, b)."""

    a: float = 1.5
    b: float = 1.0
    scale: float = 0.999

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
        """Return flow times of `shape`, float32 in [0, 1]; one for each chunk is (B, n)."""
        drawn = (self.scale - rng.beta(self.a, self.b, shape)) / self.scale
        return torch.from_numpy(np.maximum(drawn, 0.0).astype(np.float32))


def flow_state(noise: Tensor, clean: Tensor, time: Tensor) -> Tensor:
    """Return the states x_t (B, n, T, C) between noise and actions of that shape, at times (B, n, T)."""
    t = time[..., None]
    return (1.0 - t) * noise + t * clean


def velocity_target(noise: Tensor, clean: Tensor) -> Tensor:
    """Return the velocity from noise to actions, the same all along the path; shapes as of `flow_state`."""
    return clean - noise


def predicted_clean(state: Tensor, velocity: Tensor, time: Tensor) -> Tensor:
    """Return the actions (B, n, T, C) where a straight path with this velocity ends: x_t + (1 - t) v."""
    return state + (1.0 - time[..., None]) * velocity


def masked_mse(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of the squared error, a scalar; 0 where nothing counts.

    Args:
        predicted: (B, n, T, C).
        target: the same shape.
        weight: 0 or more, broadcasts to that shape. Where it is 0 neither loss nor gradient depends on what was
            predicted or is the target, even if that is not finite.
    """
    error, weight = _counted_error(predicted, target, weight)
    return (error.square() * weight).sum() / _at_least_tiny(weight.sum())


def sample_mse(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return what `masked_mse` does, for each chunk by itself: (B, n)."""
    error, weight = _counted_error(predicted, target, weight)
    return (error.square() * weight).sum((-2, -1)) / _at_least_tiny(weight.sum((-2, -1)))


def sample_l1(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of the absolute error of each chunk, (B, n); arguments as of `masked_mse`."""
    error, weight = _counted_error(predicted, target, weight)
    return (error.abs() * weight).sum((-2, -1)) / _at_least_tiny(weight.sum((-2, -1)))


def integrate(velocity: Velocity, noise: Tensor, steps: int) -> Tensor:
    """Return the actions (B, n, T, C) that noise of that shape flows to in `steps` steps of Euler (eq. 20)."""
    state = noise
    for k in range(steps):
        time = torch.full(noise.shape[:-1], k / steps, dtype=noise.dtype, device=noise.device)
        state = state + velocity(state, time) / steps
    return state


def _counted_error(predicted: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    weight = weight.to(predicted.dtype).expand_as(predicted)
    error = predicted - target
    # Chosen before it is weighted: 0 * inf is no zero, and neither is its gradient.
    return torch.where(weight > 0, error, torch.zeros_like(error)), weight


def _at_least_tiny(total: Tensor) -> Tensor:
    """Keep a sum of weights from being zero, without a change to any other."""
    return torch.where(total > 0, total, torch.ones_like(total))
