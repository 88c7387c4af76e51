"""Batches of recorded frames: what is drawn, what is asked, what is masked; and what the readout learns from joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import FPS, write
from nano_samples import weights

from motorium.errors import DataError
from motorium.learn.data import Recordings, SourceSpec, TableSpec
from motorium.learn.data.recordings import CacheSpec
from motorium.learn.describe import check_joints, describe_recordings
from motorium.learn.examples import ExampleMaker, ExampleParams
from motorium.learn.given import datasets
from motorium.learn.growing import grown, grown_tensors
from motorium.learn.objectives.commitment import DelayTable
from motorium.learn.scene_targets import NOTHING, SceneTargets
from motorium.learn.vision import Points
from motorium.policies.nano.weights import nano_tensors

DELAYS = DelayTable((0.5, 0.3, 0.2))
CLOSES, OPENS = 12, 30


def grasp(_episode: int, k: int, row: dict, _images: dict) -> None:
    """The gripper is open, closes at one frame and opens at another."""
    for key in ("observation.state", "action"):
        row[key][5] = 0.1 if CLOSES < k <= OPENS else 1.5


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    tasks = ("put the cube in the tray", "put the cube in the tray", "Wave, please!")
    write(folder / "grasps", tasks, seconds=2.0, change=grasp)
    with Recordings.open(
        [SourceSpec(folder / "grasps")],
        TableSpec(rows=6, size=(32, 32)),
        CacheSpec(folder / "frames", workers=0),
    ) as recordings:
        yield recordings


@pytest.fixture
def maker(recorded, small_dims) -> ExampleMaker:
    return made(recorded, small_dims)


def made(recorded, small_dims, seed: int = 3, **params) -> ExampleMaker:
    scene = SceneTargets.of(recorded)
    descriptor = describe_recordings("sample", recorded, scene, small_dims, 2)
    return ExampleMaker(recorded, descriptor, scene, DELAYS, ExampleParams(observations=8, **params), seed)


def test_a_batch_follows_from_seed_and_step_alone(recorded, maker, small_dims):
    index = maker.frames(5)
    again = made(recorded, small_dims)
    again.frames(1)
    np.testing.assert_array_equal(again.frames(5), index)
    pictures = recorded.pictures(index)
    first, second = maker.make(index, pictures, 5), again.make(index, pictures, 5)
    for name, value in vars(first).items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, getattr(second, name)), name
    assert not np.array_equal(made(recorded, small_dims, seed=4).frames(5), index)


@pytest.mark.parametrize("points", [0, 4])
def test_parts_are_parts_of_the_whole(recorded, small_dims, points):
    maker = made(recorded, replace(small_dims, points=points, point_tokens=min(points, 2)))
    index = maker.frames(0)
    pictures = recorded.pictures(index)
    whole, part = maker.make(index, pictures, 0), slice(1, None, 2)
    half = maker.make(index, pictures[part], 0, part)
    for name in ("state", "noisy", "time", "velocity", "weight", "scene", "scene_known", "tokens", "doubt"):
        assert torch.equal(getattr(half, name), getattr(whole, name)[part]), name
    assert all(torch.equal(h, w[part]) for h, w in zip(half.images, whole.images, strict=True))
    assert (half.rows_total, half.observations) == (whole.rows_total, 8)
    assert len(whole.aside) == (2 if points else 0)
    for mine, all_of_them in zip(half.aside, whole.aside, strict=True):
        assert torch.equal(mine, all_of_them[part])


def test_places_are_set_right_by_the_shift_of_a_picture(recorded, small_dims):
    """Of a bright spot in an empty picture: wherever the picture was shifted to, the spot is where it was."""
    dims = replace(small_dims, points=1, point_tokens=1)
    maker = made(recorded, dims, told_shift_px=8, place_noise=0.0, light_gain=0.0, light_offset=0.0, tint=0.0)
    torch.manual_seed(0)
    view = Points(dims)
    with torch.no_grad():
        for parameter in view.parameters():
            parameter.zero_()
        view.conv1.weight.fill_(0.1)
        for norm in (view.norm1, view.norm2):
            norm.weight.fill_(1.0)
        view.conv2.weight.fill_(0.1)
        view.points.weight.fill_(0.2)  # soft: a maximum alone would jump from feature to feature
    index = maker.frames(0)
    pictures = np.zeros_like(recorded.pictures(index))
    pictures = np.pad(pictures, ((0, 0), (0, 0), (32, 32), (32, 32), (0, 0)))
    pictures[:, :, 40:52, 44:56] = 255
    made_of = maker.make(index, pictures, 0)
    words = torch.zeros(1, dims.prefix_width)
    with torch.no_grad():
        still = view.places(view.features(maker._images(torch.from_numpy(pictures[:1]))[0], words))
        moved = view.places(view.features(made_of.images[0], words.expand(len(index), -1)))
    right = moved + made_of.aside[0]
    assert (moved - still).abs().max() > 0.1
    assert (right - still).abs().max() < 0.07  # features are 0.18 apart


def test_only_in_training_the_readout_is_doubted(recorded, maker):
    index = maker.frames(0)
    pictures = recorded.pictures(index)
    doubt = maker.make(index, pictures, 0).doubt
    assert 0.15 < float(doubt.std()) < 0.45
    plain = maker.plain(index, pictures, np.random.default_rng(0))
    assert not plain.doubt.any()
    assert not plain.aside


def test_half_of_a_batch_is_before_the_grasp_and_none_is_held_out(recorded, maker):
    before = SceneTargets.of(recorded).before_grasp
    assert 0.2 < before.mean() < 0.4
    for step in range(20):
        index = maker.frames(step)
        assert before[index].sum() == 4
        assert np.isin(index, recorded.training).all()


def test_committed_rows_are_given_clean_and_never_asked(recorded, maker):
    index = recorded.training[:16]
    batch = maker.make(index, recorded.pictures(index), 0)
    locked = batch.time == 1.0
    assert 0 < locked.float().mean() < 0.4
    assert not batch.weight[..., 0][locked].any()
    assert (batch.time[~locked] < 1.0).all()


def test_rows_beyond_the_end_are_never_asked(recorded, maker):
    index = np.flatnonzero(~recorded.column("valid").all(axis=1))
    batch = maker.make(index, recorded.pictures(index), 0)
    beyond = torch.from_numpy(~recorded.column("valid")[index])[:, None].expand(batch.weight.shape[:3])
    assert not batch.weight[..., 0][beyond].any()


def test_targets_are_the_tool_at_the_next_close_and_open(recorded):
    from motorium.specs.kinematics import Chain

    targets = SceneTargets.of(recorded)
    spec, state = recorded.robots[0], recorded.column("state").astype(np.float64)
    at = [targets.names.index(f"close_{axis}_m") for axis in "xyz"]
    hand = [targets.names.index(f"close_from_hand_{axis}_m") for axis in "xyz"]
    assert targets.known[:CLOSES, at].all()
    assert not targets.known[CLOSES + 2 : 2 * FPS, at].any()
    place, turn = Chain(spec).tcp(state[4])
    told = turn @ targets.values[4, hand] + place
    np.testing.assert_allclose(told, targets.values[4, at], atol=1e-5)
    near = [Chain(spec).tcp(state[k])[0] for k in range(CLOSES - 1, CLOSES + 2)]
    assert np.abs(np.array(near) - targets.values[4, at]).max(axis=1).min() < 1e-5


def test_readouts_of_old_checkpoints_are_filled_and_strange_ones_masked(recorded):
    targets = SceneTargets.of(recorded, ["target_x_m", "hand_cos4yaw", "tray_y_m", "temperature"])
    plain = SceneTargets.of(recorded, ["close_x_m", "open_y_m"])
    np.testing.assert_array_equal(targets.values[:, [0, 2]], plain.values)
    assert targets.known[0].tolist() == [True, True, True, False]
    mean, std = targets.statistics(recorded.training)
    assert (mean[3], std[3]) == (0.0, 1.0)


def test_a_hand_that_never_closes_leaves_nothing_to_ask(tmp_path, small_dims):
    def still(_episode, _k, row, _images):
        row["observation.state"][5] = row["action"][5] = 1.0

    write(tmp_path / "still", ("wave",) * 2, seconds=1.0, change=still)
    cache = CacheSpec(tmp_path / "frames", workers=0)
    with Recordings.open(
        [SourceSpec(tmp_path / "still")], TableSpec(rows=4, size=(32, 32)), cache
    ) as recordings:
        maker = made(recordings, small_dims)
        index = maker.frames(0)
        assert len(index) == 8
        assert maker.make(index, recordings.pictures(index), 0).scene_total == 0.0
    assert NOTHING == ("nothing",)


def test_a_checkpoint_with_other_joints_is_refused_by_name(recorded, small_dims):
    descriptor = describe_recordings("sample", recorded, SceneTargets.of(recorded), small_dims, 2)
    check_joints(descriptor, recorded)
    state = (replace(descriptor.state[0], slot=3), *descriptor.state[1:])
    action = (replace(descriptor.action[0], slot=3), *descriptor.action[1:])
    with pytest.raises(DataError, match=r"'shoulder_pan' in slot 3, which so101 lacks"):
        check_joints(replace(descriptor, state=state, action=action), recorded)


def test_a_network_grows_by_new_words_and_robots_and_keeps_what_it_has(recorded, small_dims):
    full = describe_recordings("sample", recorded, SceneTargets.of(recorded), small_dims, 2)
    words = ("<pad>", "<unk>", "cube", "put", "the")
    before = replace(full, embodiments=("koch",), prompt=replace(full.prompt, vocabulary=words))
    after = grown(before, "adapted", recorded)
    assert after.prompt.vocabulary == (*words, "in", "please", "tray", "wave")
    assert after.prompt.pieces == full.prompt.pieces
    assert (after.name, after.embodiments) == ("adapted", ("koch", "so101"))
    tensors = {name: torch.from_numpy(values) for name, values in weights(before).items()}
    more = grown_tensors(tensors, before, after, seed=0)
    assert {name: tuple(t.shape) for name, t in more.items()} == nano_tensors(after)
    for name, values in tensors.items():
        assert torch.equal(more[name][: len(values)], values), name
    narrow = replace(before, state=tuple(replace(c, min=0.0, max=0.1) for c in before.state))
    assert [c.max for c in grown(narrow, "wide", recorded).state] == [max(0.1, c.max) for c in full.state]


def test_words_are_those_of_the_instructions(recorded, small_dims):
    prompt = describe_recordings("s", recorded, SceneTargets.of(recorded), small_dims, 2).prompt
    assert prompt.vocabulary[2:] == ("cube", "in", "please", "put", "the", "tray", "wave")
    assert prompt.max_tokens == 8
    assert {"cube", "please", "tray"} < set(prompt.pieces)


def test_a_network_grows_by_places_for_longer_instructions(recorded, small_dims):
    full = describe_recordings("sample", recorded, SceneTargets.of(recorded), small_dims, 2)
    before = replace(full, prompt=replace(full.prompt, max_tokens=3))
    after = grown(before, "adapted", recorded)
    assert after.prompt.max_tokens == max(len(task.split()) for task in recorded.tasks) == 6
    tensors = {name: torch.from_numpy(values) for name, values in weights(before).items()}
    more = grown_tensors(tensors, before, after, seed=0)["text.position"]
    assert torch.equal(more[:3], tensors["text.position"])
    assert not more[3:].any()
    assert more.shape[0] == 6


def test_shards_are_refused_and_datasets_taken_as_given(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text("{}")
    (tmp_path / "shards/full-0").mkdir(parents=True)
    (tmp_path / "shards/full-0/manifest.json").write_text("{}")
    assert datasets([f"{tmp_path}=0.3"], {"units": "deg"}) == (SourceSpec(tmp_path, 0.3, units="deg"),)
    for given in ([str(tmp_path / "shards")], [str(tmp_path), str(tmp_path / "shards")]):
        with pytest.raises(DataError, match=r"shards is a folder of shards.*--lockstep.*tools/so101_pick"):
            datasets(given, {})
    with pytest.raises(DataError, match=str(tmp_path / "nothing")):
        Recordings.open(datasets([str(tmp_path / "nothing")], {}), cache=CacheSpec(tmp_path / "f", workers=0))
