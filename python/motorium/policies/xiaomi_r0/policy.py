"""Xiaomi-Robotics-0 checkpoints: the action head, over keys and values of the vision-language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import _core
from ...errors import CheckpointError
from ...types import Float32
from .. import foreign_config
from ..foreign_weights import bound, fit, map_tensors
from .config import ChunkLayout, XiaomiR0Config
from .weights import unused_by_head, xiaomi_r0_tensors

SMALLEST_STD = 1e-5
"""Channels that vary less than this are no part of a robot's actions."""


def read_config(path: Path) -> XiaomiR0Config:
    """config.json. Raises CheckpointError."""
    return foreign_config.build(XiaomiR0Config, foreign_config.read_json(path), path)


def read_weights(path: Path, config: XiaomiR0Config) -> dict[str, Float32]:
    """The head's tensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
    table = xiaomi_r0_tensors(config)
    bound(table, path)
    return fit(map_tensors(path), table, unused_by_head, path)


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
        """(..., T, channels) of the network -> the robot's units."""
        return actions * np.asarray(self.std, np.float32) + np.asarray(self.mean, np.float32)


def read_statistics(path: Path, robot_type: str, shape: tuple[int, int]) -> ActionStatistics:
    """Of one robot, from preprocessor_config.json; `shape` is (T, channels). Raises CheckpointError."""
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


class XiaomiR0:
    """One checkpoint's head, ready to run: `encode` once per observation, then `denoise`."""

    def __init__(
        self,
        config: XiaomiR0Config,
        weights: Mapping[str, Float32],
        layout: ChunkLayout,
        isa: str = "",
        precision: str = "float32",
    ) -> None:
        """Raises CheckpointError when the engine refuses the sizes."""
        self.config, self.layout = config, layout
        self.recorder = _core.Recorder()
        try:
            self.engine = _core.XiaomiR0Engine(config.engine(layout), dict(weights), isa, precision=precision)
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"the engine refuses this checkpoint: {error}") from error

    def encode(
        self, keys: Any, values: Any, positions: Sequence[int], state: Any, *, record: bool = False
    ) -> None:
        """Take over what the vision-language model made of an observation.

        Args:
            keys: (layers, n, kv_heads, head_dim) of its last layers, rotated; n without padding.
            values: the same.
            positions: greatest position of the prompt plus one, padding included, on time, height and width.
            state: (state_rows, state_dim), raw.
            record: keep intermediate values in `recorder`.

        Raises ValueError when a size is not the config's.
        """
        repeat = self.config.heads // self.config.dit_config.num_key_value_heads
        keys, values = (np.repeat(each, repeat, axis=2) for each in (keys, values))
        recorder = self.recorder if record else None
        self.engine.encode(keys, values, [int(p) for p in positions], state, recorder)

    def noise(self, seed: int | None = None) -> Float32:
        """A start for `denoise`, (T, channels); the same for the same seed."""
        shape = (self.layout.rows, self.config.action_dim)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    def denoise(
        self,
        noise: Float32,
        steps: int = 5,
        locked: Float32 | None = None,
        mask: Float32 | None = None,
        *,
        record: bool = False,
    ) -> Float32:
        """(T, channels), normalised.

        Args:
            noise: (T, channels), standard normal.
            steps: Euler steps, 1..64.
            locked: (d, channels): committed rows, normalised.
            mask: (T, channels) of `ActionStatistics.mask`: the network gets zeros where it is 0.
            record: keep intermediate values in `recorder`.
        """
        recorder = self.recorder if record else None
        return self.engine.denoise(np.ascontiguousarray(noise), steps, locked, mask, recorder)
