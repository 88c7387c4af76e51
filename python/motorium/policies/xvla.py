"""X-VLA checkpoints, official or LeRobot's layout, from the features of the vision-language encoder on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from ..errors import CheckpointError
from ..types import Float32
from . import foreign_config
from .foreign_weights import bound, fit, map_tensors
from .xvla_config import XvlaConfig
from .xvla_tensors import LEROBOT_PREFIX, unused, xvla_tensors


def read_config(path: Path) -> XvlaConfig:
    """config.json of either layout. Raises CheckpointError."""
    document = foreign_config.read_json(path)
    if isinstance(document, dict) and document.get("type") == "xvla":
        document = {**document, "num_actions": document.get("chunk_size", 32)}
        document.setdefault("max_state_dim", 32)
    elif isinstance(document, dict):
        document = {key: value for key, value in document.items() if key != "max_state_dim"}
    return foreign_config.build(XvlaConfig, document, path)


def read_weights(path: Path, config: XvlaConfig) -> dict[str, Float32]:
    """model.safetensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
    table = xvla_tensors(config)
    bound(table, path)
    found = map_tensors(path)
    if found and all(name.startswith(LEROBOT_PREFIX) for name in found):
        found = {name.removeprefix(LEROBOT_PREFIX): array for name, array in found.items()}
    weights = fit(found, table, unused, path)
    return {**weights, "action.position": weights["position"][0, : config.num_actions]}


class Xvla:
    """One checkpoint, ready to run: `encode` once per observation, then `denoise`."""

    def __init__(self, config: XvlaConfig, weights: Mapping[str, Float32], isa: str = "") -> None:
        """Raises CheckpointError when the engine refuses the sizes."""
        self.config = config
        self.recorder = _core.Recorder()
        try:
            self.engine = _core.XvlaEngine(config.engine(), dict(weights), isa)
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"the engine refuses this checkpoint: {error}") from error

    def encode(self, features: Any, views: Any, domain: int, *, record: bool = False) -> None:
        """Features (n, F) of the language encoder, views (m, F) of views 1 and up, domain index."""
        self.engine.encode(features, views, domain, self.recorder if record else None)

    def denoise(
        self,
        noise: Float32,
        proprio: Float32,
        steps: int = 10,
        locked: Float32 | None = None,
        *,
        record: bool = False,
    ) -> Float32:
        """(T, real channels). noise (T, channels), standard normal; locked (d, channels): promised rows."""
        recorder = self.recorder if record else None
        whole = self.engine.denoise(np.ascontiguousarray(noise), steps, proprio, locked, recorder)
        return np.ascontiguousarray(whole[:, : self.config.real])
