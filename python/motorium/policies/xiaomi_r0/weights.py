"""Official tensor names of Xiaomi-Robotics-0's action head, and what the engine calls them."""

from __future__ import annotations

from pathlib import Path

from ...containers import Shape, map_tensors
from ...types import Float32
from ..foreign_weights import Weight, bound, fit
from .config import MLP_RATIO, TIME_WIDTH, XiaomiR0Config


def unused_by_head(name: str) -> bool:
    """Return whether a tensor is of the vision-language model."""
    return name.startswith("vlm.")


def xiaomi_r0_tensors(config: XiaomiR0Config) -> dict[str, Weight]:
    """Return engine name -> official tensor. All Linear weights are [out, in]; most have no bias."""
    w, actions, states = config.dit_config.hidden_size, config.action_dim, config.state_dim
    linears: dict[str, tuple[str, Shape]] = {
        "state.fc1": ("state_projector.layers.0", (w, states)),
        "state.fc2": ("state_projector.layers.2", (w, w)),
        "action.w1": ("action_projector.layers.0", (w, actions)),
        "action.w3": ("action_projector.layers.2", (w, w)),
        "out.fc1": ("action_output_layer.layers.0", (actions, w)),
        "out.fc2": ("action_output_layer.layers.2", (actions, actions)),
        "time.fc1": ("t_embedder.mlp.0", (w, TIME_WIDTH)),
        "time.fc2": ("t_embedder.mlp.2", (w, w)),
        "time.fc3": ("t_projector.layers.0", (6 * w, w)),
    }
    table = {f"{target}.weight": Weight(f"{name}.weight", shape) for target, (name, shape) in linears.items()}
    table["sink"] = Weight("sink.weight", (1, w))
    table["time.fc3.bias"] = Weight("t_projector.layers.0.bias", (6 * w,))
    for layer in range(config.dit_config.num_hidden_layers):
        table |= _layer(config, layer)
    return table


def _layer(config: XiaomiR0Config, layer: int) -> dict[str, Weight]:
    w, head_dim = config.dit_config.hidden_size, config.dit_config.head_dim
    mlp = MLP_RATIO * w
    here, name = f"layers.{layer}.expert", f"dit.layers.{layer}"
    table = {f"{here}.adaln_table": Weight(f"{name}.adaln_table", (6, w))}
    for part, letter in enumerate("qkv"):
        for kind, shape in (("weight", (3 * w, w)), ("bias", (3 * w,))):
            table[f"{here}.{letter}.{kind}"] = Weight(f"{name}.attn.qkv_proj.{kind}", shape, part, 3)
    shapes: dict[str, tuple[str, Shape]] = {
        "norm1": ("input_layernorm", (w,)),
        "norm2": ("post_layernorm", (w,)),
        "norm3": ("middle_layernorm", (w,)),
        "norm4": ("final_layernorm", (w,)),
        "q_norm": ("attn.q_norm", (head_dim,)),
        "k_norm": ("attn.k_norm", (head_dim,)),
        "o": ("attn.o_proj", (w, w)),
        "gate": ("mlp.gate_proj", (mlp, w)),
        "up": ("mlp.up_proj", (mlp, w)),
        "down": ("mlp.down_proj", (w, mlp)),
    }
    return table | {
        f"{here}.{target}.weight": Weight(f"{name}.{official}.weight", shape)
        for target, (official, shape) in shapes.items()
    }


def read_weights(path: Path, config: XiaomiR0Config) -> dict[str, Float32]:
    """Return the head's tensors under the engine's names. Raises CheckpointError listing whatever does not fit."""
    table = xiaomi_r0_tensors(config)
    bound(table, path)
    return fit(map_tensors(path), table, unused_by_head, path)
