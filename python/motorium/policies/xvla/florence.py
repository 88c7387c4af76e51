"""Florence-2's encoder as X-VLA carries it: the `florence_config` of config.json, and its tensor names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ...errors import CheckpointError
from .. import foreign_config
from ..foreign_weights import Weight
from ..schema import Rules, one_of, within
from .config import official_document

STAGES = Rules(low=0, high=8192, length=8)
SOURCES = ("spatial_avg_pool", "temporal_avg_pool")


@dataclass(frozen=True)
class PositionConfig:
    """Learnt rows and columns."""

    max_pos_embeddings: Annotated[int, within(1, 4096)]


@dataclass(frozen=True)
class TemporalConfig:
    """Cosine embedding of the frame; only frame 0 is used."""

    max_temporal_embeddings: Annotated[int, within(1, 65536)]


@dataclass(frozen=True)
class VisionConfig:
    """DaViT, one entry per stage."""

    depths: Annotated[tuple[int, ...], STAGES]
    dim_embed: Annotated[tuple[int, ...], STAGES]
    num_heads: Annotated[tuple[int, ...], STAGES]
    num_groups: Annotated[tuple[int, ...], STAGES]
    patch_size: Annotated[tuple[int, ...], STAGES]
    patch_stride: Annotated[tuple[int, ...], STAGES]
    patch_padding: Annotated[tuple[int, ...], STAGES]
    patch_prenorm: tuple[bool, ...]
    window_size: Annotated[int, within(1, 64)]
    image_pos_embed: PositionConfig
    visual_temporal_embedding: TemporalConfig
    image_feature_source: tuple[str, ...] = SOURCES


@dataclass(frozen=True)
class TextConfig:
    """BART's encoder. Embeddings are never scaled on this path, whatever the config says."""

    d_model: Annotated[int, within(1, 8192)]
    encoder_layers: Annotated[int, within(1, 128)]
    encoder_attention_heads: Annotated[int, within(1, 128)]
    encoder_ffn_dim: Annotated[int, within(1, 32768)]
    max_position_embeddings: Annotated[int, within(1, 65000)]
    vocab_size: Annotated[int, within(1, 1 << 20)]
    activation_function: Annotated[str, one_of("gelu")] = "gelu"


@dataclass(frozen=True)
class EncoderConfig:
    """The whole encoder."""

    vision_config: VisionConfig
    text_config: TextConfig
    projection_dim: Annotated[int, within(1, 16384)]

    def __post_init__(self) -> None:
        """Refuse what the engine would compute differently. Raises CheckpointError."""
        vision, text = self.vision_config, self.text_config
        lists = (vision.dim_embed, vision.num_heads, vision.num_groups, vision.patch_size, vision.patch_stride,
                 vision.patch_padding, vision.patch_prenorm)  # fmt: skip
        rules = (
            (all(len(entry) == len(vision.depths) for entry in lists), "vision lists must be equally long"),
            (vision.image_feature_source == SOURCES, f"image_feature_source must be {', '.join(SOURCES)}"),
            (self.projection_dim == text.d_model, "projection_dim must equal d_model"),
            (text.d_model % text.encoder_attention_heads == 0, "d_model must be a multiple of its heads"),
            (all(heads > 0 for heads in (*vision.num_heads, *vision.num_groups)), "heads must be positive"),
        )
        broken = [text for holds, text in rules if not holds]
        if broken:
            raise CheckpointError("; ".join(broken))

    def engine(self, image: int) -> dict[str, Any]:
        """Return the config of `_core.FlorenceEncoder` for square images of `image` pixels."""
        vision, text = self.vision_config, self.text_config
        names = ("width", "depth", "heads", "groups", "patch", "stride", "padding", "norm_first")
        stages = zip(vision.dim_embed, vision.depths, vision.num_heads, vision.num_groups, vision.patch_size,
                     vision.patch_stride, vision.patch_padding, vision.patch_prenorm, strict=True)  # fmt: skip
        block = {
            "width": text.d_model,
            "heads": text.encoder_attention_heads,
            "head_dim": text.d_model // text.encoder_attention_heads,
            "mlp": text.encoder_ffn_dim,
            "activation": "gelu",
            "norm": "layer",
            "order": "after",
            "qkv_bias": True,
            "out_bias": True,
            "mlp_bias": True,
            "eps": 1e-5,
        }
        return {
            "stages": [dict(zip(names, stage, strict=True)) for stage in stages],
            "image": image,
            "window": vision.window_size,
            "most_positions": vision.image_pos_embed.max_pos_embeddings,
            "temporal_positions": vision.visual_temporal_embedding.max_temporal_embeddings,
            "text": block,
            "text_layers": text.encoder_layers,
            "vocabulary": text.vocab_size,
            "most_tokens": text.max_position_embeddings,
            "position_rows": text.max_position_embeddings + 2,
        }


