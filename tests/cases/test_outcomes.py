"""How an episode ended: a scene judges its own; of a real arm's nobody knows until a person says so."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from at_terminal import AtTerminal
from click.testing import CliRunner, Result
from waiting import wait

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples
from virtual_arm import VirtualArm, quick_robot

from motorium.cli.main import main
from motorium.data.edit.marking import mark
from motorium.data.format.dataset import Dataset
from motorium.data.format.lock import Lock
from motorium.data.format.outcome import Outcome, outcome_of
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError, MotoriumError
from motorium.files import write_json
from motorium.operator.pedal import EV_KEY, HELD_S, INPUT_EVENT, KEY_A, KEY_C, Pedal, marks_for
from motorium.specs.robot import RobotSpec
from motorium.timeline.events import EventLog

SPEC = RobotSpec.load("so101")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    home = np.array([joint.home_rad for joint in SPEC.joints])
    with VirtualArm(SPEC, start_rad=home) as virtual:
        yield virtual


@pytest.mark.nightly
def test_a_real_arm_is_a_success_or_a_failure_when_a_person_says_so(arm: VirtualArm, tmp_path: Path) -> None:
    """Enter keeps an episode and says nothing of how it ended; s and f end it and say so."""
    record = [
        sys.executable, "-m", "motorium", "record", quick_robot(tmp_path), "--port", arm.emulator.port,
        "--calibration", "nominal", "--leader", "sim:so101_leader", "--dataset", str(tmp_path / "d"),
        "--episodes", "3", "--task", "fold it", "--fps", "20", "--limit", "60",
    ]  # fmt: skip
    with AtTerminal(record, session=False) as terminal:
        for number, (key, told) in enumerate(
            [("\r", "success unknown"), ("s", "success"), ("f", "no success")]
        ):
            terminal.shows(rf"{number + 1} of 3")
            terminal.shows(r" [1-9]\d* rows")
            terminal.types(key)
            terminal.shows(rf"{told}, \d+ rows")
        terminal.shows(r"1 episode succeeded is unknown.* --episodes 0 --success")
    dataset = Dataset.open(tmp_path / "d")
    notes = [dataset.notes(episode) for episode in dataset.episodes]
    assert [(n["success"], n.get("success_by")) for n in notes] == [
        (None, None), (True, "key s"), (False, "key f"),
    ]  # fmt: skip
    stored = json.loads((tmp_path / "d/meta/motorium/episode-000000.json").read_text())
    assert stored["success"] is None


@pytest.mark.parametrize(
    ("notes", "success"),
    [
        ({"leader": "so101_leader", "success": False}, None),
        ({"leader": "so101_leader", "success": True}, True),
        ({"leader": "script", "success": False}, False),
        ({"leader": "so101_leader", "success": False, "success_by": "pedal"}, False),
        ({"leader": "so101_leader", "success": False, "success_by": "scene"}, False),
        ({"success": False}, False),
        ({"success": "false", "leader": "script"}, None),
        ({"success": 0}, None),
        ({}, None),
        ({"recovered": True, "events": [{"kind": "success"}, {"kind": "failure", "source": "key f"}]}, False),
        ({"recovered": True, "events": [{"kind": "mark"}, 5]}, None),
        ({"recovered": True, "events": 5}, None),
    ],
    ids=json.dumps,
)
def test_a_false_counts_only_of_somebody_who_could_judge(notes: dict, success: bool | None) -> None:
    assert outcome_of(notes).success is success


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """As 0.1.0 left it: three of a real arm, and one of the script in a simulated scene."""
    root = data_samples.write(tmp_path / "my cubes", ("t",) * 4, seconds=1, cameras=())
    for number in range(4):
        path = root / f"meta/motorium/episode-{number:06d}.json"
        notes = json.loads(path.read_text())
        write_json(path, {**notes, "leader": "script" if number == 3 else "so101_leader", "success": False})
    return root


def test_what_an_earlier_release_noted_of_a_real_arm_reads_as_unknown_and_can_be_said(earlier: Path) -> None:
    told = json.loads(call("data", "info", earlier, "--json").output)
    assert told["outcomes"] == {"success": 0, "failure": 1, "unknown": 3}
    files = {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()}
    assert call("data", "mark", earlier, "--episodes", "0,2", "--success").exit_code == 0
    assert call("data", "mark", earlier, "--episodes", "1", "--failure", "--json").exit_code == 0
    assert json.loads(call("data", "info", earlier, "--json").output)["outcomes"] == {
        "success": 2, "failure": 2, "unknown": 0,
    }  # fmt: skip
    changed = {path.name for path, content in files.items() if path.read_bytes() != content}
    assert changed == {f"episode-{number:06d}.json" for number in range(3)}
    assert call("data", "mark", earlier, "--episodes", "2", "--unknown").exit_code == 0
    dataset = Dataset.open(earlier)
    assert [dataset.notes(e)["success"] for e in dataset.episodes] == [True, False, None, False]
    assert dataset.notes(dataset.episodes[0])["seed"] == 0, "everything else stays"
    page = earlier.with_name("my cubes.html")
    assert call("data", "view", earlier).exit_code == 0
    assert "outcome unknown" in page.read_text()
    assert call("data", "delete", earlier, "--episodes", "0").exit_code == 0
    assert [Dataset.open(earlier).notes(e)["success"] for e in Dataset.open(earlier).episodes] == [
        False, None, False,
    ]  # fmt: skip


def test_an_episode_that_is_not_there_is_named_and_nothing_is_written(earlier: Path) -> None:
    before = {path: path.read_bytes() for path in earlier.rglob("*.json")}
    with pytest.raises(DataError, match="has no episode 7; it has 4"):
        mark(earlier, [0, 7], Outcome(True, "me"))
    with pytest.raises(DataError, match="episode 0 was never cut off"):
        mark(earlier, [0, 1], Outcome(True, "me"), whole=True)
    with Lock(earlier), pytest.raises(DataError, match="written by another process"):
        mark(earlier, [0], Outcome(True, "me"))
    assert call("data", "mark", earlier, "--episodes", "0").exit_code == 2
    assert {path: path.read_bytes() for path in earlier.rglob("*.json")} == before


def test_a_dataset_of_others_gets_notes_of_its_own(tmp_path: Path) -> None:
    root = data_samples.write(tmp_path / "d", ("t",), seconds=1, cameras=())
    (root / "meta/motorium/episode-000000.json").unlink()
    mark(root, [0], Outcome(True, "data mark"))
    dataset = Dataset.open(root)
    assert dataset.notes(dataset.episodes[0]) == {"episode": 0, "success": True, "success_by": "data mark"}


def test_nothing_is_written_through_a_link(earlier: Path, tmp_path: Path) -> None:
    folder = earlier / "meta/motorium"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    before = {path.name: path.read_bytes() for path in (tmp_path / "elsewhere").iterdir()}
    with pytest.raises(DataError, match="is a link"):
        mark(earlier, [0], Outcome(True, "me"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "elsewhere").iterdir()} == before


def packed(code: int, value: int, t_s: float) -> bytes:
    return INPUT_EVENT.pack(int(t_s), round(t_s % 1 * 1e6), EV_KEY, code, value)


def test_a_pedal_says_success_by_a_tap_and_failure_when_held() -> None:
    read, write = os.pipe()
    log = EventLog()
    with Pedal(read, log=log, marks=marks_for(["success", "none", "outcome"])) as pedal:
        os.write(write, packed(KEY_A, 1, 1) + packed(KEY_A, 0, 1))
        os.write(write, packed(KEY_C, 1, 1) + packed(KEY_C, 0, 1))
        assert wait(lambda: len(log.events) == 2, timeout_s=5.0)
        os.write(write, packed(KEY_C, 1, 1))
        assert wait(lambda: pedal.held(KEY_C), timeout_s=5.0)
        seen_ns = time.monotonic_ns()
        time.sleep(HELD_S)
        os.write(write, packed(KEY_C, 0, 1))
        assert wait(lambda: len(log.events) == 3, timeout_s=5.0)
    os.close(write)
    assert [str(event.kind) for event in log.take()] == ["success", "success", "failure"]
    assert log.events[-1].t_ns <= seen_ns, "it is the time of the press"


@pytest.mark.parametrize("words", [["succes"], [], ["contact"] * 4])
def test_words_that_no_key_can_mean_are_named(words: list[str]) -> None:
    with pytest.raises(MotoriumError, match=r"keys of the pedal.*outcome"):
        marks_for(words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pedal-keys", "success"], "of a --pedal"),
        (["--pedal", "/dev/null", "--pedal-keys", "jump"], "one word for each"),
    ],
)
def test_keys_of_a_pedal_are_judged_before_an_arm_is_opened(
    tmp_path: Path, options: list[str], words: str
) -> None:
    done = call(
        "record", "so101", "--leader", "so101_leader", "--dataset", tmp_path / "d", "--task", "t", *options
    )
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_verdict_that_came_before_the_cut_is_kept(tmp_path: Path) -> None:
    from motorium.data.record.repair import repair
    from motorium.timeline.events import Event

    with DatasetWriter(tmp_path / "d", data_samples.schema(cameras=()), reserve_mb=1) as writer:
        writer.begin("t", 1_000)
        for k in range(45):
            writer.add(data_samples.row(0, k, cameras=0), {})
        writer.mark(Event(1_000 + 500_000_000, "failure", "pedal"))
    repair(tmp_path / "d")
    dataset = Dataset.open(tmp_path / "d")
    assert outcome_of(dataset.notes(dataset.episodes[0])) == Outcome(False, "pedal")
