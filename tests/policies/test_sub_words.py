"""Words that a checkpoint was never taught are read by what they share with known ones, which mean what they did."""

from __future__ import annotations

from dataclasses import replace

import nano_samples as samples
import numpy as np
import pytest

from motorium.errors import PromptError
from motorium.policies.nano import NanoPolicy
from motorium.policies.nano.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from motorium.policies.nano.config import PAD, UNKNOWN, Descriptor
from motorium.policies.nano.sub_words import learn_pieces, split, word_vector
from motorium.types import Observation

OLD = samples.pointed(samples.SMALL)
WORDS = OLD.prompt.vocabulary[2:]
SAMPLE = replace(OLD, format_version=5, prompt=replace(OLD.prompt, pieces=learn_pieces(WORDS)))
TENSORS = samples.weights(SAMPLE)
TASK = "put the red cube in the tray"


def policy(descriptor: Descriptor = SAMPLE) -> NanoPolicy:
    return NanoPolicy(Checkpoint("sample", descriptor, TENSORS), seed=0)


def plan(nano: NanoPolicy, task: str) -> np.ndarray:
    given = samples.inputs(SAMPLE)
    images = {c.role: image for c, image in zip(SAMPLE.cameras, given["images"], strict=True)}
    observed = Observation(t_ns=1, state=given["state"], images=images, task=task)
    return nano.infer(observed, noise=given["noise"]).rows


def test_pieces_are_what_the_words_are_made_of_and_the_same_every_time():
    assert learn_pieces(WORDS) == learn_pieces(reversed(WORDS)) == SAMPLE.prompt.pieces
    assert set(SAMPLE.prompt.pieces) >= {word for word in WORDS if len(word) > 2}
    assert learn_pieces(["grab", "grip", "in"]) == ("grab", "gri", "grip")
    assert learn_pieces(["reaching", "grasping"])[:1] == ("ing",)  # what both have comes first
    assert len(learn_pieces([f"{i}word{j}" for i in range(9) for j in range(9)], most=20)) == 20
    assert learn_pieces([]) == ()


def test_the_longest_piece_is_taken_first():
    assert split("redcubes", ("red", "cube", "cub")) == ["red", "cube", "s"]
    assert split("", ("red",)) == []
    assert "".join(split("größe-4", SAMPLE.prompt.pieces)) == "größe-4"


def test_a_word_is_like_those_that_it_shares_its_letters_with():
    vectors, prompt = TENSORS["text.embedding.weight"], SAMPLE.prompt
    row = {word: vectors[i] for i, word in enumerate(prompt.vocabulary)}
    mean = vectors[2:].mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(word_vector("cubes", prompt, vectors), (4 * row["cube"] + mean) / 5, rtol=1e-5)
    mixed = (3 * row["red"] + 4 * row["cube"]) / 7
    np.testing.assert_allclose(word_vector("redcube", prompt, vectors), mixed, rtol=1e-5)
    for stranger in ("xylophone", "b", "中文"):
        np.testing.assert_allclose(word_vector(stranger, prompt, vectors), mean, rtol=1e-5)
    nothing = replace(prompt, vocabulary=(PAD, UNKNOWN))
    assert not word_vector("cubes", nothing, vectors[:2]).any()


def test_known_words_mean_exactly_what_they_do_without_pieces(tmp_path):
    nano = policy()
    expected = plan(policy(OLD), TASK)
    np.testing.assert_array_equal(plan(nano, TASK), expected)
    assert not np.array_equal(plan(nano, "put the reddish cubes in the tray"), expected)
    np.testing.assert_array_equal(plan(nano, TASK), expected)  # also behind others
    save_checkpoint(tmp_path / "old", OLD, TENSORS)
    save_checkpoint(tmp_path / "new", SAMPLE, TENSORS)
    assert "pieces" not in (tmp_path / "old/config.json").read_text()
    assert load_checkpoint(tmp_path / "new").descriptor == SAMPLE
    np.testing.assert_array_equal(plan(NanoPolicy(load_checkpoint(tmp_path / "new")), TASK), expected)


def test_without_pieces_an_unknown_word_is_what_it_was():
    old = policy(OLD)
    np.testing.assert_array_equal(plan(old, "put the red cubes"), plan(old, "put the red sponge"))
    new = policy()
    assert not np.array_equal(plan(new, "put the red cubes"), plan(new, "put the red sponge"))


def test_a_long_instruction_is_read_to_its_end():
    nano, long = policy(), " ".join([TASK] * 4)
    assert nano.descriptor.prompt.max_tokens == 8
    with pytest.raises(PromptError, match="28 words; this checkpoint reads at most 8"):
        policy(OLD).check_task(long)
    assert nano.check_task(long) == []
    first = plan(nano, long)
    assert np.isfinite(first).all()
    nano.warm_up()  # with the words that it has read last
    assert not np.array_equal(plan(nano, long.removesuffix("tray") + "cube"), first)
    with pytest.raises(PromptError, match="35 words; this checkpoint reads at most 32"):
        nano.check_task(" ".join([TASK] * 5))
    with pytest.raises(PromptError, match="at most 32"):
        plan(nano, " ".join([TASK] * 5))


@pytest.mark.parametrize("task", ["", "...", "wipe a window", "<unk> <pad>"])
def test_an_instruction_that_says_nothing_is_refused(task):
    with pytest.raises(PromptError):
        policy().check_task(task)


def test_words_that_were_never_taught_are_told():
    nano = policy()
    assert nano.check_task("Put the cubes in trays!") == ["cubes", "trays"]
    assert nano.check_task("cubes") == ["cubes"]
    assert np.isfinite(plan(nano, "<unk> <pad> cubes ü 中文")).all()
