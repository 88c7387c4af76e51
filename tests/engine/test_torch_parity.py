"""The engine and the PyTorch model in learn/ are one network: same tensors, same answers."""

from __future__ import annotations

from dataclasses import replace

import nano_samples as samples
import numpy as np
import pytest

from motorium import _core
from motorium.policies import schema
from motorium.policies.nano import NanoPolicy
from motorium.policies.nano.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from motorium.types import Observation

torch = pytest.importorskip("torch", reason="torch is not installed (extra [learn])")
model_module = pytest.importorskip("motorium.learn.model", reason="learn/model.py is not importable")
vision_module = pytest.importorskip("motorium.learn.vision", reason="torch is not installed (extra [learn])")

torch.set_num_threads(1)

TOLERANCE = 2e-5
"""Of the largest value; float32 rounding alone gives about 1e-6, a wrong activation or epsilon more than this."""
SHIPPED = "so101-pick"


def torch_model(sample, tensors):
    model = model_module.NanoModel(sample)
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    return model.eval()


def seen_by(sample, given, task):
    images = {c.role: image for c, image in zip(sample.cameras, given["images"], strict=True)}
    return Observation(0, given["state"], images, task)


def torch_chunk(model, sample, given, committed, steps):
    """(T, 200) raw slots and the scene, by Euler steps with the prefix lock, float32 as in training."""
    slots = [c.slot for c in sample.action]
    base = np.array([given["state"][c.slot] if c.relative else 0.0 for c in sample.action], np.float32)
    mean = np.array(sample.action_normalisation.mean, np.float32)
    std = np.array(sample.action_normalisation.std, np.float32)
    state = np.zeros(200, np.float32)
    for c in sample.state:
        state[c.slot] = (given["state"][c.slot] - c.mean) / c.std
    image_mean, image_std = np.array(sample.image.mean), np.array(sample.image.std)
    images = {
        c.role: torch.from_numpy(((image / 255.0 - image_mean) / image_std).astype(np.float32))
        .permute(2, 0, 1)[None]
        .contiguous()
        for c, image in zip(sample.cameras, given["images"], strict=True)
    }
    kept_rows = 0 if committed is None else len(committed)
    x = np.zeros((sample.chunk.rows, 200), np.float32)
    x[:, slots] = given["noise"][:, slots]
    rows = np.arange(sample.chunk.rows)
    with torch.inference_mode():
        ids = torch.from_numpy(given["token_ids"].astype(np.int64))[None]
        prefix = model.encode(images, ids, torch.tensor([given["embodiment"]]))
        for k in range(steps + 1):
            if kept_rows:
                x[:kept_rows, slots] = (committed[:, slots] - base - mean[:kept_rows]) / std[:kept_rows]
            if k == steps:
                break
            time = torch.from_numpy(np.where(rows < kept_rows, 1.0, k / steps).astype(np.float32))[None, None]
            v, _ = model.velocity(
                prefix, torch.from_numpy(state)[None], torch.from_numpy(x)[None, None], time
            )
            x[:, slots] += v[0, 0].numpy()[:, slots] / steps
    out = np.zeros_like(x)
    out[:, slots] = x[:, slots] * std + mean + base
    return out, prefix.scene[0].numpy()


def assert_equal_networks(sample, tensors, given, *, cases):
    model = torch_model(sample, tensors)
    engine = _core.NanoEngine(schema.to_plain(sample), dict(tensors))
    engine.encode(given["images"], given["token_ids"], given["embodiment"])
    for steps, delay in cases:
        committed = samples.committed(sample, delay) if delay else None
        expected, scene = torch_chunk(model, sample, given, committed, steps)
        actual = engine.denoise(given["state"], given["noise"], committed, steps)
        scale = max(1.0, np.abs(expected).max())
        assert np.abs(actual - expected).max() <= TOLERANCE * scale, (steps, delay)
        assert np.abs(engine.scene - scene).max() <= TOLERANCE * max(1.0, np.abs(scene).max())


@pytest.mark.parametrize("seed", [0, 1])
def test_full_size_with_every_tensor_random(seed):
    sample = samples.descriptor()
    cases = [(4, 0), (4, 3), (8, 6)] if seed else [(1, 0), (2, 1), (4, 6)]
    assert_equal_networks(sample, samples.weights(sample, seed), samples.inputs(sample, seed), cases=cases)


def test_every_delay_and_step_count():
    sample = samples.descriptor(samples.SMALL)
    cases = [(4, delay) for delay in range(sample.prefix_lock.max_delay + 1)]
    cases += [(steps, 2) for steps in range(1, 9)]
    assert_equal_networks(sample, samples.weights(sample), samples.inputs(sample), cases=cases)


@pytest.mark.parametrize("dims", [samples.SMALL, samples.FULL])
@pytest.mark.parametrize("embodiment", [0, 1])
def test_slot_adapters(embodiment, dims, tmp_path):
    """Through a checkpoint's files, as both sides read them."""
    sample = samples.adapted(dims)
    loaded = load_checkpoint(save_checkpoint(tmp_path / "adapted", sample, samples.weights(sample)))
    given = {**samples.inputs(sample), "embodiment": embodiment}
    assert_equal_networks(loaded.descriptor, loaded.tensors, given, cases=[(4, 0), (3, 2)])


