"""A number that is none is named with its episode and row; what is masked reaches neither statistics nor network."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import MANIFEST, ROWS, frame

from motorium.specs.robot import RobotSpec
from so101_pick.batches import BatchMaker, BatchParams
from so101_pick.describe import statistics_of
from so101_pick.shards import DatasetError, Demos, write_shard
from so101_pick.train import TrainJob, TrainParams, train

SPEC = RobotSpec.load("so101")


@pytest.fixture
def shards(tmp_path):
    """Two shards of three episodes with four frames each; rows from the ninth on are masked."""
    for name in ("full-0000000", "full-0000003"):
        rng = np.random.default_rng(len(name))
        frames = [replace(frame(rng, known=9), seed=1_000_000_000 + k // 4) for k in range(12)]
        write_shard(tmp_path / name, frames, MANIFEST)
    return tmp_path


def spoil(folder: Path, what: str, change) -> None:
    path = folder / f"{what}.npy"
    values = np.load(path)
    change(values, np.load(folder / "valid.npy"))
    np.save(path, values)


def put(place: tuple, value: float):
    def change(values, _valid):
        values[place] = value

    return change


def everywhere_masked(value: float):
    def change(values, valid):
        values[~valid] = value

    return change


@pytest.mark.parametrize(
    ("what", "place", "words"),
    [
        ("state", (5, 0), r"full-0000003, frame 5: episode 1 \(scene 1000000001\), row 1: state\[0\] is nan"),
        ("rows", (10, 3, 2), r"frame 10: episode 2 \(scene 1000000002\), row 2: rows\[3, 2\] is nan"),
        ("scene", (0, 4), r"frame 0: episode 0 \(scene 1000000000\), row 0: scene\[4\] is nan"),
    ],
)
def test_a_number_that_is_none_is_named_before_training(shards, what, place, words):
    spoil(shards / "full-0000003", what, put(place, np.nan))
    with pytest.raises(DatasetError, match=words):
        Demos([shards])
    with pytest.raises(DatasetError, match=words):
        train(TrainJob((shards,), shards / "run", params=TrainParams(steps=1, processes=1)))


def test_an_infinite_one_too_and_how_many_there_are(shards):
    spoil(shards / "full-0000000", "rows", put((slice(2, 5), 1, 0), -np.inf))
    with pytest.raises(DatasetError, match=r"rows\[1, 0\] is -inf.*\(and 2 more frames\)"):
        Demos([shards])


@pytest.mark.parametrize("value", [1e6, -1e30, np.nan, np.inf])
def test_what_is_masked_may_be_anything(shards, tmp_path, value):
    clean = Demos([shards])
    other = Path(shutil.copytree(shards, tmp_path / "other"))
    for folder in other.glob("full-*"):
        spoil(folder, "rows", everywhere_masked(value))
    spoiled = Demos([other])
    for name in ("action_mean", "action_std", "action_min", "action_max"):
        np.testing.assert_array_equal(
            getattr(statistics_of(spoiled, SPEC), name), getattr(statistics_of(clean, SPEC), name)
        )
    maker = BatchMaker(
        spoiled,
        statistics_of(spoiled, SPEC),
        [50, 51, 52, 53, 54, 18],
        BatchParams(observations=8, samples=2),
    )
    batch = maker.draw(0, 0)
    assert torch.isfinite(batch.noisy).all()
    assert batch.noisy.abs().max() < 100
    assert batch.weight[:, :, 9:].sum() == 0
    assert ROWS > 9


def test_plausible_rows_stay_what_they_were(shards):
    demos = Demos([shards])
    maker = BatchMaker(demos, statistics_of(demos, SPEC), [50, 51, 52, 53, 54, 18], BatchParams())
    assert maker._rows is demos.column("rows")
