"""A checkpoint can tell pictures that are unlike all those it was trained on, and one that cannot says nothing."""

from __future__ import annotations

from dataclasses import replace

import nano_samples as samples
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from motorium.errors import CheckpointError
from motorium.policies.nano import NanoPolicy
from motorium.policies.nano.checkpoint import load_checkpoint, save_checkpoint
from motorium.policies.nano.config import STATISTICS_VERSION
from motorium.policies.nano.picture_statistics import SHRINKAGE, PictureStatistics
from motorium.types import Observation

PLAIN = samples.descriptor(samples.SMALL)
SAMPLE = replace(PLAIN, format_version=STATISTICS_VERSION, picture_statistics=True)
WIDTH = SAMPLE.dims.prefix_width


def drawn(count, width=WIDTH, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, width)) @ rng.standard_normal((width, width))).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    own = {camera.role: PictureStatistics.of(drawn(200)) for camera in SAMPLE.cameras}
    return save_checkpoint(tmp_path / "sample", SAMPLE, samples.weights(SAMPLE), own)


def test_distances_are_those_of_the_formula():
    features = drawn(300, 5)
    own = PictureStatistics.of(features)
    assert np.mean(own.distances(features) <= own.usual) == pytest.approx(0.99, abs=0.004)
    mean, covariance = features.mean(axis=0), np.cov(features.T)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / 5 * np.eye(5)
    for one in features[:10]:
        expected = np.sqrt((one - mean) @ np.linalg.solve(shrunk, one - mean) / 5)
        assert own.distances(one[None])[0] == pytest.approx(expected, rel=1e-4)


def test_features_that_never_differ_have_a_distance():
    own = PictureStatistics.of(np.ones((20, 4), np.float32))
    assert own.usual > 0
    assert np.isfinite(own.distances(np.full((1, 4), 2.0, np.float32))).all()
    assert own.distances(np.full((1, 4), 2.0, np.float32))[0] > own.usual


def test_a_checkpoint_keeps_them_beside_the_network(folder):
    loaded = load_checkpoint(folder)
    assert loaded.descriptor == SAMPLE
    assert set(loaded.tensors) == set(samples.weights(SAMPLE))
    assert set(loaded.pictures) == {camera.role for camera in SAMPLE.cameras}
    expected = PictureStatistics.of(drawn(200))
    for own in loaded.pictures.values():
        np.testing.assert_array_equal(own.covariance, expected.covariance)
        assert own.usual == pytest.approx(expected.usual)


def test_a_policy_tells_how_unlike_its_pictures_are(tmp_path):
    tensors, given = samples.weights(SAMPLE), samples.inputs(SAMPLE)
    images = {c.role: image for c, image in zip(SAMPLE.cameras, given["images"], strict=True)}
    plain = NanoPolicy(load_checkpoint(save_checkpoint(tmp_path / "plain", PLAIN, tensors)), seed=0)
    seen = Observation(0, given["state"], images, "red cube")
    plain.infer(seen)
    assert plain.picture_distances() == {}
    pooled = plain.engine.pictures
    rng = np.random.default_rng(0)
    near = {
        camera.role: PictureStatistics.of(
            (pooled[view] + 0.05 * rng.standard_normal((400, WIDTH))).astype(np.float32)
        )
        for view, camera in enumerate(SAMPLE.cameras)
    }
    policy = NanoPolicy(load_checkpoint(save_checkpoint(tmp_path / "kept", SAMPLE, tensors, near)), seed=0)
    policy.infer(seen)
    assert set(policy.picture_distances()) == set(images)
    assert all(0 <= distance < 0.5 for distance in policy.picture_distances().values())
    first, *others = images
    policy.infer(replace(seen, images=images | {first: 255 - images[first]}))
    changed = policy.picture_distances()
    assert changed[first] > 1.0
    assert all(changed[role] < 0.5 for role in others)


DAMAGE = [
    (lambda t, role: t.pop(f"pictures.{role}.mean"), "missing tensors: pictures"),
    (lambda t, role: t.update({f"pictures.{role}.usual": np.zeros(1, np.float32)}), "usual must be positive"),
    (lambda t, role: t.update({f"pictures.{role}.covariance": np.zeros((2, 2), np.float32)}), "has shape"),
    (lambda t, role: t.update({f"pictures.{role}.mean": np.full(WIDTH, np.nan, np.float32)}), "NaN"),
    (
        lambda t, role: t.update({f"pictures.{role}.covariance": -np.eye(WIDTH, dtype=np.float32)}),
        "covariance is none",
    ),
]


@pytest.mark.parametrize(("change", "expected"), DAMAGE)
def test_damage_is_named(folder, change, expected):
    tensors = load_file(folder / "model.safetensors")
    change(tensors, SAMPLE.cameras[0].role)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=expected):
        load_checkpoint(folder)


def test_what_a_checkpoint_says_it_keeps_must_be_there(tmp_path):
    with pytest.raises(CheckpointError, match="missing tensors: pictures"):
        save_checkpoint(tmp_path / "sample", SAMPLE, samples.weights(SAMPLE))
    own = {camera.role: PictureStatistics.of(drawn(200)) for camera in SAMPLE.cameras}
    with pytest.raises(CheckpointError, match="surplus tensors: pictures"):
        save_checkpoint(tmp_path / "sample", PLAIN, samples.weights(PLAIN), own)
    with pytest.raises(CheckpointError, match=f"need format_version {STATISTICS_VERSION}"):
        replace(SAMPLE, format_version=STATISTICS_VERSION - 1)
