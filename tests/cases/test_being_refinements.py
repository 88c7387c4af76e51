"""Being-H0.5: a chunk is made with the gate that config.json asks for; what it does not say is the release's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motorium.policies import being_h05
from motorium.policies.being_h05 import IMAGE_TOKEN, STATE_TOKEN, BeingH05

DATA = Path(__file__).resolve().parents[1] / "golden/data/being_h05"
PROMPT = [250, 1, 2, *([IMAGE_TOKEN] * 8), STATE_TOKEN, 3, 4]


def config_with(**overrides):
    """None takes a key away."""
    return being_h05.read_config(DATA / "config.json", overrides)


def test_absent_keys_have_the_values_of_the_release():
    config = config_with(mpg_lambda=None, mpg_gate_temperature=None, mpg_refinement_iters=None)
    assert (config.mpg_lambda, config.mpg_gate_temperature, config.mpg_refinement_iters) == (0.0, 2.0, 1)


@pytest.mark.parametrize(("gate", "iterations", "passes"), [(True, 0, 1), (True, 3, 4), (False, 3, 1)])
def test_a_start_has_as_many_passes_as_the_checkpoint_asks_for(gate, iterations, passes):
    config = config_with(use_mpg=gate, mpg_refinement_iters=iterations, mpg_lambda=0.1)
    model = BeingH05(config, being_h05.read_weights(DATA / "model.safetensors", config), 64)
    noise = model.noise(1)
    assert noise.shape == (passes, config.action_chunk_length, 200)
    model.encode(np.zeros((2, 3, 56, 56)), PROMPT, np.zeros(200))
    model.denoise(noise, record=True)
    predictions = [value for stream, what, _, value in model.recorder.take() if what == "prediction"]
    assert len(predictions) == passes * config.num_inference_timesteps
    assert model.noise(1, refinements=0).shape[0] == 1


def test_refining_changes_the_chunk():
    chunks = []
    for iterations in (0, 1):
        config = config_with(use_mpg=True, mpg_refinement_iters=iterations, mpg_lambda=0.1)
        model = BeingH05(config, being_h05.read_weights(DATA / "model.safetensors", config), 64)
        model.encode(np.zeros((2, 3, 56, 56)), PROMPT, np.zeros(200))
        chunks.append(model.denoise(model.noise(1)))
    assert np.abs(chunks[1] - chunks[0]).max() > 1e-3
