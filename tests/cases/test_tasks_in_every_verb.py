"""A task's name and an instruction mean the same in every verb, and a refusal leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("mujoco")
pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples
from virtual_arm import quick_robot

from motorium.cli._record_view import Silent
from motorium.cli.main import main
from motorium.data.format.dataset import Dataset
from motorium.data.record.recorder import RecordPlan, record
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError, SimulationError
from motorium.evaluation.evaluate import EvalJob, evaluate
from motorium.policies.find import find_checkpoint
from motorium.robots.robot import Robot
from motorium.runtime.instruction import instruction_for
from motorium.sim import tasks
from motorium.sim.script import ScriptLeader

NAMES = ["pick-to-tray", " Pick-To-Tray "]
RED = "put the red cube in the tray"


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    name = f"sim:{quick_robot(tmp_path_factory.mktemp('robot'))}"
    with Robot.open(name, task="pick-to-tray") as arm:
        yield arm


def test_a_name_lets_the_scene_draw_and_an_instruction_forces_it():
    assert [tasks.forced_colour(name) for name in [None, *NAMES]] == [None] * 3
    assert tasks.forced_colour("Put the BLUE cube in the tray.") == "blue"
    with pytest.raises(
        SimulationError, match=r"put the red .*; or pick-to-tray, which lets every scene draw"
    ):
        tasks.forced_colour("dance")


def test_a_scene_takes_both(robot):
    world = robot.world
    drawn = [world.reset(seed)["task"] for seed in (3, 4, 5)]
    for name in NAMES:
        assert [world.reset(seed, task=name)["task"] for seed in (3, 4, 5)] == drawn
    assert world.reset(3, task="Put the Red cube in the tray.")["task"] == RED


def test_a_policy_is_told_the_instruction_and_never_the_name(robot):
    drawn = robot.world.reset(4)["task"]
    for name in NAMES:
        assert instruction_for(robot, name) == drawn
    assert instruction_for(robot, "PUT the red cube in the tray!") == RED
    assert instruction_for(robot, "wave at the camera") == "wave at the camera"


def test_recording_takes_both_and_a_refusal_leaves_nothing(robot, tmp_path):
    leader = ScriptLeader(robot)
    assert leader.prepare(4, "pick-to-tray") == leader.prepare(4, None)
    with pytest.raises(SimulationError, match="'dance' is not a task"):
        record(robot, leader, RecordPlan(tmp_path / "new" / "d", 1, "dance"), Silent())
    assert list(tmp_path.iterdir()) == []


def test_evaluation_takes_both():
    def instructions(task: str) -> list[str]:
        job = EvalJob(find_checkpoint("so101-pick"), "so101", task, 2, 3, processes=1, limit_s=0.05)
        return [result.instruction for result in evaluate(job).results]

    assert instructions(RED) == [RED, RED]
    assert instructions("pick-to-tray") == instructions(NAMES[1])
    with pytest.raises(SimulationError, match="'dance' is not a task"):
        instructions("dance")


@pytest.mark.parametrize(
    "verb", [["run", "so101-pick", "--robot", "so101"], ["record", "so101", "--leader", "so101_leader"]]
)
def test_a_real_arm_is_told_in_words(tmp_path, verb):
    dataset = tmp_path / "d"
    more = ["--dataset", str(dataset)] if verb[0] == "record" else []
    result = CliRunner().invoke(main, [*verb, *more, "--port", "/dev/null", "--task", "pick-to-tray"])
    assert result.exit_code == 2
    assert "'pick-to-tray' is the name of a simulated task" in result.output
    assert not dataset.exists()


@pytest.mark.parametrize(
    "verb", [["run", "so101-pick", "--robot", "sim:so101"], ["record", "sim:so101", "--leader", "script"]]
)
def test_a_misspelt_name_is_met_before_the_arm_is_opened(tmp_path, monkeypatch, verb):
    monkeypatch.setattr(Robot, "open", None)
    more = ["--dataset", str(tmp_path / "d")] if verb[0] == "record" else []
    result = CliRunner().invoke(main, [*verb, *more, "--task", "pick-to-try"])
    assert result.exit_code == 2
    assert "pick-to-tray" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_stranger_s_folder_stays_as_it_was(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="nor empty"):
        DatasetWriter(tmp_path, data_samples.schema())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def fail_in(root: Path, *, begin: bool) -> None:
    def record_something() -> None:
        with DatasetWriter(root, data_samples.schema()) as writer:
            if begin:
                writer.begin("t", 0)
            raise RuntimeError("camera")

    with pytest.raises(RuntimeError, match="camera"):
        record_something()


@pytest.mark.nightly
def test_what_fails_before_the_first_episode_leaves_nothing_and_later_everything(tmp_path):
    fail_in(tmp_path / "d", begin=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "made").mkdir()
    fail_in(tmp_path / "made", begin=False)
    assert list((tmp_path / "made").iterdir()) == []
    fail_in(tmp_path / "d", begin=True)
    assert (tmp_path / "d" / "meta" / "info.json").is_file()  # an episode is in progress: for `repair`
    kept = data_samples.write(tmp_path / "kept", ["t"], seconds=0.5)
    fail_in(kept, begin=False)
    assert len(Dataset.open(kept).episodes) == 1
