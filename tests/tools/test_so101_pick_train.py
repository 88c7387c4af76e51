"""Training on shards: it learns, it resumes exactly, its recipe is readable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motorium.errors import MotoriumError, StorageError
from motorium.learn.run_folder import run_folder
from motorium.policies.nano.checkpoint import load_checkpoint
from so101_pick.batches import BatchParams
from so101_pick.recipe import Recipe, RecipeError, run_recipe
from so101_pick.train import Trainer, TrainJob, TrainParams, train

PARAMS = TrainParams(
    steps=20,
    learning_rate=5e-3,
    warm_up=3,
    ema=0.5,
    save_every=1000,
    processes=1,
    batch=BatchParams(observations=16),
)


def job(demos_folder, out, dims, **changes) -> TrainJob:
    return TrainJob((demos_folder,), out, dims=dims, params=replace(PARAMS, **changes))


def test_twenty_steps_lower_the_loss_and_leave_a_checkpoint(demos_folder, tmp_path, small_dims):
    trainer = Trainer(job(demos_folder, tmp_path / "run", small_dims))
    history = []
    while not trainer.finished:
        history.append(trainer.step())
    first = np.mean([m["flow"] + m["scene"] for m in history[:4]])
    last = np.mean([m["flow"] + m["scene"] for m in history[-4:]])
    assert last < 0.8 * first
    trainer.save()
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoint")
    assert checkpoint.descriptor.embodiments == ("so101",)
    np.testing.assert_array_equal(
        checkpoint.tensors["out.fc2.weight"], trainer.average["out.fc2.weight"].numpy()
    )


def test_resumed_training_equals_uninterrupted(demos_folder, tmp_path, small_dims):
    whole = train(job(demos_folder, tmp_path / "a", small_dims, steps=8), lambda _: None)
    parts = job(demos_folder, tmp_path / "b", small_dims, steps=8)
    train(parts, lambda _: None, until=3)
    halved = train(parts, lambda _: None, resume=True)
    first, second = load_checkpoint(whole), load_checkpoint(halved)
    for name, tensor in first.tensors.items():
        np.testing.assert_allclose(second.tensors[name], tensor, atol=1e-6, err_msg=name)


def test_a_folder_in_use_is_refused(demos_folder, tmp_path, small_dims):
    with run_folder(tmp_path):
        for call in (
            lambda: train(job(demos_folder, tmp_path, small_dims)),
            lambda: run_recipe(Recipe.load("so101-pick"), tmp_path),
        ):
            with pytest.raises(StorageError, match="another process is training into"):
                call()


def test_same_seed_same_network_other_seed_another(demos_folder, tmp_path, small_dims):
    runs = [
        load_checkpoint(
            train(job(demos_folder, tmp_path / str(i), small_dims, steps=2, seed=seed), lambda _: None)
        )
        for i, seed in enumerate((4, 4, 5))
    ]
    name = "layers.1.expert.experts.up.weight"
    np.testing.assert_allclose(runs[0].tensors[name], runs[1].tensors[name], atol=1e-7)
    assert np.abs(runs[0].tensors[name] - runs[2].tensors[name]).max() > 1e-3


def test_init_keeps_the_statistics_it_was_trained_with(demos_folder, tmp_path, small_dims):
    first = train(job(demos_folder, tmp_path / "a", small_dims, steps=1), lambda _: None)
    again = replace(job(demos_folder, tmp_path / "b", small_dims, steps=1), init=first, name="second")
    trainer = Trainer(again)
    assert trainer.descriptor.name == "second"
    assert trainer.descriptor.state == load_checkpoint(first).descriptor.state


def test_shipped_recipe_reads_and_unknown_keys_are_refused(tmp_path):
    recipe = Recipe.load("so101-pick")
    assert "correct" not in recipe.stages[0].record  # there is nothing to correct yet
    assert recipe.stages[1].train.learning_rate < recipe.stages[0].train.learning_rate
    assert recipe.stages[1].train.batch.observations == 64
    with pytest.raises(RecipeError, match="so101-pick"):
        Recipe.load("nonsense")
    path = tmp_path / "r.toml"
    path.write_text(
        'name="x"\nrobot="so101"\n[train]\nstepz=3\n[[stages]]\nrecord={full=1}\n', encoding="utf-8"
    )
    with pytest.raises(RecipeError, match=r"stepz.*steps"):
        Recipe.load(path)


def test_an_exploding_gradient_stops_with_advice(demos_folder, tmp_path, small_dims):
    trainer = Trainer(job(demos_folder, tmp_path / "run", small_dims))
    trainer.learner.model.readout.data.fill_(float("nan"))
    with pytest.raises(MotoriumError, match="learning rate"):
        trainer.step()


@pytest.mark.nightly
def test_two_processes_train_and_save_once(demos_folder, tmp_path, small_dims):
    folder = train(job(demos_folder, tmp_path / "run", small_dims, steps=2, processes=2), lambda _: None)
    assert load_checkpoint(folder).descriptor.name == "so101-pick"


def test_the_cube_is_where_the_picture_shows_it():
    pytest.importorskip("mujoco", reason="the [sim] extra is not installed")
    import torch
    from nano_samples import descriptor

    from motorium.learn.export import DEFAULT_DIMS
    from motorium.policies.nano.config import SceneReadout
    from motorium.sim.expert import Expert
    from motorium.sim.world import World
    from motorium.specs.robot import RobotSpec
    from so101_pick.features import scene_features, scene_names
    from so101_pick.grounding import Grounding

    names = tuple(scene_names())
    readout = SceneReadout(names, (0.0,) * len(names), (1.0,) * len(names))
    spec = RobotSpec.load("so101")
    grounding = Grounding(descriptor(DEFAULT_DIMS, scene=readout), spec)
    world = World(spec)
    world.reset(3, task="put the red cube in the tray")
    scene = torch.from_numpy(scene_features(world, Expert(spec)))[None]
    seen = 0
    for role in ("front", "wrist"):
        x, y = (96 * grounding.project(role, scene)[0]).round().int().tolist()
        if 3 <= x < 93 and 3 <= y < 93:
            patch = world.render(role)[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).astype(int)
            red = (patch[:, 0] > 1.6 * patch[:, 1]) & (patch[:, 0] > 1.6 * patch[:, 2])
            assert red.mean() > 0.3
            seen += 1
    world.close()
    assert seen >= 1


def test_the_lesson_of_where_the_cube_is_is_learned_and_thrown_away(demos_folder, tmp_path, small_dims):
    trainer = Trainer(job(demos_folder, tmp_path / "run", small_dims))
    heads = [q.detach().clone() for q in trainer.learner.grounding.parameters()]
    measured = trainer.step()
    assert measured["ground"] > 0
    after = list(trainer.learner.grounding.parameters())
    assert any((now != before).any() for now, before in zip(after, heads, strict=True))
    trainer.save()
    assert not [
        name
        for name in load_checkpoint(tmp_path / "run/checkpoint").tensors
        if "grounding" in name or "heads" in name
    ]


def test_a_short_schedule_warms_up_as_long_as_it_says_and_minutes_end_it(demos_folder, tmp_path, small_dims):
    trainer = Trainer(job(demos_folder, tmp_path / "run", small_dims, minutes=1.0))
    assert trainer.step()["rate"] == pytest.approx(PARAMS.learning_rate / 3)
    trainer.learner.seconds = 61.0
    assert trainer.finished
