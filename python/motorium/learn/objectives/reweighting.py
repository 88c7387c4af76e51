"""Online-error re-weighting: chunks that go wrong behind committed rows count more (Xiaomi-Robotics-0).

    w = clamp(|a_online - a|_1, 0.5, 5)  where rows are committed, 1 elsewhere        loss = mean w |v - v*|^2

a_online are the actions that the network in training predicts at that moment, at best by denoising, at no cost by one
straight step (`rectified_flow.predicted_clean`). The error is the mean over the values that count, in the units of the
network; the paper names no bounds, the public post-training code has these.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .rectified_flow import sample_l1

BOUNDS = (0.5, 5.0)


def online_weights(
    predicted: Tensor, clean: Tensor, weight: Tensor, delay: Tensor, bounds: tuple[float, float] = BOUNDS
) -> Tensor:
    """Return the weight of each chunk, (B, n), without gradient.

    Args:
        predicted: (B, n, T, C) actions predicted online.
        clean: the true ones, the same shape.
        weight: broadcasts to that shape; 0 on committed and unknown rows, as `commitment.loss_weight`.
        delay: (B, n) committed rows.
        bounds: smallest and largest weight.
    """
    with torch.no_grad():
        error = sample_l1(predicted, clean, weight).clamp(*bounds)
        return torch.where(delay > 0, error, torch.ones_like(error))


def reweighted(losses: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over chunks of (B, n) losses times (B, n) weights, a scalar."""
    return (losses * weights).mean()
