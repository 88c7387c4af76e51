"""`motorium record` drives the simulated arm and leaves a dataset; nothing ever asks a question."""

from __future__ import annotations

import json
import os
import threading

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import numpy as np

from motorium.data.check.judge import check
from motorium.data.format.dataset import Dataset
from motorium.operator.pedal import EV_KEY, INPUT_EVENT, KEY_B

TASK = "put the red cube in the tray"


@pytest.fixture
def pedal(tmp_path):
    """A foot switch whose second key is pressed twice a second, as Linux tells it."""
    path, over = tmp_path / "pedal", threading.Event()
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # both ends: nobody waits for the other

    def press() -> None:
        while not over.wait(0.5):
            os.write(fd, INPUT_EVENT.pack(0, 0, EV_KEY, KEY_B, 1) + INPUT_EVENT.pack(0, 0, EV_KEY, KEY_B, 0))

    thread = threading.Thread(target=press)
    thread.start()
    yield str(path)
    over.set()
    thread.join()
    os.close(fd)


def scripted(shell, pedal: str) -> dict:
    """Record one episode of the script into the dataset d."""
    done = shell(
        "record", "sim:so101", "--leader", "script", "--dataset", "d", "--episodes", "1", "--task", TASK,
        "--limit", "2.5", "--pedal", pedal, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_record_is_scriptable_to_the_end(shell, tmp_path, pedal):
    result = scripted(shell, pedal)
    (episode,) = result["episodes"]
    assert episode["task"] == TASK
    assert episode["frames"] > 30
    assert (type(episode["success"]), episode["success_by"]) == (bool, "scene"), "a scene judges"
    dataset = Dataset.open(tmp_path / "d")
    ((line, rows),) = dataset.stream()
    assert (line.tasks, line.length) == ((TASK,), episode["frames"])
    # The arm moved, went where it was told to, and the times are those of a steady clock.
    assert np.ptp(rows["observation.state"], axis=0).max() > 0.3
    assert np.abs(rows["observation.state"] - rows["commanded_rad"]).mean() < 0.05
    steps = np.diff(rows["row_s"][:, 0])
    assert abs(np.median(steps) - 1 / dataset.schema.fps) < 0.005
    age = rows["row_s"] - rows["capture_s"]
    assert (np.median(age, axis=0) < 0.5).all(), "what the robot's file allows a camera"
    marks = [event["t_s"] for event in dataset.notes(line)["events"]]
    assert len(marks) >= 2
    passed = rows["capture_s"][:, -1:] >= np.array(marks)  # by the time of the observation
    np.testing.assert_array_equal(rows["subtask_index"][:, 0], passed.sum(axis=1))
    assert (tmp_path / "d/telemetry/chunk-000/file-000.parquet").stat().st_size > 10_000
    found = {f.kind for f in check(tmp_path / "d", pictures=False).findings}
    assert not found & {
        "joint_jump",
        "limit_contact",
        "gripper_range",
        "tracking",
    }  # of the script's own motion
    told = json.loads(shell("data", "info", "d", "--json").stdout)
    assert (told["episodes"], told["frames"], told["tasks"]) == (1, dataset.frames, [TASK])


@pytest.mark.nightly
def test_a_dataset_is_continued_by_a_leader_arm_and_not_at_another_rate(shell, tmp_path, pedal):
    """Beside `tests/cases/test_outcomes.py`, where a leader arm records on virtual servos."""
    scripted(shell, pedal)
    dataset = Dataset.open(tmp_path / "d")
    hand = shell(
        "record", "sim:so101", "--leader", "sim:so101_leader", "--dataset", "d", "--episodes", "1", "--limit", "1.5",
        "--seed", "7", "--pedal", pedal, "--json",
    )  # fmt: skip
    assert hand.returncode == 0, hand.stderr
    _, (led, moved) = Dataset.open(tmp_path / "d").stream()
    assert dataset.notes(led)["leader"] == "so101_leader"
    assert dataset.notes(led)["success"] is False
    assert dataset.notes(led)["success_by"] == "scene"
    assert np.ptp(moved["observation.state"], axis=0).max() > 0.2
    told = json.loads(shell("data", "info", "d", "--json").stdout)
    assert (told["episodes"], told["frames"], told["tasks"]) == (
        2,
        dataset.frames + led.length,
        [TASK, *led.tasks],
    )
    again = shell("record", "sim:so101", "--leader", "script", "--dataset", "d", "--fps", "10", "--json")
    assert again.returncode == 2
    assert "fps is 20 here, 10 there" in json.loads(again.stdout)["error"]["message"]


@pytest.mark.nightly
def test_what_is_recorded_is_young_and_on_time_where_nothing_else_runs(shell, tmp_path):
    done = shell(
        "record",
        "sim:so101",
        "--leader",
        "script",
        "--dataset",
        "d",
        "--episodes",
        "1",
        "--limit",
        "4",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    ((_, rows),) = Dataset.open(tmp_path / "d").stream()
    assert (np.median(rows["row_s"] - rows["capture_s"], axis=0) < 0.12).all()
    # The next row's setpoint is this row's action.
    late = np.abs(rows["action"][:-1] - rows["commanded_rad"][1:]).mean()
    assert late < np.abs(rows["commanded_rad"][:-1] - rows["commanded_rad"][1:]).mean()
