"""The writer: what it refuses, what it goes on with, and that nothing finished is ever touched again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import data_samples
import numpy as np
import pytest

from motorium.data.format.dataset import Dataset
from motorium.data.format.lock import Lock
from motorium.data.format.schema import Feature, Schema
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

PLAIN = Schema(20, "arm", (Feature("observation.state", "float32", (2,)), Feature("action", "float32", (2,))))


def rows(writer: DatasetWriter, count: int, task: str = "t") -> None:
    writer.begin(task)
    for k in range(count):
        writer.add({"observation.state": [k, 1], "action": [k + 1, 1]}, {})


def digests(root: Path) -> dict[str, str]:
    files = [p for p in root.rglob("*") if p.is_file() and ("data/" in str(p) or "videos/" in str(p))]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_second_session_goes_on_and_touches_no_finished_file(tmp_path):
    root = data_samples.write(tmp_path / "d", ("a", "b"), seconds=1)
    before = digests(root)
    with DatasetWriter(root, data_samples.schema(), patience_s=9, reserve_mb=1) as writer:
        assert writer.repaired.nothing
        assert writer.begin("b") == 2
        for k in range(20):
            images = {c: data_samples.image(2, k, i) for i, c in enumerate(data_samples.CAMERAS)}
            writer.add(data_samples.row(2, k), images)
        writer.end()
    assert {name: digest for name, digest in digests(root).items() if name in before} == before
    dataset = Dataset.open(root)
    assert [e.tasks for e in dataset.episodes] == [("a",), ("b",), ("b",)]
    assert [e.start for e in dataset.episodes] == [0, 20, 40]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return data_samples.write(tmp_path_factory.mktemp("small") / "d", ("a",), seconds=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fps": 30}, "fps is 20 here, 30 there"),
        ({"cameras": data_samples.CAMERAS[:1]}, "observation.images.wrist is only here"),
        ({"side": 32}, "shape of observation.images.front is"),
    ],
)
def test_another_schema_is_refused_in_words(small, change, words):
    before = digests(small)
    with pytest.raises(DataError, match="cannot be continued with another schema") as told:
        DatasetWriter(small, data_samples.schema(**change), reserve_mb=1)
    assert words in str(told.value)
    assert digests(small) == before


def test_two_writers_are_refused_and_the_first_is_not_disturbed(tmp_path):
    with DatasetWriter(tmp_path / "d", PLAIN, reserve_mb=1) as writer:
        rows(writer, 3)
        with pytest.raises(DataError, match="another process"):
            Lock(tmp_path / "d")
        assert writer.end().episode.length == 3


def test_a_folder_that_is_no_dataset_is_left_alone(tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(DataError, match="neither a dataset nor empty"):
        DatasetWriter(tmp_path, PLAIN, reserve_mb=1)
    assert (tmp_path / "diary.txt").read_text() == "dear diary"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write to"):
        DatasetWriter(tmp_path / "file" / "d", PLAIN)


READ_ONLY = """
import os, sys
from pathlib import Path
from motorium.data.format.dataset import Dataset
from motorium.data.record.repair import repair
from motorium.errors import DataError
frames = Dataset.open(Path(sys.argv[1])).frames
os.setuid(65534)
print(frames)
try:
    repair(Path(sys.argv[1]))
except DataError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_read_only_dataset_can_be_read_and_refuses_a_writer():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = data_samples.write(Path(name) / "d", ("a",), seconds=1, cameras=())
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(root)], capture_output=True, text=True, check=False
        )
    assert done.stdout.splitlines() == ["20", f"cannot write to {root}: Permission denied"], done.stderr


def test_a_full_disk_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(DataError, match="are kept in reserve"):
        DatasetWriter(tmp_path, PLAIN, reserve_mb=1 << 30)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"observation.state": [1, 2]}, "action is missing"),
        ({"observation.state": [1, 2, 3], "action": [1, 2]}, "declared is"),
        ({"observation.state": [1, np.nan], "action": [1, 2]}, "not finite"),
    ],
)
def test_a_wrong_row_is_refused_and_the_episode_goes_on(tmp_path, values, words):
    with DatasetWriter(tmp_path / "d", PLAIN, reserve_mb=1) as writer:
        rows(writer, 2)
        with pytest.raises(DataError, match=words):
            writer.add(values, {})
        writer.add({"observation.state": [5, 5], "action": [5, 5]}, {})
        assert writer.end().episode.length == 3


def test_discarded_and_empty_episodes_leave_no_trace(tmp_path):
    with DatasetWriter(tmp_path / "d", PLAIN, reserve_mb=1) as writer:
        rows(writer, 5)
        writer.discard()
        writer.begin("nothing")
        with pytest.raises(DataError, match="without rows"):
            writer.end()
        writer.discard()
    dataset = Dataset.open(tmp_path / "d")
    assert dataset.episodes == ()


def test_the_encoder_is_polite_and_its_losses_are_counted(tmp_path):
    """No patience: the queue overflows, rows stay complete, every lost frame is counted and has a stand-in."""
    with DatasetWriter(tmp_path / "d", data_samples.schema(), reserve_mb=1) as writer:
        assert os.getpriority(os.PRIO_PROCESS, writer.encoder_pid) >= 0
        writer.begin("fast")
        for k in range(200):
            images = {c: data_samples.image(0, k, i) for i, c in enumerate(data_samples.CAMERAS)}
            writer.add(data_samples.row(0, k), images)
        finished = writer.end()
    dataset = Dataset.open(tmp_path / "d")
    assert finished.episode.length == dataset.frames == 200
    assert sum(finished.dropped.values()) > 0
    assert dataset.notes(dataset.episodes[0])["dropped_frames"] == finished.dropped
    for key in data_samples.CAMERAS:
        assert sum(1 for _ in dataset.pictures(dataset.episodes[0], key)) == 200


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import test_writer as t
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
with t.DatasetWriter(Path(sys.argv[1]), t.PLAIN, reserve_mb=1) as writer:
    t.rows(writer, 50)
    writer.end()
    t.rows(writer, 100_000)
"""


def test_a_disk_that_fills_up_in_an_episode_costs_no_finished_one(tmp_path):
    """The kernel refuses to let a file grow any further; what was written before is whole."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "d")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "DataError: cannot write" in done.stderr
    (again,) = repair(tmp_path / "d").recovered
    assert again[0] == 1
    first, second = Dataset.open(tmp_path / "d").stream()
    assert len(first[1]["action"]) == 50
    states = second[1]["observation.state"][:, 0]
    np.testing.assert_array_equal(states, np.arange(len(states)))
    assert len(states) > 500
