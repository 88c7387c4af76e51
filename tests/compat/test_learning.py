"""Demonstrations, a training run that was left half-way, and a recipe of 0.1.0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from nano_samples import SMALL

from motorium.policies.nano.checkpoint import load_checkpoint
from so101_pick.batches import BatchParams
from so101_pick.recipe import Recipe
from so101_pick.train import TrainJob, TrainParams, train

PARAMS = TrainParams(
    steps=8,
    learning_rate=5e-3,
    warm_up=3,
    ema=0.5,
    save_every=1000,
    processes=1,
    batch=BatchParams(observations=4),
)


def test_a_run_goes_on_where_it_was_left(made: Path) -> None:
    import torch

    torch.set_num_threads(1)
    job = TrainJob((made / "learn/demos",), made / "learn/run", name="small", dims=SMALL, params=PARAMS)
    resumed = train(job, lambda _: None, resume=True)
    whole = train(replace(job, out=made / "again"), lambda _: None)
    expected = load_checkpoint(whole).tensors
    for name, tensor in load_checkpoint(resumed).tensors.items():
        np.testing.assert_allclose(tensor, expected[name], atol=1e-4, err_msg=name)


def test_a_recipe_says_what_it_said(made: Path, recorded) -> None:
    then = recorded("learn/recipe.json")
    recipe = Recipe.load(made / "learn/recipe.toml")
    assert (recipe.name, recipe.robot, recipe.first_seed) == (then["name"], then["robot"], then["first_seed"])
    second = recipe.stages[1]
    assert second.record == then["second"]["record"]
    assert (second.train.steps, second.train.ema) == (then["second"]["steps"], then["second"]["ema"])
    assert second.train.batch.observations == then["second"]["observations"]
    assert second.train.batch.kind_weights == then["second"]["kind_weights"]
