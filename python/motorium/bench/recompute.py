"""The whole of Being-H0.5's action inference at one size: our engine, and the way its own code runs.

Their way, in PyTorch (`peers/torch_being_h05.py`): the whole sequence through both streams at every Euler step of every
pass. Ours: the prefix once, inside the timed call, then only the action rows. Both do one plain pass and R = 1
refinement with the manifold-preserving gate along the same directions, in float32, and start from token embeddings: the
vision tower, which both run once per observation, is no part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..policies.being_h05.config import BeingH05Config, ExpertConfig, LlmConfig, VitConfig
from ..policies.being_h05.weights import being_h05_tensors
from .peers.expert import ROPE_BASE, SLOTS, ExpertSize, Floats

VOCABULARY = 64
STATE_TOKEN = -2
GATE = {"mpg_lambda": 0.1, "mpg_gate_temperature": 1.0, "mpg_num_projections": 32, "mpg_refinement_iters": 1}


@dataclass(frozen=True)
class Chunk:
    """One chunk to compute: prompt (N,) ids with the state's place, and what else goes in."""

    prompt: NDArray[np.int32]
    state: Floats
    noise: Floats
    directions: Floats
    steps: int


def model_config(size: ExpertSize) -> BeingH05Config:
    """Return a checkpoint whose action expert has this size; its text stream is twice as wide, as in the 2B model."""
    eps = 1e-6
    vit = VitConfig(8, 8, 1, 1, 7, eps)
    llm = LlmConfig(
        VOCABULARY, 2 * size.width, 2 * size.mlp, size.layers, size.heads, size.kv_heads, size.head_dim, eps,
        ROPE_BASE, ("Qwen3ForCausalLM",), ExpertConfig(size.width, size.mlp, size.layers, eps),
    )  # fmt: skip
    return BeingH05Config(vit, llm, 14, size.rows, size.steps, use_mpg=True, **GATE)  # type: ignore[arg-type]


def make_model(config: BeingH05Config, seed: int = 0) -> dict[str, Floats]:
    """Make random weights by the engine's names, scaled so that activations keep their size."""
    source = np.random.default_rng(seed)
    weights: dict[str, Floats] = {}
    for name, weight in being_h05_tensors(config, SLOTS).items():
        shape = (weight.shape[0] // weight.parts, *weight.shape[1:])
        drawn = source.standard_normal(shape, np.float32)
        if name.endswith(".weight") and len(shape) > 1 and "embedding" not in name:
            branch = name.rsplit(".", 2)[-2] in (
                "o",
                "down",
            )  # damped: the residual stream of a trained network
            drawn *= np.float32((0.5 if branch else 1.0) / np.sqrt(np.prod(shape[1:])))
        elif "norm" in name and name.endswith(".weight"):
            drawn = 1 + np.float32(0.1) * drawn
        elif name.endswith(".bias"):
            drawn *= np.float32(0.1)
        weights[name] = drawn.reshape(shape[0], -1) if name == "vit.patch.weight" else drawn
    return weights


def make_chunk(config: BeingH05Config, size: ExpertSize, seed: int = 1) -> Chunk:
    """Make random inputs: `size.prefix` tokens in front of the actions, one of them the state."""
    source = np.random.default_rng(seed)
    passes = 1 + config.mpg_refinement_iters
    prompt = source.integers(0, VOCABULARY, size.prefix).astype(np.int32)
    prompt[size.prefix * 3 // 4] = STATE_TOKEN
    calls = (
        config.mpg_refinement_iters * size.steps,
        config.mpg_num_projections,
        config.llm_config.hidden_size,
    )
    drawn = source.standard_normal(calls, np.float32)
    return Chunk(
        prompt,
        source.standard_normal(SLOTS, np.float32),
        source.standard_normal((passes, size.rows, SLOTS), np.float32),
        drawn / np.linalg.norm(drawn, axis=-1, keepdims=True),
        size.steps,
    )


def contenders(size: ExpertSize, threads: int) -> dict[str, Callable[[], Floats]]:
    """Return `motorium` and `reference`: calls that compute the same chunk (T, 200) from the same prompt and state."""
    from .peers.torch_being_h05 import Observation, TorchBeingH05
    from .peers.torch_expert import set_threads

    config = model_config(size)
    weights, chunk = make_model(config), make_chunk(config, size)
    engine = _core.BeingH05Engine(config.engine(size.prefix, SLOTS), weights, threads=threads)
    pixels = np.empty((0, 3, config.force_image_size, config.force_image_size), np.float32)

    def ours() -> Floats:
        engine.encode(pixels, chunk.prompt, chunk.state)
        return engine.denoise(chunk.noise, chunk.steps, None, chunk.directions)

    set_threads(threads)
    model = TorchBeingH05(config, weights)
    text = chunk.prompt[chunk.prompt != STATE_TOKEN]
    state_at = int(np.flatnonzero(chunk.prompt == STATE_TOKEN)[0])
    seen = Observation(weights["text.embedding"][text], chunk.state, state_at)
    return {
        "motorium": ours,
        "reference": lambda: model.denoise(seen, chunk.noise, chunk.steps, chunk.directions),
    }
