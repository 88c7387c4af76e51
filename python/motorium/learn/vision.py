"""The picture side of motorium nano: one camera view to tokens, as patches or as points."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..policies.channels import CameraInput
from ..policies.nano.config import Dims
from ..policies.nano.weights import view_tokens

SHARPNESS = 3.0
"""Standard deviation of the logits of fresh points, so that each begins somewhere else and not in the middle."""


def vision_of(dims: Dims, camera: CameraInput) -> Vision:
    """Return the fresh picture side of a view."""
    return Points(dims) if dims.points else Patches(dims, camera)


class Vision(nn.Module):
    """Three convolutions; the instruction steers the last one by FiLM (Perez et al., 2018)."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        first, second, _ = dims.vision_channels
        self.conv1 = nn.Conv2d(3, first, 6, stride=4, padding=1)
        self.norm1 = nn.GroupNorm(dims.groups, first, eps=dims.norm_eps)
        self.conv2 = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.norm2 = nn.GroupNorm(dims.groups, second, eps=dims.norm_eps)
        self.conv3 = nn.Conv2d(second, second, 3, padding=1)
        self.norm3 = nn.GroupNorm(dims.groups, second, eps=dims.norm_eps)
        self.film = nn.Linear(dims.prefix_width, 2 * second)

    def _begin_to_steer(self) -> None:
        """Draw the weights that words steer by; last of all, as ever, so that a seed keeps its network."""
        nn.init.normal_(self.film.weight, std=0.2)
        nn.init.zeros_(self.film.bias)

    def features(self, image: Tensor, text_pool: Tensor) -> Tensor:
        """Map normalised images (B, 3, H, W) and words (B, U) to (B, C2, H / 8, W / 8)."""
        x = functional.silu(self.norm1(self.conv1(image)))
        x = functional.silu(self.norm2(self.conv2(x)))
        gamma, beta = self.film(text_pool)[:, :, None, None].chunk(2, dim=1)
        return x + functional.silu(self.norm3(self.conv3(x)) * (1 + gamma) + beta)


class Patches(Vision):
    """A view as patches of 16 pixels, each with its place."""

    def __init__(self, dims: Dims, camera: CameraInput) -> None:
        super().__init__(dims)
        _, second, third = dims.vision_channels
        self.conv4 = nn.Conv2d(second, third, 3, stride=2, padding=1)
        self.norm4 = nn.GroupNorm(dims.groups, third, eps=dims.norm_eps)
        # As loud as the pictures from the start: a patch that does not know its place is of no use.
        self.position = nn.Parameter(torch.randn(view_tokens(camera), third) * 0.5)
        self._begin_to_steer()

    def forward(self, image: Tensor, text_pool: Tensor) -> Tensor:
        """Map normalised images (B, 3, H, W) and words (B, U) to (B, patches, U)."""
        x = self.norm4(self.conv4(self.features(image, text_pool)))
        return x.flatten(2).transpose(1, 2) + self.position


class Points(Vision):
    """A view as K points: where features of the picture lie, by spatial softmax (Levine et al., 2016).

        p_k = sum_ij softmax_ij(w_k . f_ij) (x_j, y_i),  x and y in -1 .. 1

    What a convolution finds in one place it finds in all, and only places are passed on: a network that is to tell
    scenes apart by anything else has little to learn them by heart with.
    """

    def __init__(self, dims: Dims) -> None:
        super().__init__(dims)
        _, second, third = dims.vision_channels
        self.points = nn.Linear(second, dims.points, bias=False)
        self.tokens = nn.Linear(2 * dims.points, dims.point_tokens * third)
        self._width = third
        nn.init.normal_(self.points.weight, std=SHARPNESS / second**0.5)
        self._begin_to_steer()

    def forward(self, image: Tensor, text_pool: Tensor, aside: Tensor | None = None) -> Tensor:
        """Map normalised images (B, 3, H, W) and words (B, U) to (B, P, U); `aside` (B, 2 K) is added to the places."""
        places = self.places(self.features(image, text_pool))
        return self.tokens(places if aside is None else places + aside).unflatten(1, (-1, self._width))

    def places(self, features: Tensor) -> Tensor:
        """Map (B, C2, h, w) to the coordinates x of all points, then y, (B, 2 K)."""
        height, width = features.shape[2:]
        heat = self.points(features.flatten(2).transpose(1, 2)).float().softmax(dim=1)
        x = torch.linspace(-1.0, 1.0, width, device=heat.device).repeat(height)
        y = torch.linspace(-1.0, 1.0, height, device=heat.device).repeat_interleave(width)
        return torch.cat([torch.einsum("bnk,n->bk", heat, x), torch.einsum("bnk,n->bk", heat, y)], dim=1)
