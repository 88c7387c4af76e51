"""The policy: words, images and state in, a chunk out; repeatable, and exact about committed rows."""

from __future__ import annotations

from dataclasses import replace

import nano_samples as samples
import numpy as np
import pytest

import motorium
from motorium.errors import BindingError, CheckpointError, PromptError
from motorium.policies.nano import NanoPolicy
from motorium.policies.nano.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from motorium.policies.nano.policy import info_of
from motorium.policies.nano.tokenizer import Tokenizer
from motorium.specs.robot import RobotSpec
from motorium.types import Observation

SAMPLE = samples.descriptor(samples.SMALL)


def policy(**options):
    return NanoPolicy(Checkpoint("sample", SAMPLE, samples.weights(SAMPLE)), **options)


def observation(**changes):
    given = samples.inputs(SAMPLE)
    images = {c.role: image for c, image in zip(SAMPLE.cameras, given["images"], strict=True)}
    base = Observation(t_ns=123, state=given["state"], images=images, task="put the red cube in the tray")
    return replace(base, **changes)


def test_chunk_says_what_it_is():
    nano = policy(seed=1)
    committed = samples.committed(SAMPLE, 3)
    chunk = nano.infer(observation(), committed=committed)
    assert chunk.rows.shape == (16, 200)
    assert chunk.rows.dtype == np.float32
    assert sorted(np.flatnonzero(chunk.valid)) == sorted(c.slot for c in SAMPLE.action)
    assert (chunk.t0_ns, chunk.dt_s, chunk.delay) == (123, 0.05, 3)
    assert np.array_equal(chunk.rows[:3, chunk.valid], committed[:, chunk.valid])
    assert not chunk.rows[:, ~chunk.valid].any()
    assert 0 < chunk.latency_s < 10
    assert nano.info == info_of(SAMPLE)
    assert (nano.info.rows, nano.info.dt_s, nano.info.max_delay, nano.info.execution_horizon) == (
        16,
        0.05,
        6,
        8,
    )


def test_seed_and_noise_repeat_a_plan():
    nano = policy(seed=5)
    first, second = nano.infer(observation()), nano.infer(observation())
    assert not np.array_equal(first.rows, second.rows)
    nano.seed(5)
    assert np.array_equal(nano.infer(observation()).rows, first.rows)
    assert np.array_equal(policy(seed=5).infer(observation()).rows, first.rows)
    noise = np.zeros((16, 200), np.float32)
    given = nano.infer(observation(), noise=noise)
    assert np.array_equal(nano.infer(observation(), noise=noise).rows, given.rows)


def test_without_noise_a_plan_is_one_and_takes_one_step():
    sample = samples.noiseless(samples.SMALL)
    checkpoint = Checkpoint("sample", sample, samples.weights(sample))
    plans = [NanoPolicy(checkpoint, seed=seed).infer(observation()).rows for seed in (1, 2)]
    assert np.array_equal(*plans)
    nano = NanoPolicy(checkpoint)
    with pytest.raises(ValueError, match="without noise; give none"):
        nano.infer(observation(), noise=np.zeros((16, 200), np.float32))
    with pytest.raises(CheckpointError, match="4 steps mean nothing"):
        nano.steps = 4
    with pytest.raises(CheckpointError, match="2 steps mean nothing"):
        NanoPolicy(checkpoint, steps=2)
    assert nano.steps == 1


def test_warm_up_leaves_the_noise_alone():
    warmed = policy(seed=5)
    warmed.warm_up()
    assert np.array_equal(warmed.infer(observation()).rows, policy(seed=5).infer(observation()).rows)


def test_instruction_reaches_the_network():
    nano = policy()
    noise = np.zeros((16, 200), np.float32)
    red = nano.infer(observation(), noise=noise)
    green = nano.infer(observation(task="put the green cube in the tray"), noise=noise)
    assert np.abs(red.rows - green.rows).max() > 1e-4
    assert np.array_equal(nano.infer(observation(), noise=noise).rows, red.rows)


def test_scene_is_named_and_in_units():
    nano = policy()
    nano.infer(observation())
    scene = nano.read_scene()
    assert list(scene) == list(SAMPLE.scene.names)
    expected = nano.engine.scene[0] * SAMPLE.scene.std[0] + SAMPLE.scene.mean[0]
    assert scene["target_x_m"] == pytest.approx(expected)


