"""Normalise states, actions, scene vectors and pictures by statistics of the data, stored in the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..policies.nano.config import Descriptor
from ..types import Float32

MIN_STD = 0.01
"""Radians or opening: joints that hardly move in the data are not blown up."""


@dataclass(frozen=True)
class Statistics:
    """Means and standard deviations; J joints, T rows, S scene entries.

    Attributes:
        state_mean, state_std, state_min, state_max: (J,).
        relative: (J,) whether an action counts from the measured state.
        action_mean, action_std: (T, J) of the (relative) action.
        action_min, action_max: (J,) of the absolute action.
        scene_mean, scene_std: (S,).
        image_mean, image_std: of red, green and blue pixels in 0..1.
    """

    state_mean: Float32
    state_std: Float32
    state_min: Float32
    state_max: Float32
    relative: Float32
    action_mean: Float32
    action_std: Float32
    action_min: Float32
    action_max: Float32
    scene_mean: Float32
    scene_std: Float32
    image_mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    image_std: tuple[float, ...] = (0.25, 0.25, 0.25)

    @classmethod
    def from_descriptor(cls, descriptor: Descriptor) -> Statistics:
        """Return the statistics that a checkpoint carries."""
        d, norm = descriptor, descriptor.action_normalisation

        def f32(values: object) -> Float32:
            return np.array(values, dtype=np.float32)

        return cls(
            state_mean=f32([c.mean for c in d.state]),
            state_std=f32([c.std for c in d.state]),
            state_min=f32([c.min for c in d.state]),
            state_max=f32([c.max for c in d.state]),
            relative=f32([c.relative for c in d.action]),
            action_mean=f32(norm.mean),
            action_std=f32(norm.std),
            action_min=f32([c.min for c in d.action]),
            action_max=f32([c.max for c in d.action]),
            scene_mean=f32(d.scene.mean),
            scene_std=f32(d.scene.std),
            image_mean=d.image.mean,
            image_std=d.image.std,
        )

    def state(self, values: Float32) -> Float32:
        """Normalise (..., J) slot values."""
        return (values - self.state_mean) / self.state_std

    def action(self, rows: Float32, state: Float32) -> Float32:
        """Normalise (..., T, J) rows relative to (..., J) state."""
        return (rows - state[..., None, :] * self.relative - self.action_mean) / self.action_std

    def action_rows(self, normalised: Float32, state: Float32) -> Float32:
        """Invert `action`."""
        return normalised * self.action_std + self.action_mean + state[..., None, :] * self.relative

    def scene(self, values: Float32) -> Float32:
        """Normalise (..., S)."""
        return (values - self.scene_mean) / self.scene_std

    def image(self, pixels: Tensor) -> Tensor:
        """Normalise (B, 3, H, W) pixels in 0..1."""
        return (pixels - _per_channel(self.image_mean)) / _per_channel(self.image_std)


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)


def short_floats(values: Any) -> tuple[float, ...]:
    """Return float32 numbers as short decimals that read back to the same float32."""
    return tuple(float(str(np.float32(v))) for v in values)
