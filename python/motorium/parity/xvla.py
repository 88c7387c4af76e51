"""A recorded X-VLA case: from the encoder's features to the chunk, with what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..policies import xvla
from ..policies.xvla import Encoder, Xvla
from ..policies.xvla.config import XvlaConfig
from .case import Case, Outputs


def run_xvla(case: Case) -> Outputs:
    """Compute every output of the case. Raises CheckpointError when an input is missing or does not fit."""
    config = xvla.read_config(case.file("config.json"))
    weights = xvla.read_weights(case.file("model.safetensors"), config)
    model = Xvla(config, weights, case.isa, case.precision)
    encoded = {} if "vlm_features" in case.inputs else _encode(case)
    inputs = {**case.inputs, **encoded}
    case = replace(case, inputs=inputs)
    features = case.input("vlm_features", -1, -1, config.florence_config.projection_dim)
    batch = len(features)
    domains = case.input("domain_id", batch)
    if (domains < 0).any():
        raise CheckpointError(f"{case.folder}: domain_id must not be negative")
    views = case.input("aux_visual_inputs", batch, -1, features.shape[2])
    noise = case.input("noise", batch, config.num_actions, config.width)
    proprio = case.input("proprio", batch, config.proprio)
    steps = int(case.input("steps", 1)[0])
    outputs = []
    for row in range(batch):
        try:
            model.encode(features[row], views[row], int(domains[row]))
            actions = model.denoise(noise[row], proprio[row], steps, record=True)
        except ValueError as error:
            raise CheckpointError(f"{case.folder}: {error}") from error
        outputs.append({"actions": actions, **_seen(model, config, weights["action.position"])})
    return {**{name: _stack([output[name] for output in outputs], name) for name in outputs[0]}, **encoded}


PER_STEP = ("predictions", "x_t", "t")
"""Outputs with the steps before the batch."""


def _stack(rows: Sequence[Any], name: str) -> Any:
    return np.stack(rows, axis=1 if name in PER_STEP else 0)


def _seen(model: Xvla, config: XvlaConfig, position: Any) -> Outputs:
    values: dict[str, list[Any]] = {}
    for _, what, _, array in model.recorder.take():
        values.setdefault(what, []).append(array)
    return {
        "predictions": np.stack(values["prediction"]),
        "x_t": np.stack(values["x"]),
        "t": np.concatenate(values["time"])[:: config.num_actions, 0],
        "proprio_used": values["proprio"][0][0],
        "action_tokens_step0": values["embed"][0] - position,
        "tokens_step0": values["tokens"][0],
        **{f"block{layer}_out_step0": values["hidden"][layer] for layer in range(config.depth)},
    }


def _encode(case: Case) -> Outputs:
    """Features of every row of the batch, from pixels and token ids."""
    path = case.file("model.safetensors")
    config = xvla.read_encoder_config(case.file("config.json"))
    pixels = case.input("pixel_values", -1, -1, 3, -1, -1)
    batch, views = pixels.shape[:2]
    side = pixels.shape[3]
    case.input("pixel_values", batch, views, 3, side, side)
    valid = case.input("image_mask", batch, views) != 0
    ids = case.input("input_ids", batch, -1)
    if not ((ids >= 0) & (ids < config.text_config.vocab_size)).all():
        raise CheckpointError(f"{case.folder}: input_ids must be below vocab_size")
    encoder = Encoder(config, xvla.read_encoder_weights(path, config), side, case.isa, case.precision)
    seen: dict[str, list[Any]] = {}
    results = []
    for row in range(batch):
        try:
            results.append(encoder.encode(pixels[row], valid[row], ids[row], record=True))
        except ValueError as error:
            raise CheckpointError(f"{case.folder}: {error}") from error
        for stream, what, _, array in encoder.recorder.take():
            seen.setdefault(f"{stream} {what}", []).append(array)
    stages = {
        f"davit_{what.removeprefix('davit ')}_out": np.stack(arrays)
        for what, arrays in seen.items()
        if what.startswith("davit ")
    }
    hidden, layers = seen["text hidden"], config.text_config.encoder_layers
    return {
        "vlm_features": np.stack([features for features, _ in results]),
        "aux_visual_inputs": np.stack([others for _, others in results]),
        **stages,
        "davit_features": stages[f"davit_stage{len(stages) - 1}_out"],
        "image_tokens": np.stack(seen["image tokens"]),
        "bart_embed_norm": np.stack(seen["text embed"]),
        **{f"bart_layer{layer}_out": np.stack(hidden[layer::layers]) for layer in range(layers)},
    }