def test_bind_picks_the_embodiment():
    nano = policy()
    robot = RobotSpec.load("so101")
    noise = np.zeros((16, 200), np.float32)
    nano.bind(robot)
    assert nano.embodiment == 0
    before = nano.infer(observation(), noise=noise)
    nano.bind(replace(robot, name="koch"))
    assert nano.embodiment == 1
    assert not np.array_equal(nano.infer(observation(), noise=noise).rows, before.rows)


def test_missing_or_misshapen_image_names_both_sides():
    nano = policy()
    images = dict(observation().images)
    small = {**images, "wrist": images["wrist"][:48]}
    with pytest.raises(BindingError, match=r"'wrist' as \(96, 96, 3\) uint8; .*\(48, 96, 3\)"):
        nano.infer(observation(images=small))
    with pytest.raises(BindingError, match="needs image 'wrist'"):
        nano.infer(observation(images={"front": images["front"]}))
    floats = {**images, "wrist": images["wrist"].astype(np.float32)}
    with pytest.raises(BindingError, match="float32"):
        nano.infer(observation(images=floats))


def test_weights_the_engine_cannot_hold():
    tensors = samples.weights(SAMPLE)
    del tensors["readout"]
    with pytest.raises(CheckpointError, match="readout is missing"):
        NanoPolicy(Checkpoint("sample", SAMPLE, tensors))


def test_load_by_directory(tmp_path):
    save_checkpoint(tmp_path / "sample", SAMPLE, samples.weights(SAMPLE))
    loaded = motorium.load(tmp_path / "sample", seed=2)
    assert np.array_equal(loaded.infer(observation()).rows, policy(seed=2).infer(observation()).rows)
    with pytest.raises(CheckpointError, match="no checkpoint 'nonesuch'"):
        motorium.load("nonesuch")


def test_the_checkpoint_says_in_what_it_is_computed_unless_the_caller_does(tmp_path):
    asked = replace(SAMPLE, precision="int8")
    folder = save_checkpoint(tmp_path / "asked", asked, samples.weights(asked))
    plain = save_checkpoint(tmp_path / "plain", SAMPLE, samples.weights(SAMPLE))
    assert "precision" not in (plain / "config.json").read_text()  # a file that any version can read
    said = motorium.load(folder, seed=2)
    assert said.options.precision is motorium.load(folder, precision="int8").options.precision
    assert NanoPolicy(load_checkpoint(folder)).options == said.options
    rows = said.infer(observation()).rows
    named = motorium.load(plain, seed=2, precision="int8").infer(observation()).rows
    exact = motorium.load(folder, seed=2, precision="float32").infer(observation()).rows
    assert np.array_equal(rows, named)
    assert np.array_equal(exact, motorium.load(plain, seed=2).infer(observation()).rows)
    assert not np.array_equal(rows, exact)


@pytest.mark.parametrize("precision", ['"int4"', "8", "[]"])
def test_a_precision_that_there_is_not_is_refused(tmp_path, precision):
    folder = save_checkpoint(tmp_path / "odd", SAMPLE, samples.weights(SAMPLE))
    config = folder / "config.json"
    config.write_text(config.read_text().replace("{", f'{{"precision": {precision},', 1))
    with pytest.raises(CheckpointError, match=r"config.json: precision .* known: float32, bfloat16, int8"):
        motorium.load(folder)
    with pytest.raises(CheckpointError, match=r"config.json: precision"):
        load_checkpoint(folder)


class TestTokenizer:
    tokenizer = Tokenizer(SAMPLE.prompt)

    def test_words_pads_and_unknowns(self):
        ids = self.tokenizer.encode('  Put the RED cube, "in" the bowl! ')
        assert ids.dtype == np.int32
        assert ids.tolist() == [2, 3, 4, 7, 8, 3, 1, 0]
        assert self.tokenizer.unknown_words("put the Bowl down.") == ["bowl", "down"]

    @pytest.mark.parametrize("task", ["", "  ", "...", "a b c d e f g h i"])
    def test_what_cannot_be_encoded(self, task):
        with pytest.raises(PromptError):
            self.tokenizer.encode(task)

    def test_case_matters_when_the_checkpoint_says_so(self):
        tokenizer = Tokenizer(replace(SAMPLE.prompt, lowercase=False))
        assert tokenizer.encode("put PUT")[:2].tolist() == [2, 1]
