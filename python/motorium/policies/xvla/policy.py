"""X-VLA checkpoints, official or LeRobot's layout: vision-language encoder and soft-prompted head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ... import _core
from ...errors import CheckpointError
from ...types import Float32
from .. import foreign_config
from ..foreign_weights import bound, fit, map_tensors
from .config import XvlaConfig, official_document
from .florence import EncoderConfig, florence_tensors, official_florence
from .weights import (
    LEROBOT_PREFIX,
    SHARED,
    TIED,
    official_names,
    unused_by_encoder,
    unused_by_head,
    xvla_tensors,
)


def read_config(path: Path) -> XvlaConfig:
    """config.json of either layout. Raises CheckpointError."""
    document = official_document(foreign_config.read_json(path))
    return foreign_config.build(XvlaConfig, document, path)


def read_encoder_config(path: Path) -> EncoderConfig:
    """The `florence_config` of config.json. Raises CheckpointError."""
    document = official_document(foreign_config.read_json(path))
    florence = document.get("florence_config") if isinstance(document, dict) else None
    florence = official_florence(florence)
    return foreign_config.build(EncoderConfig, florence, path)


def read_weights(path: Path, config: XvlaConfig) -> dict[str, Float32]:
    """The head's tensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
    table = xvla_tensors(config)
    bound(table, path)
    weights = fit(_official(path), table, unused_by_head, path)
    return {**weights, "action.position": weights["position"][0, : config.num_actions]}


def read_encoder_weights(path: Path, config: EncoderConfig) -> dict[str, Float32]:
    """The encoder's tensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
    table = florence_tensors(config)
    bound(table, path)
    found = _official(path)
    if SHARED not in found and TIED in found:
        found[SHARED] = found[TIED]
    return fit(found, table, unused_by_encoder, path)


def _official(path: Path) -> dict[str, Float32]:
    found = map_tensors(path)
    if found and all(name.startswith(LEROBOT_PREFIX) for name in found):
        found = {name.removeprefix(LEROBOT_PREFIX): array for name, array in found.items()}
    return official_names(found)


class Encoder:
    """The vision-language encoder: views and token ids -> what `Xvla.encode` takes."""

    def __init__(
        self,
        config: EncoderConfig,
        weights: Mapping[str, Float32],
        image: int,
        isa: str = "",
        precision: str = "float32",
    ) -> None:
        """`image`: pixels per side. Raises CheckpointError when the engine refuses the sizes."""
        self.recorder = _core.Recorder()
        try:
            self.engine = _core.FlorenceEncoder(config.engine(image), dict(weights), isa, precision=precision)
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"the engine refuses this checkpoint: {error}") from error

    def encode(self, pixels: Any, valid: Any, ids: Any, *, record: bool = False) -> tuple[Float32, Float32]:
        """Features (tokens + n, F) and the other views' tokens ((V-1) * tokens, F).

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
        self, config: XvlaConfig, weights: Mapping[str, Float32], isa: str = "", precision: str = "float32"
    ) -> None:
        """Raises CheckpointError when the engine refuses the sizes."""
        self.config = config
        self.recorder = _core.Recorder()
        try:
            self.engine = _core.XvlaEngine(config.engine(), dict(weights), isa, precision=precision)
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"the engine refuses this checkpoint: {error}") from error

    def encode(self, features: Any, views: Any, domain: int, *, record: bool = False) -> None:
        """Features (n, F) of the language encoder, views (m, F) of views 1 and up, domain index."""
        self.engine.encode(features, views, domain, self.recorder if record else None)

    def noise(self, seed: int | None = None) -> Float32:
        """A start for `denoise`, (T, channels); the same for the same seed."""
        shape = (self.config.num_actions, self.config.width)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    def denoise(
        self,
        noise: Float32,
        proprio: Float32 | None,
        steps: int | None = None,
        locked: Float32 | None = None,
        *,
        record: bool = False,
    ) -> Float32:
        """Denoise a chunk, (T, real channels).

        Args:
            noise: (T, channels), standard normal.
            proprio: (`config.proprio`,); None where the checkpoint takes none.
            steps: how often the network is asked; None: `num_denoising_steps` of the checkpoint.
            locked: (d, channels), the rows that are committed.
            record: keep intermediate values in `recorder`.

        Raises:
            ValueError: a shape that does not fit.
        """
        recorder = self.recorder if record else None
        count = self.config.num_denoising_steps if steps is None else steps
        context = np.zeros(0, np.float32) if proprio is None else proprio
        whole = self.engine.denoise(np.ascontiguousarray(noise), count, context, locked, recorder)
        return np.ascontiguousarray(whole[:, : self.config.real])
