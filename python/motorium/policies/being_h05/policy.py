"""Being-H0.5 checkpoints: config.json and model.safetensors as published -> the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import _core
from ...deprecated import renamed_keyword
from ...errors import CheckpointError
from ...types import SLOTS, Float32
from .config import BeingH05Config

IMAGE_TOKEN, STATE_TOKEN = -1, -2
"""Entries of a prompt that are not token ids: the next token of the views, and the state."""


class BeingH05:
    """One checkpoint, ready to run: `encode` once per observation, then `denoise`.

    All values are in the checkpoint's own normalised 200-slot space.
    """

    def __init__(
        self,
        config: BeingH05Config,
        weights: Mapping[str, Float32],
        prompt_tokens: int,
        isa: str = "",
        precision: _core.Precision = _core.Precision.FLOAT32,
    ) -> None:
        """`prompt_tokens`: the longest prompt. Raises CheckpointError when the engine refuses the sizes."""
        self.config = config
        self.recorder = _core.Recorder()
        try:
            self.engine = _core.BeingH05Engine(
                config.engine(prompt_tokens, SLOTS), dict(weights), isa, precision=precision
            )
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"the engine refuses this checkpoint: {error}") from error

    def encode(
        self, pixels: Any, prompt: Any, state: Any, behind: Any = None, *, record: bool = False
    ) -> None:
        """Encode views (V, 3, S, S) normalised, prompt token ids with IMAGE_TOKEN and STATE_TOKEN, state (200,)."""
        self.engine.encode(pixels, prompt, state, behind, self.recorder if record else None)

    def noise(self, seed: int | None = None, refinements: int | None = None) -> Float32:
        """Draw starts for `denoise`, (1 + refinements, T, 200); the same for the same seed.

        Args:
            seed: of numpy's generator; None draws anew.
            refinements: passes with the gate; None: as many as the checkpoint asks for (`mpg_refinement_iters`).
        """
        passes = self.config.refinements if refinements is None else refinements
        shape = (1 + passes, self.config.action_chunk_length, SLOTS)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    @renamed_keyword(locked="committed")
    def denoise(
        self,
        noise: Float32,
        steps: int | None = None,
        committed: Float32 | None = None,
        directions: Float32 | None = None,
        *,
        record: bool = False,
    ) -> Float32:
        """Denoise a chunk, (T, 200), in 1 + R passes: a plain one and R refinements with the gate.

        Args:
            noise: (1 + R, T, 200), standard normal, one start per pass; `noise(seed)` draws it with the checkpoint's R.
            steps: Euler steps; the checkpoint's by default.
            committed: (d, 200), rows that are kept.
            directions: (R * steps, mpg_num_projections, H) unit vectors; None: the exact closed form.
            record: keep intermediate values in `recorder`.
        """
        count = self.config.num_inference_timesteps if steps is None else steps
        recorder = self.recorder if record else None
        return self.engine.denoise(np.ascontiguousarray(noise), count, committed, directions, recorder)
