"""Official tensor names of X-VLA's soft-prompted transformer, and what the engine calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...containers import map_tensors
from ...types import Float32
from ..foreign_weights import Weight, bound, fit
from .config import XvlaConfig
from .florence import EncoderConfig, florence_tensors

LEROBOT_PREFIX = "model."
"""LeRobot's port puts this before every name; the transformer's names are the same behind it."""

_TOWER = r"vlm\.vision_tower\."
_BLOCK = _TOWER + r"blocks\.(\d+)\.(\d+)\."
_HALVES = (("spatial_block", "window_attn"), ("channel_block", "channel_attn"))
_PROJECTOR = "vlm.multi_modal_projector."
_NATIVE: tuple[tuple[str, str], ...] = (
    (_TOWER + r"convs\.(\d+)\.conv\.", r"vlm.vision_tower.convs.\1.proj."),
    *(
        (_BLOCK + half + there, rf"vlm.vision_tower.blocks.\1.\2.{half}" + here)
        for half, attention in _HALVES
        for there, here in (
            (r"\.conv([12])\.(?!fn\.)", r".conv\3.fn.dw."),
            (r"\.norm1\.", f".{attention}.norm."),
            (rf"\.{attention}\.(qkv|proj)\.", rf".{attention}.fn.\3."),
            (r"\.norm2\.", ".ffn.norm."),
            (r"\.ffn\.(fc[12])\.", r".ffn.fn.net.\3."),
        )
    ),
    (re.escape(_PROJECTOR) + r"image_proj_norm\.", "vlm.image_proj_norm."),
    (re.escape(_PROJECTOR) + r"image_position_embed\.", "vlm.image_pos_embed."),
    (re.escape(_PROJECTOR) + r"visual_temporal_embed\.", "vlm.visual_temporal_embed."),
    (r"vlm\.language_model\.(?=shared\.|encoder\.)", "vlm.language_model.model."),
)
"""Names of Florence-2 in transformers, which LeRobot's port has today, and the original's (lerobot
`policies/xvla/modeling_xvla.py`, which renames the other way when it reads an older checkpoint)."""


def official_names(found: Mapping[str, Float32]) -> dict[str, Float32]:
    """Give the tensors of LeRobot's present layout their original names; others keep theirs.

    The projection of the picture's features is a linear layer there, so its weight is the transpose.
    """
    out: dict[str, Float32] = {}
    for name, array in found.items():
        if name == f"{_PROJECTOR}image_projection.weight" and array.ndim == 2:
            out["vlm.image_projection"] = np.ascontiguousarray(array.T)
            continue
        for native, official in _NATIVE:
            renamed, count = re.subn(native, official, name, count=1)
            if count:
                name = renamed  # noqa: PLW2901
                break
        out[name] = array
    return out


SHARED, TIED = (f"vlm.language_model.model.{part}.weight" for part in ("shared", "encoder.embed_tokens"))
"""The text embedding is saved under one of the two names, or both."""


def unused_by_head(name: str) -> bool:
    """Return whether a tensor is of the vision-language encoder and of training."""
    return name.startswith(("vlm.", "sf_projector."))


def unused_by_encoder(name: str) -> bool:
    """Return whether a tensor is of the head, of training and of the language model's output."""
    return name.startswith(("transformer.", "sf_projector.")) or name in (TIED, FINAL_BIAS)


FINAL_BIAS = "vlm.language_model.final_logits_bias"


def xvla_tensors(config: XvlaConfig) -> dict[str, Weight]:
    """Return engine name -> official tensor. Domain-aware layers keep one row per domain, viewed as [in, out]."""
    w, c, domains = config.hidden_size, config.width, config.num_domains
    inputs = c + config.proprio + config.dim_time
    table = {
        "position": Weight("transformer.pos_emb", (1, config.max_len_seq, w)),
        "soft_prompt": Weight("transformer.soft_prompt_hub.weight", (domains, config.len_soft_prompts * w)),
        "action.fc.weight": Weight("transformer.action_encoder.fc.weight", (domains, inputs * w)),
        "action.bias.weight": Weight("transformer.action_encoder.bias.weight", (domains, w)),
        "out.fc.weight": Weight("transformer.action_decoder.fc.weight", (domains, w * c)),
        "out.bias.weight": Weight("transformer.action_decoder.bias.weight", (domains, c)),
    }
    features = config.florence_config.projection_dim
    for target, name in (("features", "vlm_proj"), ("views", "aux_visual_proj")):
        table[f"{target}.weight"] = Weight(f"transformer.{name}.weight", (w, features))
        table[f"{target}.bias"] = Weight(f"transformer.{name}.bias", (w,))
    for kind in ("weight", "bias"):
        table[f"out.norm.{kind}"] = Weight(f"transformer.norm.{kind}", (w,))
    for layer in range(config.depth):
        table |= _block(config, layer)
    return table


def _block(config: XvlaConfig, layer: int) -> dict[str, Weight]:
    w, mlp = config.hidden_size, config.mlp
    here, name = f"layers.{layer}.expert", f"transformer.blocks.{layer}"
    table = {}
    for kind in ("weight", "bias"):
        square = (w,) if kind == "weight" else ()
        inner = (mlp,) if kind == "weight" else ()
        for norm in ("norm1", "norm2"):
            table[f"{here}.{norm}.{kind}"] = Weight(f"{name}.{norm}.{kind}", (w,))
        for part, letter in enumerate("qkv"):
            table[f"{here}.{letter}.{kind}"] = Weight(f"{name}.attn.qkv.{kind}", (3 * w, *square), part, 3)
        table[f"{here}.o.{kind}"] = Weight(f"{name}.attn.proj.{kind}", (w, *square))
        table[f"{here}.fc1.{kind}"] = Weight(f"{name}.mlp.fc1.{kind}", (mlp, *square))
        table[f"{here}.fc2.{kind}"] = Weight(f"{name}.mlp.fc2.{kind}", (w, *inner))
    return table


def read_weights(path: Path, config: XvlaConfig) -> dict[str, Float32]:
    """Return the head's tensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
    table = xvla_tensors(config)
    bound(table, path)
    weights = fit(_official(path), table, unused_by_head, path)
    return {**weights, "action.position": weights["position"][0, : config.num_actions]}


def read_encoder_weights(path: Path, config: EncoderConfig) -> dict[str, Float32]:
    """Return the encoder's tensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
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
