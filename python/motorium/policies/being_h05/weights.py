"""Official tensor names of Being-H0.5, and what the engine calls them. All Linear weights are [out, in]."""

from __future__ import annotations

from pathlib import Path

from ...containers import Shape, map_tensors
from ...types import SLOTS, Float32
from ..foreign_weights import Weight, bound, fit
from .config import BeingH05Config

UNUSED = ("language_model.lm_head.weight",)
"""Part of a checkpoint, but of no use to actions."""
_GATE = ("mpg.", "action_to_vlm_proj.", "vlm_to_action_proj.")
LEGACY = ("state_encoder.", "proprio_encoder_robot.")
"""An older prefix and the one it became."""


def unused(name: str, config: BeingH05Config) -> bool:
    """Return whether a tensor may exist unused: of text output, or of the gate where `use_mpg` is off."""
    return name in UNUSED or (not config.use_mpg and name.startswith(_GATE))


def being_h05_tensors(config: BeingH05Config, slots: int) -> dict[str, Weight]:
    """Return engine name -> official tensor, for the whole model."""
    llm, vit = config.llm_config, config.vit_config
    h, a, d = llm.hidden_size, llm.expert_config.hidden_size, vit.hidden_size
    patches = (config.force_image_size // vit.patch_size) ** 2
    table = {
        "vit.class": Weight("vit_model.embeddings.class_embedding", (1, 1, d)),
        "vit.position": Weight("vit_model.embeddings.position_embedding", (1, patches + 1, d)),
        "text.embedding": Weight("language_model.model.embed_tokens.weight", (llm.vocab_size, h)),
        "text.norm.weight": Weight("language_model.model.norm.weight", (h,)),
        "out.norm.weight": Weight("language_model.model.norm_mot_gen.weight", (a,)),
    }
    linears: dict[str, tuple[str, Shape]] = {
        "connector.fc1": ("connector.mlp1.1", (h, 4 * d)),
        "connector.fc2": ("connector.mlp1.3", (h, h)),
        "state.fc1": ("proprio_encoder_robot.layer1", (a, slots)),
        "state.fc2": ("proprio_encoder_robot.layer2", (a, a)),
        "action.w1": ("action_encoder.W1", (a, slots)),
        "action.w2": ("action_encoder.W2", (a, 2 * a)),
        "action.w3": ("action_encoder.W3", (a, a)),
        "out.fc1": ("action_decoder.layer1", (a, a)),
        "out.fc2": ("action_decoder.layer2", (slots, a)),
    }
    if config.use_mpg:
        linears |= {
            "gate.to_observation": ("action_to_vlm_proj", (h, a)),
            "gate.to_action": ("vlm_to_action_proj", (a, h)),
            "gate.observation": ("mpg.obs_proj", (h, h)),
            "gate.action": ("mpg.action_proj", (h, a)),
            "gate.enhance": ("mpg.enhancement_proj", (h, h)),
        }
    for target, (name, shape) in linears.items():
        table[f"{target}.weight"] = Weight(f"{name}.weight", shape)
        table[f"{target}.bias"] = Weight(f"{name}.bias", shape[:1])
    for kind in ("weight", "bias"):
        table[f"connector.norm.{kind}"] = Weight(f"connector.mlp1.0.{kind}", (4 * d,))
    patch = "vit_model.embeddings.patch_embedding"
    table["vit.patch.weight"] = Weight(f"{patch}.weight", (d, 3, vit.patch_size, vit.patch_size))
    table["vit.patch.bias"] = Weight(f"{patch}.bias", (d,))
    for layer in range(vit.num_hidden_layers):
        table |= _vit_layer(config, layer)
    for layer in range(llm.num_hidden_layers):
        table |= _stream_layer(config, layer, "prefix", "", h, llm.intermediate_size)
        table |= _stream_layer(config, layer, "expert", "_mot_gen", a, llm.expert_config.intermediate_size)
    return table


def _vit_layer(config: BeingH05Config, layer: int) -> dict[str, Weight]:
    vit = config.vit_config
    d, f = vit.hidden_size, vit.intermediate_size
    here, name = f"vit.layers.{layer}", f"vit_model.encoder.layers.{layer}"
    table = {f"{here}.{scale}": Weight(f"{name}.{scale}", (d,)) for scale in ("ls1", "ls2")}
    for kind in ("weight", "bias"):
        square = (d,) if kind == "weight" else ()
        for norm in ("norm1", "norm2"):
            table[f"{here}.{norm}.{kind}"] = Weight(f"{name}.{norm}.{kind}", (d,))
        if kind == "weight" or vit.qkv_bias:
            for part, letter in enumerate("qkv"):
                whole = Weight(f"{name}.attn.qkv.{kind}", (3 * d, *square), part, 3)
                table[f"{here}.{letter}.{kind}"] = whole
        table[f"{here}.o.{kind}"] = Weight(f"{name}.attn.proj.{kind}", (d, *square))
        table[f"{here}.fc1.{kind}"] = Weight(f"{name}.mlp.fc1.{kind}", (f, *square))
        inner = (f,) if kind == "weight" else ()
        table[f"{here}.fc2.{kind}"] = Weight(f"{name}.mlp.fc2.{kind}", (d, *inner))
    return table


def _stream_layer(
    config: BeingH05Config, layer: int, stream: str, suffix: str, width: int, inner: int
) -> dict[str, Weight]:
    llm = config.llm_config
    queries, keys = llm.num_attention_heads * llm.head_dim, llm.num_key_value_heads * llm.head_dim
    shapes: dict[str, tuple[str, Shape]] = {
        "norm1": (f"input_layernorm{suffix}", (width,)),
        "norm2": (f"post_attention_layernorm{suffix}", (width,)),
        "q": (f"self_attn.q_proj{suffix}", (queries, width)),
        "k": (f"self_attn.k_proj{suffix}", (keys, width)),
        "v": (f"self_attn.v_proj{suffix}", (keys, width)),
        "o": (f"self_attn.o_proj{suffix}", (width, queries)),
        "gate": (f"mlp{suffix}.gate_proj", (inner, width)),
        "up": (f"mlp{suffix}.up_proj", (inner, width)),
        "down": (f"mlp{suffix}.down_proj", (width, inner)),
    }
    if llm.qk_norm:
        for letter in "qk":
            shapes[f"{letter}_norm"] = (f"self_attn.{letter}_norm{suffix}", (llm.head_dim,))
    official = f"language_model.model.layers.{layer}"
    return {
        f"layers.{layer}.{stream}.{target}.weight": Weight(f"{official}.{name}.weight", shape)
        for target, (name, shape) in shapes.items()
    }


def read_weights(path: Path, config: BeingH05Config) -> dict[str, Float32]:
    """Read model.safetensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
    table = being_h05_tensors(config, SLOTS)
    bound(table, path)
    old, new = LEGACY
    found = {new + name[len(old) :] if name.startswith(old) else name: array
             for name, array in map_tensors(path).items()}  # fmt: skip
    weights = fit(found, table, lambda name: unused(name, config), path)
    patch = weights["vit.patch.weight"]
    return {**weights, "vit.patch.weight": patch.reshape(len(patch), -1)}
