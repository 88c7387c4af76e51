"""Statistics of a robot's actions, as a Xiaomi-Robotics-0 checkpoint stores them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import CheckpointError
from ...types import Float32
from .. import foreign_config

SMALLEST_STD = 1e-5
"""Channels that vary less than this are no part of a robot's actions."""


@dataclass(frozen=True)
class ActionStatistics:
    """Mean and std of a robot's actions, (T, channels) each, and the channels that it has."""

    mean: tuple[tuple[float, ...], ...]
    std: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Refuse tables of two shapes. Raises CheckpointError."""
        sizes = {len(row) for row in (*self.mean, *self.std)}
        if len(self.mean) != len(self.std) or not self.mean or len(sizes) != 1:
            raise CheckpointError("mean and std must be tables of one shape, (T, channels)")

    @property
    def mask(self) -> Float32:
        """(T, channels): 1 where the robot has the channel, 0 where the network gets zeros."""
        return (np.asarray(self.std) > SMALLEST_STD).astype(np.float32)

    def denormalise(self, actions: Float32) -> Float32:
        """Convert (..., T, channels) of the network to the robot's units."""
        return actions * np.asarray(self.std, np.float32) + np.asarray(self.mean, np.float32)


def read_statistics(path: Path, robot_type: str, shape: tuple[int, int]) -> ActionStatistics:
    """Read one robot's statistics from preprocessor_config.json; `shape` is (T, channels). Raises CheckpointError."""
    document = foreign_config.read_json(path)
    known = document.get("action_config") if isinstance(document, dict) else None
    if not isinstance(known, dict):
        raise CheckpointError(f"{path} lacks action_config")
    if robot_type not in known:
        raise CheckpointError(f"{path} has no robot type {robot_type!r}; known: {', '.join(sorted(known))}")
    found = foreign_config.build(ActionStatistics, known[robot_type], path)
    if found.mask.shape != shape:
        raise CheckpointError(f"{path}: {robot_type} has statistics of {found.mask.shape}, expected {shape}")
    return found
