"""Normalisation of states, actions, scene vectors and pictures; computed from data, stored in the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..types import Float32
from .dataset import Demos

LEAST_STD = 0.01
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
        image_mean, image_std: of pixels in 0..1.
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
    image_mean: float = 0.5
    image_std: float = 0.25

    @classmethod
    def of(cls, demos: Demos, relative: Float32) -> Statistics:
        """The statistics of a data set."""
        state, rows, scene = demos.column("state"), demos.column("rows"), demos.column("scene")
        known = demos.column("valid")[..., None]
        delta = (rows - state[:, None] * relative).astype(np.float64)
        count = known.sum(axis=0)
        mean = (delta * known).sum(axis=0) / count
        std = np.sqrt((((delta - mean) ** 2) * known).sum(axis=0) / count)
        seen = rows[np.broadcast_to(known, rows.shape)].reshape(-1, rows.shape[-1])

        def f32(values: object) -> Float32:
            return np.asarray(values, dtype=np.float32)

        return cls(
            state_mean=f32(state.mean(axis=0)),
            state_std=f32(np.maximum(state.std(axis=0), LEAST_STD)),
            state_min=f32(state.min(axis=0)),
            state_max=f32(state.max(axis=0)),
            relative=f32(relative),
            action_mean=f32(mean),
            action_std=f32(np.maximum(std, LEAST_STD)),
            action_min=f32(seen.min(axis=0)),
            action_max=f32(seen.max(axis=0)),
            scene_mean=f32(scene.mean(axis=0)),
            scene_std=f32(np.maximum(scene.std(axis=0), 1e-3)),
        )

    def state(self, values: Float32) -> Float32:
        """(..., J) slot values to normalised."""
        return (values - self.state_mean) / self.state_std

    def action(self, rows: Float32, state: Float32) -> Float32:
        """(..., T, J) rows seen from (..., J) state, normalised."""
        return (rows - state[..., None, :] * self.relative - self.action_mean) / self.action_std

    def action_rows(self, normalised: Float32, state: Float32) -> Float32:
        """The inverse of `action`."""
        return normalised * self.action_std + self.action_mean + state[..., None, :] * self.relative

    def scene(self, values: Float32) -> Float32:
        """(..., S) normalised."""
        return (values - self.scene_mean) / self.scene_std

    def image(self, pixels: Tensor) -> Tensor:
        """Pixels in 0..1, normalised."""
        return (pixels - self.image_mean) / self.image_std
