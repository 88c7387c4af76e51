"""Choice policies: several candidate chunks, of which only the best is taught (Xiaomi-Robotics-0, first pre-training).

    e_k = |a_k - a|_1      k* = argmin_k e_k      loss = e_k* + c sum_k |s_k - e_k|^2 / N

Winner takes all keeps candidates apart where one mean of them would be no action at all; s_k, the score, learns the
error, so that at run time the candidate of the lowest score is followed. No gradient of the scores reaches e_k.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .rectified_flow import sample_l1


@dataclass(frozen=True)
class ChoiceLoss:
    """Losses of a choice head.

    Attributes:
        action: scalar, mean over observations of the winner's L1 error.
        score: scalar, mean square error of the scores.
        winner: (B,) candidate of least error.
        errors: (B, N) L1 error of each candidate, without gradient.
    """

    action: Tensor
    score: Tensor
    winner: Tensor
    errors: Tensor


def choice_loss(candidates: Tensor, scores: Tensor, clean: Tensor, weight: Tensor) -> ChoiceLoss:
    """Compare candidates with what was done; observations of which no row counts are left out.

    Args:
        candidates: (B, N, T, C).
        scores: (B, N) error that the head expects of each.
        clean: (B, T, C).
        weight: broadcasts to (B, 1, T, C), the same for all candidates: usually (B, 1, T, 1).
    """
    target = clean[:, None].expand_as(candidates)
    errors = sample_l1(candidates, target, weight)
    # Advanced indexing with one row for each observation: backward leaves exact zeros in all the others.
    winner = errors.detach().argmin(dim=1)
    best = errors[torch.arange(len(winner), device=winner.device), winner]
    known = weight.expand(len(winner), 1, *clean.shape[1:]).flatten(1).sum(1) > 0
    count = known.sum().clamp(min=1)
    wrong = functional.mse_loss(scores, errors.detach(), reduction="none").mean(dim=1)
    return ChoiceLoss(
        action=(best * known).sum() / count,
        score=(wrong * known).sum() / count,
        winner=winner,
        errors=errors.detach(),
    )


def follow(candidates: Tensor, scores: Tensor) -> Tensor:
    """Return the candidate of the lowest score, (B, T, C) of (B, N, T, C) and (B, N)."""
    return candidates[torch.arange(len(scores), device=scores.device), scores.argmin(dim=1)]
