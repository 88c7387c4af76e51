"""What the engine reads of an X-VLA config.json: the official layout, and LeRobot's port of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from ..errors import CheckpointError
from .schema import one_of, within


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
    """The soft-prompted transformer. `num_actions` rows, times counted in shares of the chunk."""

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

    def __post_init__(self) -> None:
        """Refuse combinations that the engine would compute differently. Raises CheckpointError."""
        rules = (
            (not self.use_hetero_proj, "use_hetero_proj is not supported"),
            (self.hidden_size % self.num_heads == 0, "hidden_size must be a multiple of num_heads"),
            (self.dim_time % 2 == 0, "dim_time must be even"),
            (self.num_actions <= self.max_len_seq, "max_len_seq must hold the actions"),
            (self.real <= self.width, "real_action_dim must not exceed max_action_dim"),
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
        """Floats of proprio: as wide as an action, or as LeRobot's `max_state_dim` says."""
        return self.max_state_dim or self.width

    @property
    def mlp(self) -> int:
        """Inner width of the MLPs."""
        return int(self.hidden_size * self.mlp_ratio)

    def engine(self) -> dict[str, Any]:
        """Config of `_core.XvlaEngine`."""
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
