"""Xiaomi-Robotics-0 checkpoints: the action head, over keys and values of the vision-language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ... import _core
from ...deprecated import renamed_keyword
from ...errors import CheckpointError
from ...types import Float32
from .config import ChunkLayout, XiaomiR0Config


class XiaomiR0:
    """One checkpoint's head, ready to run: `encode` once per observation, then `denoise`."""

    def __init__(
        self,
        config: XiaomiR0Config,
        weights: Mapping[str, Float32],
        layout: ChunkLayout,
        isa: str = "",
        precision: _core.Precision = _core.Precision.FLOAT32,
    ) -> None:
        """Raise CheckpointError when the engine refuses the sizes."""
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
        """Return a start for `denoise`, (T, channels); the same for the same seed."""
        shape = (self.layout.rows, self.config.action_dim)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    @renamed_keyword(locked="committed")
    def denoise(
        self,
        noise: Float32,
        steps: int = 5,
        committed: Float32 | None = None,
        mask: Float32 | None = None,
        *,
        record: bool = False,
    ) -> Float32:
        """Return the chunk (T, channels), normalised.

        Args:
            noise: (T, channels), standard normal.
            steps: Euler steps, 1..64.
            committed: (d, channels), rows that are kept, normalised.
            mask: (T, channels) of `ActionStatistics.mask`: the network gets zeros where it is 0.
            record: keep intermediate values in `recorder`.
        """
        recorder = self.recorder if record else None
        return self.engine.denoise(np.ascontiguousarray(noise), steps, committed, mask, recorder)