def official_florence(document: Any) -> Any:
    """Bring a `florence_config` with the keys of transformers' Florence-2 into the original's.

    Source: transformers `models/florence2/configuration_florence2.py`; the values mean the same. BART's vocabulary
    may stand outside `text_config`, as in the original.
    """
    if not isinstance(document, dict) or not isinstance(document.get("vision_config"), dict):
        return document
    vision = dict(document["vision_config"])
    if "embed_dim" in vision:
        vision.setdefault("dim_embed", vision["embed_dim"])
    for key, (group, inner) in {
        "max_position_embeddings": ("image_pos_embed", "max_pos_embeddings"),
        "max_temporal_embeddings": ("visual_temporal_embedding", "max_temporal_embeddings"),
    }.items():
        if key in vision:
            vision.setdefault(group, {inner: vision[key]})
    told = {**document, "vision_config": vision}
    if "projection_dim" in vision:
        told.setdefault("projection_dim", vision["projection_dim"])
    return told


def read_encoder_config(path: Path) -> EncoderConfig:
    """Return the `florence_config` of config.json. Raises CheckpointError."""
    document = official_document(foreign_config.read_json(path))
    florence = document.get("florence_config") if isinstance(document, dict) else None
    florence = official_florence(florence)
    return foreign_config.build(EncoderConfig, florence, path)


def florence_tensors(config: EncoderConfig) -> dict[str, Weight]:
    """Return engine name -> official tensor. The embedding is stored once, as `shared.weight`."""
    vision, text = config.vision_config, config.text_config
    last, d = vision.dim_embed[-1], text.d_model
    model = "vlm.language_model.model"
    table = {
        "image.projection": Weight("vlm.image_projection", (last, d)),
        "image.row": _position(config, "row"),
        "image.column": _position(config, "column"),
        "image.temporal": Weight("vlm.visual_temporal_embed.pos_idx_to_embed",
                                 (vision.visual_temporal_embedding.max_temporal_embeddings, last)),
        "text.embedding": Weight(f"{model}.shared.weight", (text.vocab_size, d)),
        "text.position": Weight(f"{model}.encoder.embed_positions.weight", (text.max_position_embeddings + 2, d)),
    }  # fmt: skip
    table |= _pair("image.norm", "vlm.image_proj_norm", (d,))
    table |= _pair("text.norm", f"{model}.encoder.layernorm_embedding", (d,))
    channels = 3
    for stage, width in enumerate(vision.dim_embed):
        name, size = f"vlm.vision_tower.convs.{stage}", vision.patch_size[stage]
        table |= _pair(f"davit.convs.{stage}", f"{name}.proj", (width, channels, size, size))
        normed = channels if vision.patch_prenorm[stage] else width
        table |= _pair(f"davit.norms.{stage}", f"{name}.norm", (normed,))
        for block in range(vision.depths[stage]):
            table |= _davit_block(stage, block, width)
        channels = width
    for layer in range(text.encoder_layers):
        table |= _text_layer(f"{model}.encoder.layers.{layer}", layer, d, text.encoder_ffn_dim)
    return table


def _pair(target: str, name: str, shape: tuple[int, ...]) -> dict[str, Weight]:
    return {
        f"{target}.weight": Weight(f"{name}.weight", shape),
        f"{target}.bias": Weight(f"{name}.bias", shape[:1]),
    }


def _position(config: EncoderConfig, axis: str) -> Weight:
    rows, width = config.vision_config.image_pos_embed.max_pos_embeddings, config.vision_config.dim_embed[-1]
    return Weight(f"vlm.image_pos_embed.{axis}_embeddings.weight", (rows, width // 2))


def _davit_block(stage: int, block: int, width: int) -> dict[str, Weight]:
    table: dict[str, Weight] = {}
    for half, attention in (("spatial", "window_attn"), ("channel", "channel_attn")):
        here = f"davit.blocks.{stage}.{block}.{half}"
        name = f"vlm.vision_tower.blocks.{stage}.{block}.{half}_block"
        for conv in ("conv1", "conv2"):
            table |= _pair(f"{here}.{conv}", f"{name}.{conv}.fn.dw", (width, 1, 3, 3))
        table |= _pair(f"{here}.norm1", f"{name}.{attention}.norm", (width,))
        table |= _pair(f"{here}.norm2", f"{name}.ffn.norm", (width,))
        table |= _pair(f"{here}.o", f"{name}.{attention}.fn.proj", (width, width))
        table |= _pair(f"{here}.fc1", f"{name}.ffn.fn.net.fc1", (4 * width, width))
        table |= _pair(f"{here}.fc2", f"{name}.ffn.fn.net.fc2", (width, 4 * width))
        for part, letter in enumerate("qkv"):
            qkv = f"{name}.{attention}.fn.qkv"
            table[f"{here}.{letter}.weight"] = Weight(f"{qkv}.weight", (3 * width, width), part, 3)
            table[f"{here}.{letter}.bias"] = Weight(f"{qkv}.bias", (3 * width,), part, 3)
    return table


def _text_layer(name: str, layer: int, d: int, inner: int) -> dict[str, Weight]:
    here = f"text.layers.{layer}"
    parts = {
        "norm1": ("self_attn_layer_norm", (d,)),
        "norm2": ("final_layer_norm", (d,)),
        "q": ("self_attn.q_proj", (d, d)),
        "k": ("self_attn.k_proj", (d, d)),
        "v": ("self_attn.v_proj", (d, d)),
        "o": ("self_attn.out_proj", (d, d)),
        "fc1": ("fc1", (inner, d)),
        "fc2": ("fc2", (d, inner)),
    }
    table: dict[str, Weight] = {}
    for target, (official, shape) in parts.items():
        table |= _pair(f"{here}.{target}", f"{name}.{official}", shape)
    return table
