"""Datasets of 0.1.0: the same rows, pictures and notes; a session that was killed then is recovered now."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from click.testing import CliRunner
from virtual_arm import quick_robot

from motorium.cli.main import main
from motorium.data.format.dataset import Dataset


@pytest.mark.parametrize("folder", ["dataset", "dataset-v2.1"])
def test_rows_pictures_and_notes_are_those_of_then(made: Path, recorded, folder: str) -> None:
    dataset = Dataset.open(made / folder)
    episodes = list(dataset.stream())
    content = recorded("dataset.content.json")
    assert len(episodes) == len(content) == 2
    for (episode, rows), then in zip(episodes, content, strict=True):
        assert (list(episode.tasks), episode.length) == (then["tasks"], then["length"])
        assert dataset.notes(episode) == then["notes"]
        assert set(rows) >= set(then["columns"])
        for name, column in then["columns"].items():
            assert (list(np.shape(rows[name])), str(rows[name].dtype)) == (
                column["shape"],
                column["dtype"],
            ), name
            assert hashlib.sha256(rows[name].tobytes()).hexdigest() == column["sha256"], name
        for key, means in then["pictures_mean"].items():
            found = [frame.mean(axis=(0, 1)) for _, frame in dataset.pictures(episode, key)]
            np.testing.assert_allclose(found, means, atol=1.0, err_msg=key)


def test_a_session_that_was_killed_then_is_recovered_now(made: Path, recorded) -> None:
    said = CliRunner().invoke(main, ["data", "repair", str(made / "dataset-killed"), "--json"])
    assert said.exit_code == 0, said.output
    now, then = json.loads(said.output), recorded("json/data_repair.json")["said"]
    assert (now["published"], now["recovered"]) == (then["published"], then["recovered"])
    assert len(now["aside"]) == len(then["aside"]) == 1
    dataset = Dataset.open(made / "dataset-killed")
    assert [episode.length for episode in dataset.episodes][:2] == [12, 12]
    which = [np.unique(rows["which"]).tolist() for _, rows in dataset.stream()]
    assert which == [[0], [1], [3], [2]], "every row names its episode; the finished one was first"


def test_recording_goes_on_where_it_ended(made: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    robot = quick_robot(tmp_path_factory.mktemp("robot"))
    line = f"record sim:{robot} --leader script --dataset {made / 'dataset'} --episodes 1 --limit 1 --fps 10 --json"
    more = ["--subtasks", "reach,grasp", "--task", "put the red cube in the tray"]
    said = CliRunner().invoke(main, [*line.split(), *more])
    assert said.exit_code == 0, said.output
    assert len(Dataset.open(made / "dataset").episodes) == 3
