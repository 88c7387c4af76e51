"""A recorded Xiaomi-Robotics-0 case: from keys and values of its vision-language model to the chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..errors import CheckpointError
from ..policies import foreign_config, xiaomi_r0
from ..policies.schema import within
from ..policies.xiaomi_r0 import ActionStatistics, XiaomiR0
from ..policies.xiaomi_r0.config import ChunkLayout, XiaomiR0Config
from .case import Case, Outputs


@dataclass(frozen=True)
class Settings:
    """case.json. Without `local_window` the mask is causal, as in the released inference code."""

    robot_type: str
    num_steps: Annotated[int, within(1, 64)]
    state_rows: Annotated[int, within(1, 64)]
    action_length: Annotated[int, within(1, 1024)]
    local_window: Annotated[int, within(-1, 1024)] = -1
    prefix_length: Annotated[int, within(0, 1024)] = 0
    rope_offset_of_noisy_tokens: Annotated[int, within(0, 4096)] = 0

    def layout(self, prompt: int) -> ChunkLayout:
        """Return the layout for a prompt of this many tokens."""
        window = None if self.local_window < 0 else self.local_window
        return ChunkLayout(
            prompt, self.action_length, self.state_rows, window, self.rope_offset_of_noisy_tokens
        )


def run_xiaomi_r0(case: Case) -> Outputs:
    """Compute every output of the case. Raises CheckpointError when an input is missing or does not fit."""
    if case.settings.get("head_only") is not True:
        raise CheckpointError(
            f"{case.folder}: only cases of the head alone (head_only) can be run, which bring keys and values"
        )
    settings = foreign_config.build(Settings, case.settings, case.folder / "case.json")
    config = xiaomi_r0.read_config(case.file("config.json"))
    shape = (settings.action_length, config.action_dim)
    statistics = xiaomi_r0.read_statistics(case.file("preprocessor_config.json"), settings.robot_type, shape)
    given = _Given(case, config, settings)
    model = XiaomiR0(
        config,
        xiaomi_r0.read_weights(case.file("model.safetensors"), config),
        settings.layout(given.valid.shape[1]),
        case.isa,
        case.precision,
    )
    try:
        outputs = [_run_row(model, given, settings, statistics, row) for row in range(given.batch)]
    except ValueError as error:
        raise CheckpointError(f"{case.folder}: {error}") from error
    return {name: _stack([output[name] for output in outputs], name) for name in outputs[0]}


BEFORE_BATCH = ("velocity", "x", "t", "dit_position_ids")
"""Outputs with steps or axes before the batch."""


def _stack(rows: Sequence[Any], name: str) -> Any:
    return np.stack(rows, axis=1 if name in BEFORE_BATCH else 0)


class _Given:
    """Inputs of all rows of the batch."""

    def __init__(self, case: Case, config: XiaomiR0Config, settings: Settings) -> None:
        rows, kv, dim = (
            settings.action_length,
            config.dit_config.num_key_value_heads,
            config.dit_config.head_dim,
        )
        self.noise = case.input("noise", -1, rows, config.action_dim)
        self.batch = batch = len(self.noise)
        self.valid = case.input("attention_mask", batch, -1) != 0
        prompt = self.valid.shape[1]
        self.positions = case.input("position_ids", 3, batch, prompt)
        self.state = case.input("state", batch, settings.state_rows, config.state_dim)
        self.mask = case.input("action_mask", batch, rows, config.action_dim)
        if prompt == 0 or batch == 0 or not self.valid.any(1).all() or (self.positions < 0).any():
            raise CheckpointError(f"{case.folder}: every prompt needs a token, and positions from 0 on")
        self.committed = None
        if settings.prefix_length:
            plan = case.input("committed", batch, rows, config.action_dim)
            self.committed = plan[:, : settings.prefix_length]
        layers = range(config.dit_config.num_hidden_layers)
        self.keys, self.values = (
            np.stack([case.input(f"kv_{letter}_{n}", batch, kv, prompt, dim) for n in layers], axis=1)
            for letter in "kv"
        )

    def cached(self, array: Any, row: int) -> Any:
        """Return (layers, n, kv, head_dim) of the tokens that are not padding."""
        return array[row].transpose(0, 2, 1, 3)[:, self.valid[row]]


def _run_row(
    model: XiaomiR0, given: _Given, settings: Settings, statistics: ActionStatistics, row: int
) -> Outputs:
    first = given.positions[:, row].max(axis=-1) + 1
    keys, values = (given.cached(array, row) for array in (given.keys, given.values))
    committed = None if given.committed is None else np.ascontiguousarray(given.committed[row])
    model.encode(keys, values, first, given.state[row], record=True)
    actions = model.denoise(given.noise[row], settings.num_steps, committed, given.mask[row], record=True)
    seen: dict[str, list[Any]] = {}
    for stream, what, _, array in model.recorder.take():
        seen.setdefault(what if stream == "expert" else f"{stream}_{what}", []).append(array)
    visible, valid = seen["visible"][0], given.valid[row]
    mask = np.zeros((len(visible), len(valid) + len(visible)), np.uint8)
    mask[:, [*np.flatnonzero(valid), *range(len(valid), mask.shape[1])]] = visible
    velocity = np.stack(seen["prediction"])
    velocity[:, : settings.prefix_length] = 0.0  # so that committed rows stay, as the original has it
    return {
        "actions": statistics.denormalise(actions),
        "actions_normalized": actions,
        "x": np.stack(seen["x"]),
        "velocity": velocity,
        "t": np.concatenate(seen["time"])[:: settings.action_length, 0],
        "state_embed": seen["state_embed"][0],
        "dit_attention_mask": mask,
        "dit_position_ids": seen["positions"][0].T.astype(np.int64),
    }
