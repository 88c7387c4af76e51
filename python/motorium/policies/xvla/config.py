"""What the engine reads of an X-VLA config.json: the official layout, and LeRobot's port of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...errors import CheckpointError
from .. import foreign_config
from ..schema import one_of, within


@dataclass(frozen=True)
class ActionSpace:
    """How a chunk is laid out.

    Attributes:
        width: channels of the model; 0: `max_action_dim`.
        real: channels that mean something; 0: `real_action_dim`.
        grippers: channels the network gets as zeros and whose result passes a sigmoid.
    """

    width: int
    real: int
    grippers: tuple[int, ...]


ACTION_SPACES = {
    "ee6d": ActionSpace(20, 20, (9, 19)),
    "joint": ActionSpace(14, 14, (6, 13)),
    "agibot_ee6d": ActionSpace(20, 20, ()),
    "arx_ee6d": ActionSpace(20, 20, ()),
    "auto": ActionSpace(0, 0, ()),
    "franka_joint7": ActionSpace(20, 7, ()),
    "so101_bimanual": ActionSpace(20, 12, (5, 11)),
}


@dataclass(frozen=True)
class FlorenceConfig:
    """The vision-language encoder; the head only needs the width of its features."""

    projection_dim: Annotated[int, within(1, 16384)]


@dataclass(frozen=True)
class XvlaConfig:
    """The soft-prompted transformer. `num_actions` rows, times counted in shares of the chunk.

    `use_proprio` and `num_denoising_steps` are LeRobot's; the original stores a `use_proprio` that it never reads, and
    takes the steps with each request.
    """

    florence_config: FlorenceConfig
    hidden_size: Annotated[int, within(1, 8192)]
    depth: Annotated[int, within(1, 256)]
    num_heads: Annotated[int, within(1, 128)]
    mlp_ratio: Annotated[float, within(0.01, 64.0)]
    num_domains: Annotated[int, within(1, 1024)]
    len_soft_prompts: Annotated[int, within(0, 1024)]
    dim_time: Annotated[int, within(2, 8192)]
    max_len_seq: Annotated[int, within(1, 65536)]
    num_actions: Annotated[int, within(1, 1024)] = 30
    action_mode: Annotated[str, one_of(*ACTION_SPACES)] = "ee6d"
    max_action_dim: Annotated[int, within(1, 4096)] = 20
    real_action_dim: Annotated[int, within(1, 4096)] = 20
    max_state_dim: Annotated[int, within(0, 4096)] = 0
    use_hetero_proj: bool = False
    use_proprio: bool = True
    num_denoising_steps: Annotated[int, within(1, 1000)] = 10

    def __post_init__(self) -> None:
        """Refuse combinations that the engine would compute differently. Raises CheckpointError."""
        rules = (
            (not self.use_hetero_proj, "use_hetero_proj is not supported"),
            (self.hidden_size % self.num_heads == 0, "hidden_size must be a multiple of num_heads"),
            (self.dim_time % 2 == 0, "dim_time must be even"),
            (self.num_actions <= self.max_len_seq, "max_len_seq must hold the actions"),
            (
                self.real <= self.width,
                f"output_features.action.shape (or real_action_dim), {self.real}, exceeds max_action_dim, {self.width}",
            ),
            (
                self.use_proprio or not self.space.grippers,
                f"use_proprio: false does not go with action_mode {self.action_mode}, in LeRobot neither",
            ),
        )
        broken = [text for holds, text in rules if not holds]
        if broken:
            raise CheckpointError("; ".join(broken))

    @property
    def space(self) -> ActionSpace:
        """The action space by name."""
        return ACTION_SPACES[self.action_mode]

    @property
    def width(self) -> int:
        """Channels of an action as the network sees it."""
        return self.space.width or self.max_action_dim

    @property
    def real(self) -> int:
        """Channels of the result."""
        return self.space.real or self.real_action_dim

    @property
    def proprio(self) -> int:
        """Floats of proprio: as wide as an action, or as LeRobot's `max_state_dim` says; none without `use_proprio`."""
        return (self.max_state_dim or self.width) if self.use_proprio else 0

    @property
    def mlp(self) -> int:
        """Inner width of the MLPs."""
        return int(self.hidden_size * self.mlp_ratio)

    def engine(self) -> dict[str, Any]:
        """Return the config of `_core.XvlaEngine`."""
        block = {
            "width": self.hidden_size,
            "heads": self.num_heads,
            "head_dim": self.hidden_size // self.num_heads,
            "mlp": self.mlp,
            "activation": "gelu_tanh",
            "norm": "layer",
            "qkv_bias": True,
            "out_bias": True,
            "mlp_bias": True,
            "eps": 1e-5,
        }
        head = {
            "block": block,
            "layers": self.depth,
            "rows": self.num_actions,
            "channels": self.width,
            "context": self.proprio,
            "tail": self.max_len_seq - self.num_actions + self.len_soft_prompts,
            "mask": "full",
            "embedding": "domain",
            "learnt_positions": True,
            "domains": self.num_domains,
            "time": {"width": self.dim_time, "period": 100.0, "cosine_first": True},
            "prediction": "clean",
            "noise_at_one": True,
            "zeroed": list(self.space.grippers),
            "sigmoid": list(self.space.grippers),
        }
        return {
            "head": head,
            "feature_width": self.florence_config.projection_dim,
            "soft_prompts": self.len_soft_prompts,
            "positions": self.max_len_seq,
        }


LEROBOT_CHUNK, LEROBOT_STATE, LEROBOT_PROJECTION = 32, 32, 1024
"""Defaults of LeRobot's `chunk_size`, `max_state_dim` and Florence-2's `projection_dim`, where config.json has none."""


def official_document(document: Any) -> Any:
    """Bring a config.json of LeRobot's layout into the original's keys; one of the original keeps its own.

    Source: lerobot `policies/xvla/configuration_xvla.py` and `modeling_xvla.py`. There the width of `auto` is that of
    the feature `action`, proprio is `max_state_dim` wide, and without `use_proprio` it is left out.
    """
    if not isinstance(document, dict):
        return document
    if document.get("type") != "xvla":
        return {
            k: v
            for k, v in document.items()
            if k not in {"max_state_dim", "use_proprio", "num_denoising_steps"}
        }
    told = {**document, "num_actions": document.get("chunk_size", LEROBOT_CHUNK)}
    told.setdefault("max_state_dim", LEROBOT_STATE)
    told["action_mode"] = str(document.get("action_mode", "ee6d")).lower()
    told["real_action_dim"] = _action_width(document)
    florence = document.get("florence_config")
    if isinstance(florence, dict):
        vision = florence.get("vision_config")
        inner = vision.get("projection_dim") if isinstance(vision, dict) else None
        told["florence_config"] = {"projection_dim": inner or LEROBOT_PROJECTION, **florence}
    return told


def _action_width(document: Mapping[str, Any]) -> Any:
    """Return the last entry of `output_features.action.shape`; without one, LeRobot takes `max_action_dim`."""
    features = document.get("output_features")
    action = features.get("action") if isinstance(features, dict) else None
    shape = action.get("shape") if isinstance(action, dict) else None
    return shape[-1] if isinstance(shape, list) and shape else document.get("max_action_dim", 20)


def read_config(path: Path) -> XvlaConfig:
    """Read config.json of either layout. Raises CheckpointError."""
    document = official_document(foreign_config.read_json(path))
    return foreign_config.build(XvlaConfig, document, path)
