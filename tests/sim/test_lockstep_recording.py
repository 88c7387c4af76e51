"""Recordings in virtual time are those of a live arm but for the clock, and are completed after a kill."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from motorium.data.check.judge import check
from motorium.data.format.dataset import Dataset
from motorium.data.format.layout import leftovers
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import SimulationError
from motorium.sim import lockstep_recording
from motorium.sim.lockstep_recording import LockStepPlan, record_lockstep
from motorium.sim.scene import TRAINING_SEEDS_FROM

TRUTH = ("cube", "tray", "pose", "truth", "scene")
"""Words that a column of the simulator's knowledge would have."""


@pytest.fixture(autouse=True, scope="module")
def at_once():
    """Play the scenes in this process: one world is open for all tests here."""

    def takes(plan, schema, seeds):
        return (lockstep_recording._play(plan, schema, seed) for seed in seeds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep_recording, "_takes", takes)
        yield


def rows_of(root):
    """Rows by the seed of their scene."""
    dataset = Dataset.open(root)
    return {dataset.notes(episode)["seed"]: rows for episode, rows in dataset.stream()}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two episodes of a person; only read."""
    root = tmp_path_factory.mktemp("recorded") / "d"
    record_lockstep(LockStepPlan(root, "so101", 2))
    return root


def test_rows_are_setpoints_at_their_times(recorded):
    dataset = Dataset.open(recorded)
    for episode, rows in dataset.stream():
        k = np.arange(episode.length)
        np.testing.assert_allclose(rows["row_s"][:, 0], k / 20, atol=1e-9)
        np.testing.assert_allclose(rows["capture_s"], np.tile(k[:, None] / 20, (1, 3)), atol=1e-9)
        np.testing.assert_array_equal(rows["action"][:-1], rows["commanded_rad"][1:])
        assert np.abs(rows["observation.state"] - rows["commanded_rad"])[:, :5].mean() < 0.05
        assert np.ptp(rows["observation.state"], axis=0).max() > 0.3
        assert (rows["joint_age_s"] == 0).all()


def test_outcome_scene_and_operator_are_noted_and_no_truth_is(recorded):
    dataset = Dataset.open(recorded)
    notes = [dataset.notes(episode) for episode in dataset.episodes]
    assert [n["seed"] for n in notes] == [TRAINING_SEEDS_FROM, TRAINING_SEEDS_FROM + 1]
    assert {(n["leader"], n["operator"], n["clock"], n["success_by"]) for n in notes} == {
        ("script", "person", "virtual", "scene")
    }
    names = [*(f.key for f in dataset.schema.features), *notes[0]]
    assert not [name for name in names if any(word in name for word in TRUTH)]
    wrong = {f.kind for f in check(recorded).findings} - {"exposure"}  # every scene has a light of its own
    assert wrong == set()


def test_a_failure_is_noted_as_one(tmp_path):
    totals, _ = record_lockstep(LockStepPlan(tmp_path / "d", "so101", 1, limit_s=1.0))
    assert (totals.successes, len(totals.recorded)) == (0, 1)
    dataset = Dataset.open(tmp_path / "d")
    (episode,) = dataset.episodes
    assert episode.length == 20
    assert (dataset.notes(episode)["success"], dataset.notes(episode)["success_by"]) == (False, "scene")


def test_what_a_kill_cut_off_is_made_again_and_the_rest_not(recorded, tmp_path, monkeypatch):
    """The same command completes the dataset; it is the one of a recording that was never cut off."""
    add, count = DatasetWriter.add, [0]

    def cut_off(self, row, images):
        count[0] += 1
        if self.rows == 40 and count[0] > 50:
            raise KeyboardInterrupt
        add(self, row, images)

    plan = LockStepPlan(tmp_path / "cut", "so101", 2)
    with monkeypatch.context() as patch:
        patch.setattr(DatasetWriter, "add", cut_off)
        with pytest.raises(KeyboardInterrupt):
            record_lockstep(plan)
    assert len(leftovers(plan.root)[1]) == 1
    totals, writer = record_lockstep(plan)
    assert (totals.there, len(totals.recorded)) == (1, 1)
    assert "its recorder makes it again" in writer.repaired.fixed[0]
    assert repair(plan.root).nothing
    whole, completed = rows_of(recorded), rows_of(plan.root)
    assert list(completed) == list(whole)
    for seed, rows in whole.items():
        for key in ("observation.state", "action", "row_s", "effort"):
            np.testing.assert_array_equal(completed[seed][key], rows[key])
    again, _ = record_lockstep(plan)
    assert (again.there, again.recorded) == (2, ())
    more, _ = record_lockstep(LockStepPlan(plan.root, "so101", 1, operator="exact"))
    assert len(more.recorded) == 1, "another operator is another demonstration"


def test_a_variation_is_another_demonstration_and_is_noted(tmp_path):
    root = tmp_path / "d"
    record_lockstep(LockStepPlan(root, "so101", 1, limit_s=0.5))
    for scene in ("camera-moved", "new-colour"):
        varied = LockStepPlan(root, "so101", 1, limit_s=0.5, scene=scene)
        assert len(record_lockstep(varied)[0].recorded) == 1
        assert record_lockstep(varied)[0].there == 1
    dataset = Dataset.open(root)
    notes = [dataset.notes(episode) for episode in dataset.episodes]
    assert [n.get("variation") for n in notes] == [None, "camera-moved", "new-colour"]
    assert "variation" not in notes[0], "as it was before there were any"
    assert dataset.episodes[2].tasks == ("put the purple cube in the tray",)
    usual, moved, _ = (next(dataset.pictures(e, "observation.images.front"))[1] for e in dataset.episodes)
    assert np.abs(usual.astype(int) - moved.astype(int)).mean() > 3


def test_an_interrupted_live_episode_is_still_recovered(recorded, tmp_path):
    """Only what can be made again is thrown away."""
    root = shutil.copytree(recorded, tmp_path / "d")
    with DatasetWriter(root, Dataset.open(root).schema, patience_s=9) as writer:
        writer.begin("by hand", 0)
        for _ in range(25):
            row = {f.key: np.zeros(f.shape) for f in writer.schema.columns}
            writer.add(row, {f.key: np.zeros(f.shape, np.uint8) for f in writer.schema.videos})
    assert repair(root).recovered == [(2, 1.0)]


def test_an_evaluation_scene_is_no_training_scene():
    with pytest.raises(SimulationError, match=f"begin at {TRAINING_SEEDS_FROM}"):
        LockStepPlan("d", "so101", 1, seed=TRAINING_SEEDS_FROM - 1)
