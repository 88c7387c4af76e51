"""Training on recorded datasets: it learns, judges by what is held out, and goes on exactly where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import write

from motorium.cameras.png import read_png
from motorium.errors import DataError, MotoriumError, StorageError
from motorium.learn import progress, trainer
from motorium.learn.data import Recordings, SourceSpec, TableSpec
from motorium.learn.data.recordings import CacheSpec
from motorium.learn.examples import ExampleParams
from motorium.learn.job import Job
from motorium.learn.learner import LearnParams
from motorium.learn.resume import STATE, ResumeError
from motorium.learn.run_folder import LOCK, WRITTEN, run_folder
from motorium.learn.trainer import train
from motorium.policies.nano import NanoPolicy
from motorium.policies.nano.checkpoint import load_checkpoint
from motorium.types import SLOTS, Observation

STEPS = 8


@pytest.fixture(scope="module")
def waving(tmp_path_factory) -> Path:
    """Four episodes of a second, without a place in any cache."""
    return write(tmp_path_factory.mktemp("data") / "waving", ("put the cube in the tray",) * 4, seconds=1.0)


@pytest.fixture
def job(waving, tmp_path, small_dims) -> Job:
    return Job(
        (SourceSpec(waving),), tmp_path / "run", table=TableSpec(rows=6, size=(32, 32)),
        learn=LearnParams(steps=STEPS, learning_rate=5e-3), examples=ExampleParams(observations=8),
        processes=1, judgements=2, cache=CacheSpec(tmp_path / "frames", workers=0), dims=small_dims,
        pictures=None,
    )  # fmt: skip


def silent(_line: str) -> None:
    pass


def tensors(folder: Path) -> dict[str, np.ndarray]:
    return dict(load_checkpoint(folder / "checkpoint").tensors)


def assert_equal(first: Path, second: Path) -> None:
    one, other = tensors(first), tensors(second)
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_a_run_leaves_the_best_checkpoint_and_its_curves(job):
    lines: list[str] = []
    outcome = train(job, lines.append)
    found = load_checkpoint(outcome.checkpoint).descriptor
    assert found.embodiments == ("so101",)
    assert found.prompt.vocabulary == ("<pad>", "<unk>", "cube", "in", "put", "the", "tray")
    assert [camera.role for camera in found.cameras] == ["front", "wrist"]
    assert outcome.steps == STEPS
    rows = (job.out / "validation.csv").read_text().splitlines()
    assert rows[0] == "step,l1_rad,flow,success"
    errors = {int(step): float(l1) for step, l1, *_ in (row.split(",") for row in rows[1:])}
    assert list(errors) == [4, 8]
    assert outcome.best_step == min(errors, key=errors.get)
    assert outcome.l1_rad == pytest.approx(min(errors.values()))
    assert len((job.out / "loss.csv").read_text().splitlines()) == 1 + STEPS
    assert read_png(job.out / "loss.png").std() > 0
    assert any("to go" in line for line in lines)


@pytest.mark.parametrize(("noise", "steps"), [("none", 1), ("normal", 4)])
def test_a_new_network_makes_its_chunks_as_it_was_taught_to(job, noise, steps):
    found = load_checkpoint(train(replace(job, noise=noise), silent).checkpoint).descriptor
    assert (found.flow.noise, found.flow.steps) == (noise, steps)
    further = replace(job, init=job.out / "checkpoint", out=job.out.parent / "further", noise="normal")
    assert load_checkpoint(train(further, silent).checkpoint).descriptor.flow == found.flow


def test_a_checkpoint_tells_pictures_that_are_unlike_those_it_learned_from(job):
    policy = NanoPolicy(load_checkpoint(train(job, silent).checkpoint), seed=0)
    with Recordings.open(job.data, job.table, job.cache) as recordings:
        frames = recordings.training
        pictures, state = recordings.pictures(frames), np.zeros(SLOTS, np.float32)

    def distances(views: np.ndarray) -> dict[str, float]:
        images = dict(zip(("front", "wrist"), views, strict=True))
        policy.infer(Observation(0, state, images, "put the cube in the tray"))
        return policy.picture_distances()

    known = [distances(views) for views in pictures]
    for role in ("front", "wrist"):
        assert np.mean([found[role] <= 1.0 + 1e-3 for found in known]) >= 0.97
    strange = distances(255 - pictures[0])
    assert min(strange.values()) > 1.5


def test_the_best_weights_are_kept_not_the_last(job, monkeypatch):
    errors = iter([0.1, 0.2])
    real = trainer.Validation.judge
    monkeypatch.setattr(
        trainer.Validation, "judge", lambda self, learner: replace(real(self, learner), l1_rad=next(errors))
    )
    outcome = train(job, silent)
    assert (outcome.best_step, outcome.l1_rad) == (4, 0.1)
    half = replace(job, out=job.out.with_name("half"))
    errors = iter([0.1])
    train(half, silent, until=4)
    assert_equal(job.out, half.out)


def test_training_ends_where_held_out_recordings_have_long_been_worse(job, monkeypatch):
    errors = iter([0.1, *[0.2] * 7])
    real = trainer.Validation.judge
    monkeypatch.setattr(
        trainer.Validation, "judge", lambda self, learner: replace(real(self, learner), l1_rad=next(errors))
    )
    outcome = train(replace(job, judgements=8, patience=3), silent)
    assert (outcome.best_step, outcome.steps) == (1, 4)


def test_it_learns(job):
    learn = replace(job.learn, steps=60)
    train(replace(job, learn=learn, judgements=1), silent)
    flow = np.loadtxt(job.out / "loss.csv", delimiter=",", skiprows=1)[:, 2]
    assert flow[-15:].mean() < 0.85 * flow[:5].mean()


@pytest.mark.parametrize("at", [3, 4])
def test_a_run_that_was_cut_off_goes_on_identically(job, at):
    whole = train(job, silent)
    parts = replace(job, out=job.out.with_name("parts"), judgements=2)
    if at < 4:
        with pytest.raises(MotoriumError, match="before held-out recordings were judged"):
            train(parts, silent, until=at)
    else:
        train(parts, silent, until=at)
    again = train(parts, silent, resume=True)
    assert again.l1_rad == whole.l1_rad
    assert_equal(job.out, parts.out)
    assert (job.out / "validation.csv").read_bytes() == (parts.out / "validation.csv").read_bytes()
    assert (job.out / "loss.csv").read_bytes() == (parts.out / "loss.csv").read_bytes()


def test_a_run_is_not_overwritten(job):
    train(job, silent, until=4)
    with pytest.raises(ResumeError, match="--resume"):
        train(job, silent)


def test_two_trainings_into_one_folder_are_refused(job):
    with run_folder(job.out), pytest.raises(StorageError, match="another process is training into"):
        train(job, silent)
    train(job, silent)
    assert {path.name for path in job.out.iterdir()} - {LOCK} <= set(WRITTEN)


def test_changed_data_and_settings_are_refused_by_name(job, tmp_path):
    train(job, silent, until=4)
    with pytest.raises(ResumeError, match="began with learning_rate"):
        train(replace(job, learn=replace(job.learn, learning_rate=0.1)), silent, resume=True)
    other = write(tmp_path / "other", ("put the cube in the tray",) * 4, seconds=1.1)
    with pytest.raises(ResumeError, match="data is not what the run"):
        train(replace(job, data=(SourceSpec(other),)), silent, resume=True)


def test_minutes_become_steps_once_and_are_kept(job):
    timed = replace(job, minutes=0.01, judgements=1)
    lines: list[str] = []
    outcome = train(timed, lines.append)
    plan = json.loads((job.out / "run.json").read_text())
    assert plan["steps"] == outcome.steps >= 1
    assert plan["seconds_per_step"] > 0
    fixed = replace(
        job, judgements=1, out=job.out.with_name("fixed"), learn=replace(job.learn, steps=plan["steps"])
    )
    train(fixed, silent)
    assert_equal(job.out, fixed.out)


def test_more_minutes_than_the_recordings_are_worth_are_not_used(job, monkeypatch):
    monkeypatch.setattr(trainer, "MOST_PASSES", 1)
    lines: list[str] = []
    outcome = train(replace(job, minutes=1.0, judgements=1), lines.append)
    with Recordings.open(job.data, job.table, job.cache) as recordings:
        frames = len(recordings.training)
    assert outcome.steps == round(frames / job.examples.observations)
    assert any(f"{outcome.steps} steps are enough, 1 passes" in line for line in lines)
    further = replace(job, init=job.out / "checkpoint", out=job.out.parent / "further", judgements=1)
    assert train(replace(further, minutes=0.03), silent).steps > outcome.steps


def test_a_full_disk_leaves_the_state_before(job, monkeypatch):
    train(job, silent, until=4)
    before = (job.out / STATE).read_bytes()

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises((OSError, MotoriumError)):
        train(job, silent, resume=True)
    monkeypatch.undo()
    assert (job.out / STATE).read_bytes() == before
    whole = replace(job, out=job.out.with_name("whole"))
    train(job, silent, resume=True)
    train(whole, silent)
    assert_equal(job.out, whole.out)


def test_parts_of_a_batch_give_what_the_whole_gives(job):
    plain = replace(job, learn=replace(job.learn, bf16=False, balance_weight=0.0))
    whole, parted = train(plain, silent), replace(plain, out=job.out.with_name("parts"), accumulate=4)
    assert train(parted, silent).l1_rad == pytest.approx(whole.l1_rad, rel=1e-4)


def test_a_checkpoint_is_trained_further_with_its_own_statistics(job):
    first = train(job, silent)
    again = replace(job, out=job.out.with_name("again"), init=first.checkpoint, table=TableSpec())
    second = load_checkpoint(train(again, silent).checkpoint).descriptor
    assert second.state == load_checkpoint(first.checkpoint).descriptor.state
    assert second.name == "again"


def test_episodes_in_closed_loop_are_told_and_choose_nothing(job, monkeypatch):
    played = iter([[True, False], [False, False]])
    monkeypatch.setattr(trainer, "has_evaluator", lambda robot: robot == "sim:so101")
    monkeypatch.setattr(trainer, "play_closed_loop", lambda _policy, _check: next(played))
    train(replace(job, episodes=2), silent)
    train(replace(job, out=job.out.with_name("unplayed")), silent)
    rows = np.loadtxt(job.out / "validation.csv", delimiter=",", skiprows=1)
    assert rows[:, 3].tolist() == [0.5, 0.0]
    assert_equal(job.out, job.out.with_name("unplayed"))
    monkeypatch.setattr(trainer, "has_evaluator", lambda _robot: False)
    with pytest.raises(MotoriumError, match="plays sim:so101"):
        train(replace(job, out=job.out.with_name("none"), episodes=2), silent)


@pytest.mark.nightly
def test_two_processes_equal_one(job):
    plain = replace(job, learn=replace(job.learn, bf16=False, balance_weight=0.0))
    one, two = train(plain, silent), train(replace(plain, processes=2, out=job.out.with_name("two")), silent)
    assert two.l1_rad == pytest.approx(one.l1_rad, rel=1e-4)


def test_one_episode_only_is_refused(job, tmp_path):
    alone = write(tmp_path / "alone", ("put the cube in the tray",), seconds=1.0)
    with pytest.raises(DataError, match="one episode only"):
        train(replace(job, data=(SourceSpec(alone),)), silent)


def test_a_batch_that_cannot_be_shared_is_refused(job):
    with pytest.raises(MotoriumError, match="shared equally"):
        train(replace(job, accumulate=3), silent)


def test_worse_is_a_tenth_above_the_best():
    told = progress.Progress(Path(), 10, silent)
    for step, error in enumerate([0.2, 0.1, 0.109, 0.2]):
        told.judged(progress.Judgement(step, error, 1.0))
    assert told.best is not None
    assert told.best.step == 1
    assert told.hopeless(1)
    assert not told.hopeless(2)
