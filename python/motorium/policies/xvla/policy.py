"""X-VLA checkpoints, official or LeRobot's layout: vision-language encoder and soft-prompted head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import _core
from ...deprecated import renamed_keyword
from ...errors import CheckpointError
from ...types import Float32
from .config import XvlaConfig
from .florence import EncoderConfig


class Encoder:
    """The vision-language encoder: views and token ids -> what `Xvla.encode` takes."""

    def __init__(
        self,
        config: EncoderConfig,
        weights: Mapping[str, Float32],
        image: int,
        isa: str = "",
        precision: _core.Precision = _core.Precision.FLOAT32,
    ) -> None:
        """`image`: pixels per side. Raises CheckpointError when the engine refuses the sizes."""
        self.recorder = _core.Recorder()
        try:
            self.engine = _core.FlorenceEncoder(config.engine(image), dict(weights), isa, precision=precision)
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"the engine refuses this checkpoint: {error}") from error

    def encode(self, pixels: Any, valid: Any, ids: Any, *, record: bool = False) -> tuple[Float32, Float32]:
        """Return features (tokens + n, F) and the other views' tokens ((V-1) * tokens, F).

        Args:
            pixels: (V, 3, S, S), normalised.
            valid: (V,), 0 for a view that is missing.
            ids: (n,) token ids, padding included: the original attends to it.
            record: keep intermediate values in `recorder`.
        """
        return self.engine.encode(pixels, valid, ids, self.recorder if record else None)


class Xvla:
    """One checkpoint, ready to run: `encode` once per observation, then `denoise`."""

    def __init__(
        self,
        config: XvlaConfig,
        weights: Mapping[str, Float32],
        isa: str = "",
        precision: _core.Precision = _core.Precision.FLOAT32,
    ) -> None:
        """Raise CheckpointError when the engine refuses the sizes."""
        self.config = config
        self.recorder = _core.Recorder()
        try:
            self.engine = _core.XvlaEngine(config.engine(), dict(weights), isa, precision=precision)
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"the engine refuses this checkpoint: {error}") from error

    def encode(self, features: Any, views: Any, domain: int, *, record: bool = False) -> None:
        """Take features (n, F) of the language encoder, tokens (m, F) of views 1 and up, and the domain's index."""
        self.engine.encode(features, views, domain, self.recorder if record else None)

    def noise(self, seed: int | None = None) -> Float32:
        """Return a start for `denoise`, (T, channels); the same for the same seed."""
        shape = (self.config.num_actions, self.config.width)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    @renamed_keyword(locked="committed")
    def denoise(
        self,
        noise: Float32,
        proprio: Float32 | None,
        steps: int | None = None,
        committed: Float32 | None = None,
        *,
        record: bool = False,
    ) -> Float32:
        """Denoise a chunk, (T, real channels).

        Args:
            noise: (T, channels), standard normal.
            proprio: (`config.proprio`,); None where the checkpoint takes none.
            steps: how often the network is asked; None: `num_denoising_steps` of the checkpoint.
            committed: (d, channels), rows that are kept.
            record: keep intermediate values in `recorder`.

        Raises:
            ValueError: a shape that does not fit.
        """
        recorder = self.recorder if record else None
        count = self.config.num_denoising_steps if steps is None else steps
        context = np.zeros(0, np.float32) if proprio is None else proprio
        whole = self.engine.denoise(np.ascontiguousarray(noise), count, context, committed, recorder)
        return np.ascontiguousarray(whole[:, : self.config.real])