@pytest.mark.parametrize("dims", [samples.SMALL, samples.FULL])
@pytest.mark.parametrize("size", [(96, 96), (64, 48), (20, 16)])
def test_views_that_become_points(dims, size, tmp_path):
    """Through a checkpoint's files; down to pictures of which 2 x 2 places remain."""
    cameras = tuple(replace(camera, height=size[0], width=size[1]) for camera in samples.descriptor().cameras)
    sample = samples.pointed(dims, cameras=cameras)
    loaded = load_checkpoint(save_checkpoint(tmp_path / "points", sample, samples.weights(sample)))
    assert_equal_networks(loaded.descriptor, loaded.tensors, samples.inputs(sample), cases=[(4, 0), (3, 2)])


def test_without_noise_engine_and_torch_policy_are_one():
    """The policies of both, through their own beginning and their own step."""
    torch_policy = pytest.importorskip(
        "motorium.learn.torch_policy", reason="torch is not installed (extra [learn])"
    )
    sample = samples.noiseless(samples.SMALL)
    tensors, given = samples.weights(sample), samples.inputs(sample)
    seen = seen_by(sample, given, "put the red cube in the tray")
    committed = samples.committed(sample, 3)
    engine = NanoPolicy(Checkpoint("sample", sample, tensors))
    expected = torch_policy.TorchPolicy(torch_model(sample, tensors)).infer(seen, committed=committed)
    found = engine.infer(seen, committed=committed)
    assert np.abs(found.rows - expected.rows).max() <= TOLERANCE * max(1.0, np.abs(expected.rows).max())


def test_points_follow_what_they_see():
    """The place of a bright pixel of the features, wherever it is."""
    dims = replace(samples.SMALL, points=1, point_tokens=1)
    points = vision_module.Points(dims)
    with torch.no_grad():
        points.points.weight.fill_(100.0)
    for row, column in ((0, 0), (4, 1), (2, 7)):
        features = torch.zeros(1, dims.vision_channels[1], 5, 8)
        features[..., row, column] = 1.0
        x, y = points.places(features)[0].tolist()
        assert (x, y) == pytest.approx((2 * column / 7 - 1, 2 * row / 4 - 1), abs=1e-5)


@pytest.mark.parametrize("make", [samples.descriptor, samples.adapted, samples.pointed, samples.noiseless])
def test_tensor_lists_are_the_same(make):
    sample = make(samples.SMALL)
    found = {name: tuple(t.shape) for name, t in model_module.NanoModel(sample).state_dict().items()}
    assert found == {name: value.shape for name, value in samples.weights(sample).items()}


def test_the_shipped_checkpoint():
    shipped = load_checkpoint(SHIPPED)
    for seed in range(3):
        given = samples.inputs(shipped.descriptor, seed)
        assert_equal_networks(shipped.descriptor, shipped.tensors, given, cases=[(4, 0), (2, 3), (8, 6)])


@pytest.mark.parametrize("made", [samples.descriptor, samples.pointed])
def test_pooled_features_of_pictures_are_the_same_in_both(made):
    sample = made(samples.SMALL)
    tensors, given = samples.weights(sample), samples.inputs(sample)
    nano = NanoPolicy(Checkpoint("sample", sample, tensors))
    nano.engine.encode(given["images"], given["token_ids"], given["embodiment"])
    mean, std = np.array(sample.image.mean), np.array(sample.image.std)
    images = {
        c.role: torch.from_numpy(((image / 255.0 - mean) / std).astype(np.float32)).permute(2, 0, 1)[None]
        for c, image in zip(sample.cameras, given["images"], strict=True)
    }
    with torch.inference_mode():
        ids = torch.from_numpy(given["token_ids"].astype(np.int64))[None]
        views = torch_model(sample, tensors).look(images, ids)
    expected = np.stack([view[0].mean(dim=0).numpy() for view in views])
    np.testing.assert_allclose(nano.engine.pictures, expected, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize(
    "task", ["grab the reddish cubes", "please put the red cube into the tray at the left side"]
)
def test_words_that_were_never_taught_are_the_same_in_both(task):
    from motorium.learn.torch_policy import TorchPolicy
    from motorium.policies.nano.checkpoint import Checkpoint
    from motorium.policies.nano.policy import NanoPolicy
    from motorium.policies.nano.sub_words import learn_pieces

    plain = samples.pointed(samples.SMALL)
    prompt = replace(plain.prompt, pieces=learn_pieces(plain.prompt.vocabulary[2:]))
    sample = replace(plain, format_version=5, prompt=prompt)
    tensors, given = samples.weights(sample), samples.inputs(sample)
    observed = seen_by(sample, given, task)
    nano = NanoPolicy(Checkpoint("sample", sample, tensors))
    own = TorchPolicy(torch_model(sample, tensors))
    noise = np.zeros_like(given["noise"])
    slots = [channel.slot for channel in sample.action]
    noise[:, slots] = given["noise"][:, slots]
    engine = nano.infer(observed, noise=noise).rows
    expected = own.denoise(observed, noise, np.zeros((0, 200), np.float32))
    np.testing.assert_allclose(engine, expected, atol=TOLERANCE * np.abs(expected).max())
    assert nano.check_task(task) == own.check_task(task) != []
