"""What the engine reads of a Xiaomi-Robotics-0 config.json, and how a chunk is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...errors import CheckpointError
from .. import foreign_config
from ..schema import Rules, one_of, within

TIME_WIDTH = 256
"""Floats of the sinusoid of the time, a constant of the original."""
MLP_RATIO = 4


@dataclass(frozen=True)
class RopeScaling:
    """Rotary embedding on three axes: pairs turned by time, height and width, interleaved."""

    mrope_section: Annotated[tuple[int, ...], Rules(low=0, high=256, length=3)]
    mrope_interleaved: bool
    rope_type: Annotated[str, one_of("default")]


@dataclass(frozen=True)
class TextConfig:
    """The vision-language model's text stack, whose keys and values the head reads."""

    num_hidden_layers: Annotated[int, within(1, 256)]
    num_key_value_heads: Annotated[int, within(1, 128)]
    head_dim: Annotated[int, within(2, 512)]
    rope_theta: Annotated[float, within(1.0, 1e12)]
    rope_scaling: RopeScaling
    max_position_embeddings: Annotated[int, within(1, 1 << 24)]


@dataclass(frozen=True)
class VlmConfig:
    """The vision-language model; the head needs only its text stack."""

    text_config: TextConfig


@dataclass(frozen=True)
class DitConfig:
    """The flow transformer."""

    hidden_size: Annotated[int, within(2, 8192)]
    num_hidden_layers: Annotated[int, within(1, 256)]
    head_dim: Annotated[int, within(2, 512)]
    num_key_value_heads: Annotated[int, within(1, 128)]


@dataclass(frozen=True)
class ChunkLayout:
    """Sizes that change from robot to robot, and what a checkpoint was post-trained for.

    Attributes:
        prompt: most tokens of the vision-language model.
        rows: T, actions of a chunk.
        state_rows: tokens of the state.
        window: rows of the chunk that a row sees before itself (w of the Lambda-shape mask); None: all of them.
        rope_gap: positions left out between the committed and the free rows.
    """

    prompt: int
    rows: int
    state_rows: int = 1
    window: int | None = None
    rope_gap: int = 0


@dataclass(frozen=True)
class XiaomiR0Config:
    """config.json of a `mibot` checkpoint, as far as its action head goes."""

    model_type: Annotated[str, one_of("mibot")]
    state_dim: Annotated[int, within(1, 4096)]
    state_length: Annotated[int, within(1, 64)]
    action_dim: Annotated[int, within(1, 4096)]
    action_length: Annotated[int, within(1, 1024)]
    vlm_config: VlmConfig
    dit_config: DitConfig

    def __post_init__(self) -> None:
        """Refuse combinations that the engine would compute differently. Raises CheckpointError."""
        dit, text = self.dit_config, self.vlm_config.text_config
        rope = text.rope_scaling
        rules = (
            (dit.hidden_size % dit.head_dim == 0, "hidden_size must be a multiple of head_dim"),
            (self.heads % dit.num_key_value_heads == 0, "heads must be a multiple of num_key_value_heads"),
            (
                (dit.head_dim, dit.num_key_value_heads) == (text.head_dim, text.num_key_value_heads),
                "dit_config and text_config must agree on head_dim and num_key_value_heads: they share keys",
            ),
            (dit.num_hidden_layers <= text.num_hidden_layers, "dit_config has more layers than text_config"),
            (rope.mrope_interleaved, "only an interleaved rotary embedding (mrope_interleaved) is supported"),
            (
                len(rope.mrope_section) == 3 and 2 * sum(rope.mrope_section) == text.head_dim,
                "mrope_section must be three numbers that add up to half of head_dim",
            ),
        )
        broken = [text for holds, text in rules if not holds]
        if broken:
            raise CheckpointError("; ".join(broken))

    @property
    def heads(self) -> int:
        """Query heads of the flow transformer, and heads of its own keys."""
        return self.dit_config.hidden_size // self.dit_config.head_dim

    @property
    def first_layer(self) -> int:
        """The layer of the vision-language model whose keys and values the first layer of the head reads."""
        return self.vlm_config.text_config.num_hidden_layers - self.dit_config.num_hidden_layers

    def engine(self, layout: ChunkLayout) -> dict[str, Any]:
        """Return the config of `_core.XiaomiR0Engine`."""
        dit, text = self.dit_config, self.vlm_config.text_config
        block = {
            "width": dit.hidden_size,
            "heads": self.heads,
            "head_dim": dit.head_dim,
            "mlp": MLP_RATIO * dit.hidden_size,
            "order": "sandwich",
            "adaptive": True,
            "qk_norm": True,
            "qkv_bias": True,
            "eps": 1e-6,
        }
        mask = {"mask": "causal"} if layout.window is None else {"mask": "lambda", "window": layout.window}
        head = {
            "format": 2,
            "block": block,
            "layers": dit.num_hidden_layers,
            "rows": layout.rows,
            "channels": self.action_dim,
            "lead": 1 + layout.state_rows,
            "prefix": layout.prompt,
            **mask,
            "rope_theta": text.rope_theta,
            "rope_sections": list(text.rope_scaling.mrope_section),
            "rope_gap": layout.rope_gap,
            "positions": min(text.max_position_embeddings, 131072),
            "embedding": "untimed",
            "embed_activation": "gelu_tanh",
            "head_activation": "gelu_tanh",
            "embed_bias": False,
            "head_bias": False,
            "head_norm": False,
            "head_width": self.action_dim,
            "modulation_width": TIME_WIDTH,
            "locked_done": False,
        }
        return {"dit": head, "state_channels": self.state_dim}


def read_config(path: Path) -> XiaomiR0Config:
    """Read config.json. Raises CheckpointError."""
    return foreign_config.build(XiaomiR0Config, foreign_config.read_json(path), path)
