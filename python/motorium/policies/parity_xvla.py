"""A recorded X-VLA case: from the encoder's features to the chunk, with what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import CheckpointError
from . import xvla
from .parity import Case, Outputs
from .xvla import Xvla
from .xvla_config import XvlaConfig


def run_xvla(case: Case) -> Outputs:
    """Every output of the case. Raises CheckpointError when an input is missing or does not fit."""
    if "vlm_features" not in case.inputs:
        raise CheckpointError(f"{case.folder}: the case starts from images; only features are supported")
    config = xvla.read_config(case.file("config.json"))
    weights = xvla.read_weights(case.file("model.safetensors"), config)
    model = Xvla(config, weights, case.isa)
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
    return {name: _stack([output[name] for output in outputs], name) for name in outputs[0]}


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
