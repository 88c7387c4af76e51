"""A recorded Being-H0.5 case: from pixels, token ids and state to the chunk, with what lies between."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..policies import being_h05
from ..policies.being_h05 import IMAGE_TOKEN, STATE_TOKEN, BeingH05
from ..policies.being_h05.config import BeingH05Config
from ..policies.being_h05.normaliser import FORWARD_ONLY, MODES, denormalise, normalise
from ..types import SLOTS
from .case import Case, Outputs


def run_being_h05(case: Case) -> Outputs:
    """Compute every output of the case. Raises CheckpointError when an input is missing or does not fit."""
    if "modes" in case.settings:
        return _normaliser(case)
    mpg = case.settings.get("mpg")
    config = being_h05.read_config(case.file("config.json"), mpg if isinstance(mpg, dict) else {})
    layout = _Layout(case, config)
    model = BeingH05(
        config,
        being_h05.read_weights(case.file("model.safetensors"), config),
        len(layout.prompt) + len(layout.behind),
        case.isa,
        case.precision,
    )
    side = config.force_image_size
    pixels, state = case.input("pixel_values", -1, 3, side, side), case.input("state", 1, SLOTS)
    rows = config.action_chunk_length
    passes = 1 + (config.mpg_refinement_iters if case.settings.get("use_mpg") else 0)
    noise = case.input("noise", passes, 1, rows, SLOTS).reshape(passes, rows, SLOTS)
    directions = case.inputs.get("mpg_directions") if passes > 1 else None
    steps = int(case.settings.get("num_inference_timesteps", config.num_inference_timesteps))
    try:
        model.encode(pixels, layout.prompt, state, layout.behind, record=True)
        actions = model.denoise(noise, steps, _committed(case, rows), directions, record=True)
    except ValueError as error:
        raise CheckpointError(f"{case.folder}: {error}") from error
    seen = _Seen(model, passes, steps)
    return {
        "actions": actions[None],
        **_flow(seen, rows),
        **_vision(seen),
        **_layers(seen, layout, config),
        **(_gate(seen) if passes > 1 else {}),
    }


class _Layout:
    """Where text, image, state and action tokens stand in the packed sequence."""

    def __init__(self, case: Case, config: BeingH05Config) -> None:
        actions = case.input("packed_action_indexes", config.action_chunk_length)
        self.text = case.input("packed_text_indexes", -1)
        self.image = case.input("packed_vit_token_indexes", -1)
        ids = case.input("packed_text_ids", len(self.text))
        state = case.input("packed_state_indexes", 1)
        first, rows = int(actions[0]), config.action_chunk_length
        length = len(self.text) + len(self.image) + rows + 1
        every = np.concatenate([self.text, self.image, state, actions])
        if not np.array_equal(np.sort(every), np.arange(length)):
            raise CheckpointError(f"{case.folder}: packed indexes must be 0..{length - 1}, each once")
        if not np.array_equal(actions, np.arange(first, first + rows)) or max(*self.image, *state) >= first:
            raise CheckpointError(f"{case.folder}: actions must follow the images and the state in one run")
        if not ((ids >= 0) & (ids < config.llm_config.vocab_size)).all():
            raise CheckpointError(f"{case.folder}: packed_text_ids must be below vocab_size")
        sequence = np.full(length, IMAGE_TOKEN, np.int32)
        sequence[self.text] = ids
        sequence[state] = STATE_TOKEN
        self.state = int(state[0])
        self.prompt, self.behind = sequence[:first], sequence[first + rows :]


def _committed(case: Case, rows: int) -> Any:
    """Make committed rows: the last row of a short chunk is repeated, a long one is cut."""
    if not case.settings.get("enable_rtc") or "prev_chunk" not in case.inputs:
        return None
    delay = min(int(case.input("inference_delay", 1)[0]), rows)
    previous = case.input("prev_chunk", 1, -1, SLOTS)[0]
    if delay <= 0 or len(previous) == 0:
        return None
    return np.ascontiguousarray(previous[np.minimum(np.arange(delay), len(previous) - 1)])


class _Seen:
    """Recorded values by stream and name, in the order of the run."""

    def __init__(self, model: BeingH05, passes: int, steps: int) -> None:
        self.passes, self.steps = passes, steps
        self.values: dict[tuple[str, str], list[Any]] = {}
        for stream, what, _, array in model.recorder.take():
            self.values.setdefault((stream, what), []).append(array)

    def __call__(self, stream: str, what: str) -> list[Any]:
        return self.values.get((stream, what), [])

    def per_step(self, what: str) -> Any:
        """Return (passes, steps, rows, width)."""
        arrays = np.stack(self("expert", what))
        return arrays.reshape(self.passes, self.steps, *arrays.shape[1:])


def _flow(seen: _Seen, rows: int) -> Outputs:
    times = np.concatenate(seen("expert", "time")).reshape(seen.passes, seen.steps, rows)
    embedded = seen.per_step("embed")
    return {
        "x_in": seen.per_step("x"),
        "velocity": seen.per_step("prediction"),
        "action_embed": embedded,
        "action_embed_step0": embedded[0, 0],
        "timestep_index": times.astype(np.int64),
    }


def _vision(seen: _Seen) -> Outputs:
    return {
        "vit_last_hidden": np.stack(seen("vit", "last_hidden")),
        "pixel_shuffled": np.stack(seen("vit", "pixel_shuffled")),
        "vision_tokens": np.stack(seen("vit", "tokens")),
        "state_embed": seen("state", "embed")[0],
    }


def _layers(seen: _Seen, layout: _Layout, config: BeingH05Config) -> Outputs:
    llm = config.llm_config
    last = llm.num_hidden_layers - 1
    behind = len(layout.prompt) + config.action_chunk_length + np.arange(len(layout.behind))
    rows = np.concatenate([np.flatnonzero(layout.prompt != STATE_TOKEN), behind])
    place = {int(index): row for row, index in enumerate(rows)}
    order = [place[int(index)] for index in (*layout.text, *layout.image)]

    def understanding(what: str, layer: int, layers: int) -> Any:
        parts = seen("text", what)[layer::layers]  # the prompt, then what is behind the actions
        return np.concatenate(parts[: 2 if len(behind) else 1])

    def natural(what: str, layer: int, whole: bool) -> Any:
        text = understanding(what, layer, last + 1)
        out = np.empty((len(rows) + 1 + config.action_chunk_length, text.shape[1]), np.float32)
        out[rows] = text
        out[layout.state] = seen("state", what)[layer][0]
        out[len(layout.prompt) :][: config.action_chunk_length] = seen("expert", what)[layer]
        return (out if whole else out[: len(layout.prompt)]).reshape(
            -1, text.shape[1] // llm.head_dim, llm.head_dim
        )

    result = {
        "und_final_norm_step0": understanding("normed", 0, 1)[order],
        "gen_final_norm_step0": np.concatenate([seen("state", "normed")[0], seen("expert", "normed")[0]]),
    }
    for layer in range(last + 1):
        result[f"und_hidden_layer{layer}_step0"] = understanding("hidden", layer, last + 1)[order]
        action = [seen("state", "hidden")[layer], seen("expert", "hidden")[layer]]
        result[f"gen_hidden_layer{layer}_step0"] = np.concatenate(action)
    for name, layer in (("first", 0), ("last", last)):
        result[f"query_{name}_layer_step0"] = natural("query", layer, True)
        result[f"prefix_key_{name}_layer"] = natural("key", layer, False)
        result[f"prefix_value_{name}_layer"] = natural("value", layer, False)
    return result


def _gate(seen: _Seen) -> Outputs:
    return {
        "clean_action_embed": seen("expert", "clean_embed")[0][None],
        "pass0_actions": seen("expert", "pass_result")[0][None],
        "mpg_gate": np.concatenate(seen("gate", "gate"))[:, 0],
        "mpg_distance": np.concatenate(seen("gate", "distance"))[:, 0],
        "mpg_action_embed": np.stack(seen("gate", "embed")),
        "mpg_suffix_in": np.stack(seen("gate", "suffix_in")),
        "mpg_suffix_out": np.stack(seen("gate", "suffix_out")),
    }


def _normaliser(case: Case) -> Outputs:
    modes = case.settings["modes"]
    if not isinstance(modes, list) or not all(mode in MODES for mode in modes):
        raise CheckpointError(f"{case.folder}: modes must be of {', '.join(MODES)}")
    x, y = case.input("x", -1, -1), case.input("y", -1, -1)
    statistics = {
        name: case.input(f"stat_{name}", x.shape[1]) for name in ("min", "max", "mean", "std", "q01", "q99")
    }
    result = {f"{mode}_forward": normalise(x, mode, statistics) for mode in modes}
    inverse = [mode for mode in modes if mode not in FORWARD_ONLY]
    return {**result, **{f"{mode}_inverse": denormalise(y, mode, statistics) for mode in inverse}}
