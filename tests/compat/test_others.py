"""Hands, marks and a trajectory of 0.1.0."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.specs.robot import RobotSpec
from motorium.teleop.sources import Replay
from motorium.timeline.events import EventLog


def test_hands_become_the_same_slots(at_home: Path) -> None:
    said = CliRunner().invoke(main, ["hands", "hands.npz", "--mirror", "--out", "again.npz", "--json"])
    assert said.exit_code == 0, said.output
    with np.load(at_home / "hands-slots.npz") as then, np.load(at_home / "again.npz") as now:
        assert set(now.files) >= set(then.files)
        for name in then.files:
            if then[name].dtype.kind == "f":
                np.testing.assert_allclose(now[name], then[name], atol=1e-6, err_msg=name)
            else:
                np.testing.assert_array_equal(now[name], then[name], err_msg=name)


def test_marks_are_read_and_written_as_they_were(at_home: Path) -> None:
    log = EventLog.load(at_home / "events.jsonl")
    log.save(at_home / "again.jsonl")
    lines = [json.loads(line) for line in (at_home / "events.jsonl").read_text().splitlines()]
    assert [json.loads(line) for line in (at_home / "again.jsonl").read_text().splitlines()] == lines
    assert log.subtasks([11, 13])[0].tolist() == [0, 1]
    assert log.contact([4, 6, 10]).tolist() == [False, True, False]


def test_a_trajectory_is_played_as_it_was(at_home: Path) -> None:
    spec = RobotSpec.load("so101")
    replay = Replay.load(at_home / "trajectory.npz", spec)
    assert replay.seconds == pytest.approx(29 * 0.05)
    with np.load(at_home / "trajectory.npz") as given:
        found = replay.plan(np.arange(29) * 0.05, np.zeros(6, np.float32))
        np.testing.assert_allclose(found, given["position_rad"][:29], atol=1e-6)
