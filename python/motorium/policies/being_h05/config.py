"""What the engine reads of a Being-H0.5 config.json; the keys are those of BeingHConfig."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...errors import CheckpointError
from .. import foreign_config
from ..schema import one_of, within

WIDTH = within(1, 8192)
LAYERS = within(1, 256)


@dataclass(frozen=True)
class VitConfig:
    """InternViT."""

    hidden_size: Annotated[int, WIDTH]
    intermediate_size: Annotated[int, within(1, 32768)]
    num_hidden_layers: Annotated[int, within(1, 128)]
    num_attention_heads: Annotated[int, within(1, 128)]
    patch_size: Annotated[int, within(1, 64)]
    layer_norm_eps: Annotated[float, within(1e-12, 1e-2)]
    qkv_bias: bool = True
    qk_normalization: bool = False
    norm_type: Annotated[str, one_of("layer_norm")] = "layer_norm"
    hidden_act: Annotated[str, one_of("gelu")] = "gelu"


@dataclass(frozen=True)
class ExpertConfig:
    """The action stream; heads are those of the text stream."""

    hidden_size: Annotated[int, WIDTH]
    intermediate_size: Annotated[int, within(1, 32768)]
    num_hidden_layers: Annotated[int, LAYERS]
    rms_norm_eps: Annotated[float, within(1e-12, 1e-2)]


@dataclass(frozen=True)
class LlmConfig:
    """The text stream: Qwen3."""

    vocab_size: Annotated[int, within(1, 1 << 20)]
    hidden_size: Annotated[int, WIDTH]
    intermediate_size: Annotated[int, within(1, 32768)]
    num_hidden_layers: Annotated[int, LAYERS]
    num_attention_heads: Annotated[int, within(1, 128)]
    num_key_value_heads: Annotated[int, within(1, 128)]
    head_dim: Annotated[int, within(2, 512)]
    rms_norm_eps: Annotated[float, within(1e-12, 1e-2)]
    rope_theta: Annotated[float, within(1.0, 1e12)]
    architectures: tuple[str, ...]
    expert_config: ExpertConfig
    qk_norm: bool = True
    attention_bias: bool = False
    hidden_act: Annotated[str, one_of("silu")] = "silu"


@dataclass(frozen=True)
class BeingH05Config:
    """The whole model. `force_image_size` pixels per side; T = `action_chunk_length`.

    What config.json does not say is as in the release's BeingHConfig.
    """

    vit_config: VitConfig
    llm_config: LlmConfig
    force_image_size: Annotated[int, within(14, 1024)]
    action_chunk_length: Annotated[int, within(1, 256)]
    num_inference_timesteps: Annotated[int, within(1, 64)] = 4
    num_timestep_buckets: Annotated[int, within(1, 1 << 20)] = 1000
    downsample_ratio: Annotated[float, within(0.5, 0.5)] = 0.5
    attn_mode: Annotated[str, one_of("causal")] = "causal"
    select_layer: Annotated[int, within(-1, -1)] = -1
    use_mpg: bool = False
    mpg_num_projections: Annotated[int, within(0, 4096)] = 32
    mpg_lambda: Annotated[float, within(-1e3, 1e3)] = 0.0
    mpg_refinement_iters: Annotated[int, within(0, 64)] = 1
    mpg_gate_temperature: Annotated[float, within(1e-6, 1e6)] = 2.0

    def __post_init__(self) -> None:
        """Refuse combinations that the engine would compute differently. Raises CheckpointError."""
        llm, vit = self.llm_config, self.vit_config
        rules = (
            (llm.architectures == ("Qwen3ForCausalLM",), "llm_config.architectures must be Qwen3ForCausalLM"),
            (not llm.attention_bias, "llm_config.attention_bias is not supported"),
            (not vit.qk_normalization, "vit_config.qk_normalization is not supported"),
            (llm.expert_config.num_hidden_layers == llm.num_hidden_layers, "both streams need equal layers"),
            (llm.num_attention_heads % llm.num_key_value_heads == 0, "heads must be a multiple of kv heads"),
            (llm.head_dim % 2 == 0, "head_dim must be even"),
            (vit.hidden_size % vit.num_attention_heads == 0, "vit width must be a multiple of its heads"),
            (
                self.force_image_size % (2 * vit.patch_size) == 0,
                "the image must hold an even grid of patches",
            ),
        )
        broken = [text for holds, text in rules if not holds]
        if broken:
            raise CheckpointError("; ".join(broken))

    @property
    def refinements(self) -> int:
        """Passes with the gate that follow the plain one: `mpg_refinement_iters`, none without `use_mpg`."""
        return self.mpg_refinement_iters if self.use_mpg else 0

    @property
    def view_tokens(self) -> int:
        """Tokens one view becomes."""
        return (self.force_image_size // self.vit_config.patch_size) ** 2 // 4

    def engine(self, prompt: int, slots: int) -> dict[str, Any]:
        """Return the config of `_core.BeingH05Engine` for prompts of at most `prompt` tokens."""
        vit, llm = self.vit_config, self.llm_config
        expert = llm.expert_config
        vit_block = {
            "width": vit.hidden_size,
            "heads": vit.num_attention_heads,
            "head_dim": vit.hidden_size // vit.num_attention_heads,
            "mlp": vit.intermediate_size,
            "activation": "gelu",
            "norm": "layer",
            "qkv_bias": vit.qkv_bias,
            "out_bias": True,
            "mlp_bias": True,
            "layer_scale": True,
            "eps": vit.layer_norm_eps,
        }
        shared = {
            "heads": llm.num_attention_heads,
            "kv_heads": llm.num_key_value_heads,
            "head_dim": llm.head_dim,
            "qk_norm": llm.qk_norm,
        }
        text = {"width": llm.hidden_size, "mlp": llm.intermediate_size, "eps": llm.rms_norm_eps, **shared}
        action = {"width": expert.hidden_size, "mlp": expert.intermediate_size, "eps": expert.rms_norm_eps}
        denoiser: dict[str, Any] = {
            "block": {**action, **shared},
            "layers": llm.num_hidden_layers,
            "rows": self.action_chunk_length,
            "channels": slots,
            "prefix": prompt,
            "rope_theta": llm.rope_theta,
            "time": {"width": expert.hidden_size, "scale": self.num_timestep_buckets, "whole": True},
            "head_activation": "relu",
        }
        if self.use_mpg:
            denoiser["gate"] = {
                "width": llm.hidden_size,
                "directions": self.mpg_num_projections,
                "strength": self.mpg_lambda,
                "temperature": self.mpg_gate_temperature,
            }
        return {
            "vit": vit_block,
            "vit_layers": vit.num_hidden_layers,
            "image": self.force_image_size,
            "patch": vit.patch_size,
            "text": text,
            "vocabulary": llm.vocab_size,
            "slots": slots,
            "expert": denoiser,
        }


def read_config(path: Path, overrides: Mapping[str, Any] | None = None) -> BeingH05Config:
    """Read config.json, with some keys replaced, or with None taken away. Raises CheckpointError."""
    document = foreign_config.read_json(path)
    if isinstance(document, dict):
        changed = {**document, **(overrides or {})}
        document = {key: value for key, value in changed.items() if value is not None}
    return foreign_config.build(BeingH05Config, document, path)
