"""The way Being-H0.5's own code runs: the peer is proven by recordings of the original, and ours equals the peer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from motorium.bench import engine, recompute
from motorium.bench.peers.expert import TINY
from motorium.bench.timing import QUICK
from motorium.errors import BenchmarkError
from motorium.policies import being_h05

pytest.importorskip("torch")
DATA = Path(__file__).parents[1] / "golden/data/being_h05"
MPG = {"mpg_lambda": 0.1, "mpg_gate_temperature": 1.0, "mpg_num_projections": 32, "mpg_refinement_iters": 1}


def off(actual, expected) -> float:
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(("case", "passes"), [("a1_plain", 1), ("a3_mpg", 2)])
def test_the_peer_gives_what_the_original_gave(case, passes):
    from motorium.bench.peers.torch_being_h05 import Observation, TorchBeingH05

    config = being_h05.read_config(DATA / "config.json", MPG)
    weights = being_h05.read_weights(DATA / "model.safetensors", config)
    inputs, expected = (load_file(DATA / case / f"{name}.safetensors") for name in ("inputs", "expected"))
    actions_at, state_at = int(inputs["packed_action_indexes"][0]), int(inputs["packed_state_indexes"][0])
    tokens = np.zeros((actions_at, config.llm_config.hidden_size), np.float32)
    front = inputs["packed_text_indexes"] < actions_at
    tokens[inputs["packed_text_indexes"][front]] = weights["text.embedding"][inputs["packed_text_ids"][front]]
    views = load_file(DATA / "a5_intermediates/expected.safetensors")["vision_tokens"]
    tokens[inputs["packed_vit_token_indexes"]] = views.reshape(-1, tokens.shape[1])
    seen = Observation(np.delete(tokens, state_at, axis=0), inputs["state"][0], state_at)
    noise = inputs["noise"].reshape(passes, -1, 200)
    got = TorchBeingH05(config, weights).denoise(seen, noise, 4, inputs.get("mpg_directions"))
    assert off(got, expected["actions"][0]) < 2e-5


def test_both_ways_compute_the_same_chunk_and_the_gate_matters():
    runs = recompute.contenders(TINY, 1)
    expected = runs["reference"]()
    assert off(runs["motorium"](), expected) < 2e-6
    config = recompute.model_config(TINY)
    from motorium._core import BeingH05Engine

    engine_config = config.engine(TINY.prefix, 200)
    chunk = recompute.make_chunk(config, TINY)
    ungated = {**engine_config, "expert": {k: v for k, v in engine_config["expert"].items() if k != "gate"}}
    weights = {k: v for k, v in recompute.make_model(config).items() if not k.startswith("gate.")}
    plain = BeingH05Engine(ungated, weights)
    plain.encode(np.empty((0, 3, 14, 14), np.float32), chunk.prompt, chunk.state)
    assert off(plain.denoise(chunk.noise[-1:], chunk.steps), expected) > 1e-3


def test_a_wrong_chunk_is_not_timed(monkeypatch):
    right = recompute.contenders(TINY, 1)
    wrong = {**right, "motorium": lambda: right["motorium"]() * np.float32(1.0001)}
    monkeypatch.setattr(recompute, "contenders", lambda *_: wrong)
    with pytest.raises(BenchmarkError, match="computes something else"):
        engine.recompute_ratio(engine.Job(pace=QUICK), lambda _: None)


@pytest.mark.nightly
def test_keeping_the_prefix_is_quicker_than_computing_it_again(monkeypatch):
    right = recompute.contenders(TINY, 1)
    monkeypatch.setattr(recompute, "contenders", lambda *_: right)
    assert engine.recompute_ratio(engine.Job(pace=QUICK), lambda _: None) > 1
