"""A dataset that is being recorded is never half of one for its readers, at whatever moment they look."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples

from motorium.cli.main import main
from motorium.data.check.judge import check
from motorium.data.edit import edits as edit
from motorium.data.edit.build import swap
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.format.lock import Lock
from motorium.data.format.snapshot import unchanged, written
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

HALF = {"damaged", "index", "leakage", "stats", "no_stats", "frames", "video"}
STEPS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "open"}


class Steps:
    """Calls a function before each step by which this process changes files; a hook stays as long as the process."""

    def __init__(self) -> None:
        self.before: Callable[[], None] | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        changes = event in STEPS and (event != "open" or "w" in str(arguments[1]) or arguments[2] & 0o103)
        before, self.before = self.before, None  # what it does itself is no step
        if before is not None and changes and threading.current_thread() is threading.main_thread():
            before()
        self.before = before


@pytest.fixture(scope="module")
def steps() -> Steps:
    return Steps()


def begin(writer: DatasetWriter, episode: int, task: str) -> None:
    writer.begin(task, 0)
    for k in range(data_samples.FPS):
        writer.add(data_samples.row(episode, k, cameras=0), {})


def kinds(root: Path) -> set[str]:
    return {finding.kind for finding in check(root).findings} & HALF


@pytest.mark.nightly
def test_every_moment_of_a_recording_is_whole_for_a_reader(tmp_path: Path, steps: Steps) -> None:
    """A copy before each step by which an episode is put in its place: complete with one episode less, or with it."""
    root, copies = tmp_path / "d", tmp_path / "copies"

    def keep() -> None:
        shutil.copytree(root, copies / f"{len(list(copies.iterdir())):03d}", symlinks=True)

    with DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=1) as writer:
        begin(writer, 0, "a")
        writer.end({"seed": 0})
        begin(writer, 1, "b")
        copies.mkdir()
        steps.before = keep
        try:
            writer.end({"seed": 1})
        finally:
            steps.before = None
    seen = []
    for copy in sorted(copies.iterdir()):
        with Lock(copy):  # as the recorder holds it
            assert kinds(copy) == set(), copy
            told = json.loads(CliRunner().invoke(main, ["data", "info", str(copy), "--json"]).output)
        dataset = Dataset.open(copy)
        seen.append((len(dataset.episodes), dataset.frames, dataset.tasks))
        assert (told["episodes"], told["frames"], tuple(told["tasks"])) == seen[-1]
        waiting = [f for f in check(copy).findings if f.kind in HALF]
        assert len(waiting) == any((copy / layout.STAGING).glob("episode-*.[pd]*"))
        assert all("motorium data repair" in f.remedy for f in waiting)
    repair(copy)
    assert kinds(copy) == set()
    assert len(seen) > 20
    one, two = (1, data_samples.FPS, ("a",)), (2, 2 * data_samples.FPS, ("a", "b"))
    assert seen == sorted(seen)
    assert set(seen) == {one, two}


RECORDER = """
import sys
from pathlib import Path
import data_samples
from motorium.data.record.writer import DatasetWriter
with DatasetWriter(Path(sys.argv[1]), data_samples.schema(cameras=()), reserve_mb=1) as writer:
    for episode in range(12):
        writer.begin(f"task {episode}", 0)
        for k in range(data_samples.FPS):
            writer.add(data_samples.row(episode, k, cameras=0), {})
        writer.end({"seed": episode})
        print(episode, flush=True)
    sys.stdin.read()
"""


def test_check_during_a_recording_finds_no_damage(tmp_path: Path) -> None:
    root = tmp_path / "d"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    recorder = subprocess.Popen(
        [sys.executable, "-c", RECORDER, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "0\n"
        lengths: list[int] = []
        while not lengths or lengths[-1] < 12:
            assert kinds(root) == set()
            lengths.append(len(Dataset.open(root).episodes))
            assert recorder.poll() is None
        assert written(root)
        told = CliRunner().invoke(main, ["data", "check", "--no-pictures", str(root)])
        assert "is being written" in told.stderr
        assert json.loads(CliRunner().invoke(main, ["data", "info", str(root), "--json"]).output)[
            "being_written"
        ]
        with pytest.raises(DataError, match="being written by another process"):
            swap(root, lambda target: edit.delete(Dataset.open(root), frozenset({0}), target))
    finally:
        recorder.kill()
        recorder.communicate()
    assert lengths == sorted(lengths)
    assert not written(root)
    assert kinds(root) == set()


def test_what_an_edit_replaces_meanwhile_is_read_again_from_the_beginning(tmp_path: Path) -> None:
    root = data_samples.write(tmp_path / "d", ("a", "b", "c"), seconds=1, cameras=())
    times = []

    @unchanged
    def look(folder: Path) -> int:
        dataset = Dataset.open(folder)
        if not times:
            swap(folder, lambda target: edit.delete(dataset, frozenset({0, 1}), target))
        times.append(1)
        return sum(len(dataset.rows(episode)["action"]) for episode in dataset.episodes)

    assert look(root) == data_samples.FPS
    assert len(times) == 2


def test_a_dataset_that_is_really_wrong_is_still_told(tmp_path: Path) -> None:
    root = data_samples.write(tmp_path / "d", ("a", "b"), seconds=1, cameras=())
    info = json.loads((root / layout.INFO).read_text())
    (root / layout.INFO).write_text(json.dumps(info | {"total_episodes": 1, "total_frames": 20}))
    assert kinds(root) == {"index"}
    with Lock(root):
        assert kinds(root) == {"index"}
