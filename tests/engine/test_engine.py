"""The engine computes the network's definition, on every instruction set, and refuses what does not fit."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import nano_samples as samples
import numpy as np
import pytest
import reference_nano

from motorium import _core
from motorium.policies import schema

TOLERANCE = 2e-5
"""Of the largest value; float32 rounding alone gives about 1e-6, a wrong activation or epsilon more than this."""
ISAS = _core.kernels.available_isas()


def open_engine(sample, tensors, isa=""):
    return _core.NanoEngine(schema.to_plain(sample), tensors, isa=isa)


def both(sample, *, seed=0, steps=4, delay=0, isa=""):
    """(engine chunk, reference chunk, engine scene, reference scene) in raw slots."""
    tensors = samples.weights(sample, seed)
    given = samples.inputs(sample, seed)
    committed = samples.committed(sample, delay, seed) if delay else None
    engine = open_engine(sample, tensors, isa)
    engine.encode(given["images"], given["token_ids"], given["embodiment"])
    chunk = engine.denoise(given["state"], given["noise"], committed, steps)
    reference = reference_nano.ReferenceNano(sample, tensors)
    prefix = reference.encode(given["images"], given["token_ids"], given["embodiment"])
    expected = reference.denoise(prefix, given["state"], given["noise"], committed, steps)
    return chunk, expected, engine.scene, prefix.scene


def assert_close(actual, expected):
    assert np.abs(actual - expected).max() <= TOLERANCE * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("isa", ISAS)
def test_small_odd_sizes_on_every_isa(isa):
    for seed in range(3):
        chunk, expected, scene, expected_scene = both(samples.descriptor(samples.SMALL), seed=seed, isa=isa)
        assert_close(chunk, expected)
        assert_close(scene, expected_scene)


@pytest.mark.parametrize("seed", [0, 1])
def test_full_size(seed):
    chunk, expected, scene, expected_scene = both(samples.descriptor(), seed=seed)
    assert_close(chunk, expected)
    assert_close(scene, expected_scene)
    assert np.abs(expected).max() > 0.1, "a flat answer would hide differences"


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8])
def test_steps(steps):
    chunk, expected, _, _ = both(samples.descriptor(samples.SMALL), steps=steps)
    assert_close(chunk, expected)


@pytest.mark.parametrize("delay", [0, 1, 2, 6, 15, 16])
def test_prefix_lock(delay):
    sample = samples.descriptor(samples.SMALL)
    chunk, expected, _, _ = both(sample, delay=delay)
    assert_close(chunk, expected)
    if delay:
        slots = [c.slot for c in sample.action]
        assert np.array_equal(chunk[:delay, slots], samples.committed(sample, delay)[:, slots])


SHAPES = [
    {"layers": 1, "shared_layers": 0},
    {"layers": 2, "shared_layers": 2},
    {"heads": 1, "head_dim": 2},
    {"experts": 1, "top_k": 1},
    {"experts": 5, "top_k": 5},
    {"head_dim": 33, "heads": 2},
    {"prefix_width": 20, "vision_channels": (2, 18, 20), "expert_width": 66, "routed_mlp": 1},
]


@pytest.mark.parametrize("change", SHAPES)
def test_other_shapes(change):
    chunk, expected, scene, expected_scene = both(samples.descriptor(replace(samples.SMALL, **change)))
    assert_close(chunk, expected)
    assert_close(scene, expected_scene)


@pytest.mark.parametrize("rows", [1, 2, 7, 33])
def test_other_chunk_lengths(rows):
    chunk, expected, _, _ = both(samples.descriptor(samples.SMALL, rows=rows))
    assert_close(chunk, expected)


def test_one_camera_of_another_size():
    base = samples.descriptor(samples.SMALL)
    sample = replace(base, cameras=(replace(base.cameras[0], height=53, width=70),))
    chunk, expected, _, _ = both(sample)
    assert_close(chunk, expected)


def test_routing_ties_prefer_the_lower_index():
    sample = samples.descriptor(samples.SMALL)
    tensors = samples.weights(sample)
    given = samples.inputs(sample)
    for name in tensors:
        if name.endswith("router.weight"):
            tensors[name][:] = 0.0
    reference = reference_nano.ReferenceNano(sample, tensors)
    prefix = reference.encode(given["images"], given["token_ids"], given["embodiment"])
    expected = reference.denoise(prefix, given["state"], given["noise"], None, 4)
    for isa in ISAS:
        engine = open_engine(sample, tensors, isa)
        engine.encode(given["images"], given["token_ids"], given["embodiment"])
        assert_close(engine.denoise(given["state"], given["noise"], None, 4), expected)


def test_unmapped_slots_stay_zero_and_their_noise_does_not_matter():
    sample = samples.descriptor(samples.SMALL)
    given = samples.inputs(sample)
    engine = open_engine(sample, samples.weights(sample))
    engine.encode(given["images"], given["token_ids"], given["embodiment"])
    chunk = engine.denoise(given["state"], given["noise"], None, 4)
    mapped = np.zeros(200, bool)
    mapped[[c.slot for c in sample.action]] = True
    assert not chunk[:, ~mapped].any()
    other = given["noise"].copy()
    other[:, ~mapped] = 9.0
    assert np.array_equal(engine.denoise(given["state"], other, None, 4), chunk)


def test_inputs_matter():
    """Every input changes the answer: nothing is silently ignored."""
    sample = samples.descriptor(samples.SMALL)
    engine = open_engine(sample, samples.weights(sample))
    given = samples.inputs(sample)

    def answer(**changes):
        use = {**given, **changes}
        engine.encode(use["images"], use["token_ids"], use["embodiment"])
        return engine.denoise(use["state"], use["noise"], None, 4)

    base = answer()
    assert np.array_equal(answer(), base)
    dark = [np.zeros_like(image) for image in given["images"]]
    state = given["state"].copy()
    state[18] += 0.3
    changes = [
        {"images": [dark[0], given["images"][1]]},
        {"images": [given["images"][0], dark[1]]},
        {"images": given["images"][::-1]},
        {"token_ids": given["token_ids"][::-1].copy()},
        {"embodiment": 1 - given["embodiment"]},
        {"state": state},
        {"noise": -given["noise"]},
    ]
    for change in changes:
        assert np.abs(answer(**change) - base).max() > 1e-4, change.keys()


def test_memory_is_taken_once():
    sample = samples.descriptor(samples.SMALL)
    engine = open_engine(sample, samples.weights(sample))
    before = engine.arena_bytes
    given = samples.inputs(sample)
    for steps in (1, 8, 64):
        engine.encode(given["images"], given["token_ids"], given["embodiment"])
        engine.denoise(given["state"], given["noise"], samples.committed(sample, 3), steps)
    assert engine.arena_bytes == before > 0


def test_calls_from_many_threads_wait_for_one_another():
    sample = samples.descriptor(samples.SMALL)
    engine = open_engine(sample, samples.weights(sample))
    given = samples.inputs(sample)
    engine.encode(given["images"], given["token_ids"], given["embodiment"])
    expected = engine.denoise(given["state"], given["noise"], None, 4)
    wrong = []

    def work():
        chunks = [engine.denoise(given["state"], given["noise"], None, 4) for _ in range(20)]
        wrong.extend(c for c in chunks if not np.array_equal(c, expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


class TestRefusals:
    sample = samples.descriptor(samples.SMALL)

    @pytest.fixture
    def engine(self):
        return open_engine(self.sample, samples.weights(self.sample))

    def test_denoise_before_encode(self, engine):
        given = samples.inputs(self.sample)
        with pytest.raises(ValueError, match="needs encode"):
            engine.denoise(given["state"], given["noise"], None, 4)

    @pytest.mark.parametrize("token", [-1, 10, 2**31 - 1])
    def test_token_out_of_range(self, engine, token):
        given = samples.inputs(self.sample)
        given["token_ids"][3] = token
        with pytest.raises(ValueError, match="outside the vocabulary"):
            engine.encode(given["images"], given["token_ids"], 0)

    def test_embodiment_out_of_range(self, engine):
        given = samples.inputs(self.sample)
        with pytest.raises(ValueError, match="embodiment"):
            engine.encode(given["images"], given["token_ids"], 2)

    def test_wrong_images(self, engine):
        given = samples.inputs(self.sample)
        with pytest.raises(ValueError, match="expected 2 images, got 1"):
            engine.encode(given["images"][:1], given["token_ids"], 0)
        with pytest.raises(ValueError, match=r"image 'wrist' must be \(96, 96, 3\)"):
            engine.encode([given["images"][0], given["images"][1][:-1]], given["token_ids"], 0)
        with pytest.raises(TypeError):
            engine.encode([i.astype(np.float32) for i in given["images"]], given["token_ids"], 0)

    @pytest.mark.parametrize("steps", [0, 65])
    def test_wrong_sizes(self, engine, steps):
        given = samples.inputs(self.sample)
        engine.encode(given["images"], given["token_ids"], 0)
        with pytest.raises(ValueError, match="size"):
            engine.denoise(given["state"], given["noise"], None, steps)
        with pytest.raises(ValueError, match="size"):
            engine.denoise(given["state"][:199], given["noise"], None, 4)
        with pytest.raises(ValueError, match="size"):
            engine.denoise(given["state"], given["noise"][:15], None, 4)
        with pytest.raises(ValueError, match="size"):
            engine.denoise(given["state"], given["noise"], np.zeros((17, 200), np.float32), 4)

    def test_tensors_that_do_not_fit(self):
        tensors = samples.weights(self.sample)
        del tensors["readout"]
        with pytest.raises(ValueError, match="tensor readout is missing"):
            open_engine(self.sample, tensors)
        tensors["readout"] = np.zeros((12, 1), np.float32)
        with pytest.raises(ValueError, match=r"readout has shape \(12, 1\), expected \(1, 12\)"):
            open_engine(self.sample, tensors)

    def test_a_config_the_python_side_did_not_check(self):
        config = schema.to_plain(self.sample)
        config["dims"]["heads"] = 10**9
        with pytest.raises(ValueError, match="heads must be"):
            _core.NanoEngine(config, samples.weights(self.sample))
        del config["dims"]
        with pytest.raises(KeyError, match="dims"):
            _core.NanoEngine(config, samples.weights(self.sample))


def test_a_mutilated_config_never_escapes():
    """Whatever stands in the config, the engine opens or raises; it never crashes or takes absurd memory."""
    rng = random.Random(11)
    sample = samples.descriptor(samples.SMALL)
    tensors = samples.weights(sample)
    junk = [-1, 0, 1, 7, 2**31, 2**63, 10**30, 0.5, float("nan"), float("inf"), "x", None, [], {}]
    refused = 0
    for _ in range(300):
        config = schema.to_plain(sample)
        table = config[rng.choice(["dims", "dims", "chunk", "image", "prompt", "action_normalisation"])]
        table[rng.choice(list(table))] = rng.choice(junk)
        if rng.random() < 0.3:
            channel = rng.choice(config["state"] + config["action"] + config["cameras"])
            channel[rng.choice(list(channel))] = rng.choice(junk)
        try:
            _core.NanoEngine(config, tensors)
        except (ValueError, KeyError, TypeError, RuntimeError):
            refused += 1
    assert refused > 150


def test_the_forced_isa_is_the_one_that_ran(monkeypatch):
    sample = samples.descriptor(samples.SMALL)
    for isa in ISAS:
        monkeypatch.setenv("MOTORIUM_ISA", isa)
        assert open_engine(sample, samples.weights(sample)).isa == isa
    monkeypatch.setenv("MOTORIUM_ISA", "mmx")
    with pytest.raises(RuntimeError, match=r"'mmx' \(from MOTORIUM_ISA\).*available: .*plain"):
        open_engine(sample, samples.weights(sample))
