"""End-effector actions as X-VLA learns them (`ee6d`): position, rotation as six numbers, gripper open or closed.

    loss = 500 sum_arms |p - p*|^2 + 10 sum_arms |r - r*|^2 + BCE(gripper logit, closed)

Each square is the mean over the numbers of one arm, BCE the mean over grippers; the network predicts the clean chunk.
The six numbers are the first two columns of the rotation (Zhou et al., 2019, arXiv:1812.07035): continuous, where
angles and quaternions are not, so that their mean square error is of use. Any six numbers become a rotation by
Gram-Schmidt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from .rectified_flow import masked_mse

Packing = Literal["columns", "rows"]
"""Order of the six numbers. columns: first column, then second (LeRobot, LIBERO); rows: (3, 2) row by row (X-VLA's own
data sets)."""


@dataclass(frozen=True)
class EefLayout:
    """Where the channels of one arm are.

    Attributes:
        position: 3 channels, m.
        rotation: 6 channels.
        gripper: 1 channel, 1 closed; in a prediction the logit of that.
    """

    position: tuple[int, ...]
    rotation: tuple[int, ...]
    gripper: int


LEFT = EefLayout((0, 1, 2), (3, 4, 5, 6, 7, 8), 9)
RIGHT = EefLayout((10, 11, 12), (13, 14, 15, 16, 17, 18), 19)
"""The halves of X-VLA's 20 channels; a single arm uses the left one."""


@dataclass(frozen=True)
class EefWeights:
    """How much position, rotation and gripper count."""

    position: float = 500.0
    rotation: float = 10.0
    gripper: float = 1.0


@dataclass(frozen=True)
class EefLoss:
    """The parts, weighted, each a scalar."""

    position: Tensor
    rotation: Tensor
    gripper: Tensor

    @property
    def total(self) -> Tensor:
        """Return their sum."""
        return self.position + self.rotation + self.gripper


def eef_loss(
    predicted: Tensor,
    target: Tensor,
    weight: Tensor,
    arms: tuple[EefLayout, ...] = (LEFT,),
    weights: EefWeights | None = None,
) -> EefLoss:
    """Compare predicted clean chunks with true ones.

    Args:
        predicted: (B, n, T, C); grippers as logits.
        target: the same shape; grippers 0 open, 1 closed.
        weight: (B, n, T, 1), 0 where a row does not count.
        arms: where their channels are.
        weights: None for X-VLA's.
    """
    w = weights or EefWeights()
    position = sum((_mse(predicted, target, weight, arm.position) for arm in arms), predicted.new_zeros(()))
    rotation = sum((_mse(predicted, target, weight, arm.rotation) for arm in arms), predicted.new_zeros(()))
    grippers = [arm.gripper for arm in arms]
    return EefLoss(
        position=w.position * position,
        rotation=w.rotation * rotation,
        gripper=w.gripper * _masked_bce(predicted[..., grippers], target[..., grippers], weight),
    )


def hide_grippers(x: Tensor, arms: tuple[EefLayout, ...] = (LEFT,)) -> Tensor:
    """Return flow states or a state (..., C) as the network sees them: what a gripper does is never an input."""
    shown = torch.ones(x.shape[-1], dtype=x.dtype, device=x.device)
    shown[[arm.gripper for arm in arms]] = 0.0
    return x * shown


def rotation_to_rot6d(rotation: Tensor, packing: Packing = "columns") -> Tensor:
    """Return six numbers (..., 6) of rotation matrices (..., 3, 3)."""
    two = rotation[..., :2]
    return (two.transpose(-1, -2) if packing == "columns" else two).flatten(-2)


def rot6d_to_rotation(six: Tensor, packing: Packing = "columns") -> Tensor:
    """Return the rotation matrices (..., 3, 3) nearest, by Gram-Schmidt from the first column, to (..., 6) numbers."""
    two = six.unflatten(-1, (2, 3)).transpose(-1, -2) if packing == "columns" else six.unflatten(-1, (3, 2))
    first = functional.normalize(two[..., 0], dim=-1)
    second = two[..., 1] - (first * two[..., 1]).sum(-1, keepdim=True) * first
    second = functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def _mse(predicted: Tensor, target: Tensor, weight: Tensor, channels: tuple[int, ...]) -> Tensor:
    index = list(channels)
    return masked_mse(predicted[..., index], target[..., index], weight)


def _masked_bce(logit: Tensor, closed: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of the cross-entropy; a logit that does not count gets no gradient, finite or not."""
    weight = weight.to(logit.dtype).expand_as(logit)
    zero = torch.zeros_like(logit)
    loss = functional.binary_cross_entropy_with_logits(
        torch.where(weight > 0, logit, zero), torch.where(weight > 0, closed, zero), weight, reduction="sum"
    )
    total = weight.sum()
    return loss / torch.where(total > 0, total, torch.ones_like(total))
