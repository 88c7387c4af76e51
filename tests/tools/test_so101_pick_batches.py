"""Batches: masks, committed rows, normalisation, and the data set on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_up import JOINTS, MANIFEST, ROWS, frame

from motorium.learn.export import DEFAULT_DIMS
from motorium.learn.normalise import Statistics
from motorium.learn.objectives.rectified_flow import masked_mse
from motorium.specs.robot import RobotSpec
from so101_pick.batches import BatchMaker, BatchParams
from so101_pick.describe import describe_demos, statistics_of
from so101_pick.shards import DatasetError, Demos, write_shard

RELATIVE = np.array([1, 1, 1, 1, 1, 0], dtype=np.float32)
SPEC = RobotSpec.load("so101")
SLOTS = [50, 51, 52, 53, 54, 18]


def maker(demos: Demos, **changes) -> BatchMaker:
    params = replace(BatchParams(observations=16, samples=4), **changes)
    return BatchMaker(demos, statistics_of(demos, SPEC), SLOTS, params)


def clean(batches: BatchMaker, index: np.ndarray) -> torch.Tensor:
    """What the network is to say, (B, n, T, 200)."""
    state, rows = (batches.demos.column(name)[index] for name in ("state", "rows"))
    out = torch.zeros(len(index), batches.params.samples, ROWS, 200)
    out[..., SLOTS] = torch.from_numpy(batches.statistics.action(rows, state))[:, None]
    return out


def test_shards_read_back_as_written(tmp_path):
    frames = [frame(np.random.default_rng(i), committed=i % 3, known=4 + i) for i in range(5)]
    write_shard(tmp_path / "a", frames[:2], MANIFEST)
    write_shard(tmp_path / "b", frames[2:], {**MANIFEST, "kind": "correct"})
    demos = Demos([tmp_path])
    assert len(demos) == 5
    assert demos.source().tolist() == ["full"] * 2 + ["correct"] * 3
    np.testing.assert_array_equal(demos.column("promised"), [0, 1, 2, 0, 1])
    order = np.array([4, 0, 3])
    np.testing.assert_array_equal(demos.images(order), np.stack([frames[i].images for i in order]))
    np.testing.assert_array_equal(demos.column("rows")[order], np.stack([frames[i].rows for i in order]))


def test_absent_and_damaged_shards_are_named(tmp_path):
    with pytest.raises(DatasetError, match="record"):
        Demos([tmp_path])
    write_shard(tmp_path / "a", [frame(np.random.default_rng(0))], MANIFEST)
    path = tmp_path / "a" / "state.npy"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DatasetError, match="damaged"):
        Demos([tmp_path])


def test_a_pickled_column_is_not_opened(tmp_path):
    write_shard(tmp_path / "a", [frame(np.random.default_rng(0))], MANIFEST)
    np.save(tmp_path / "a" / "state.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="damaged"):
        Demos([tmp_path])


def test_promised_rows_are_given_clean_and_never_counted(demos_folder):
    batches = maker(Demos([demos_folder]), promise_jitter=0.0)
    index = np.arange(40)
    batch = batches.make(index, np.random.default_rng(0))
    locked = batch.time == 1.0
    delays = locked.sum(-1)
    assert set(delays.unique().tolist()) >= {0, 1, 2, 3}
    assert (locked == (torch.arange(ROWS) < delays[..., None])).all()
    torch.testing.assert_close(batch.noisy[locked], clean(batches, index)[locked])
    assert (batch.weight[locked] == 0).all()
    assert (batch.weight[~locked] == 1).all()


def test_unlocked_rows_lie_on_the_straight_flow(demos_folder):
    batches, index = maker(Demos([demos_folder])), np.arange(40)
    batch = batches.make(index, np.random.default_rng(1))
    free = batch.time < 1.0
    reached = batch.noisy + (1.0 - batch.time[..., None]) * batch.velocity
    torch.testing.assert_close(reached[free], clean(batches, index)[free], atol=1e-4, rtol=1e-4)


def test_unknown_and_promised_rows_are_outside_the_loss(tmp_path):
    frames = [frame(np.random.default_rng(i), committed=2, known=9) for i in range(8)]
    write_shard(tmp_path / "a", frames, MANIFEST)
    batches = maker(Demos([tmp_path]))
    batch = batches.draw(0, 0)
    assert (batch.weight[:, :, :2] == 0).all()
    assert (batch.weight[:, :, 9:] == 0).all()
    assert batch.weight.sum() > 0
    predicted = torch.zeros_like(batch.velocity)

    def loss() -> torch.Tensor:
        return masked_mse(predicted[..., SLOTS], batch.velocity[..., SLOTS], batch.weight)

    before = loss()
    predicted[:, :, :2] = predicted[:, :, 9:] = 50.0
    assert loss() == before
    predicted[:, :, 7, 50] = 50.0
    assert loss() != before
    assert batch.rows_total == batch.weight.sum() * JOINTS


def test_half_of_a_batch_is_before_the_grasp_whatever_the_data(tmp_path):
    frames = [replace(frame(np.random.default_rng(i)), pregrasp=i == 0) for i in range(30)]
    write_shard(tmp_path / "a", frames, MANIFEST)
    batches = maker(Demos([tmp_path]), state_noise=0.0)
    batch = batches.draw(0, 0)
    first = batches.statistics.state(frames[0].state)
    same = np.isclose(batch.state[:, SLOTS].numpy(), first, atol=1e-5).all(axis=1)
    assert same.sum() == 8


def test_batches_depend_on_seed_and_step_only(demos_folder):
    demos = Demos([demos_folder])
    first, again = maker(demos).draw(3, 5), maker(demos).draw(3, 5)
    other = maker(demos).draw(3, 6)
    torch.testing.assert_close(first.noisy, again.noisy, atol=0, rtol=0)
    torch.testing.assert_close(first.images[0], again.images[0], atol=0, rtol=0)
    assert not torch.equal(first.noisy, other.noisy)


def test_normalisation_round_trip_and_statistics(demos_folder):
    demos = Demos([demos_folder])
    stats = statistics_of(demos, SPEC)
    rows, state = demos.column("rows"), demos.column("state")
    normal = stats.action(rows, state)
    np.testing.assert_allclose(normal.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(stats.action_rows(normal, state), rows, atol=1e-5)
    np.testing.assert_allclose(stats.state(state).std(axis=0), 1.0, atol=1e-3)
    reread = Statistics.from_descriptor(describe_demos("x", demos, DEFAULT_DIMS))
    np.testing.assert_array_equal(reread.action_std, stats.action_std)
    np.testing.assert_array_equal(reread.relative, RELATIVE)
    assert stats.action_mean.shape == (ROWS, JOINTS)


def test_kinds_are_drawn_by_their_weight(tmp_path):
    for kind in ("full", "correct"):
        frames = [frame(np.random.default_rng(i), committed=5 * (kind == "correct")) for i in range(40)]
        write_shard(tmp_path / kind, frames, {**MANIFEST, "kind": kind})
    demos = Demos([tmp_path])
    shares = [
        (maker(demos, observations=400, samples=1, kind_weights=weights).draw(0, 0).time[:, 0, 4] == 1.0)
        .float()
        .mean()
        for weights in ({}, {"correct": 9.0})
    ]
    assert shares[0] == pytest.approx(0.55, abs=0.1)  # a twelfth of the others has that delay by itself
    assert shares[1] == pytest.approx(0.9, abs=0.06)
