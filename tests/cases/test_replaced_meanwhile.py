"""A dataset whose place another one takes while it is read or edited: the two are never mixed."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples

from motorium.data.edit import edits as edit
from motorium.data.edit import marking, units_edit
from motorium.data.edit.build import swap
from motorium.data.edit.restat import restat
from motorium.data.edit.units_edit import Units
from motorium.data.format.dataset import Dataset
from motorium.data.format.identity import Accepted
from motorium.data.format.outcome import Outcome
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError
from motorium.specs.robot import RobotSpec
from motorium.teleop import recorded

CAMERA = data_samples.CAMERAS[:1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "d"
    return data_samples.write(root, ("one", "two", "three"), seconds=1, cameras=CAMERA)


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "d")


def first_gone(root: Path) -> None:
    """Every episode has the number of the one before it, and the same length: only its folder tells."""
    swap(root, lambda target: edit.delete(Dataset.open(root), frozenset({0}), target))


def keeps_waiting(root: Path) -> None:
    """Leave an episode cut off."""
    writer = DatasetWriter(root, data_samples.schema(cameras=CAMERA), patience_s=30.0, reserve_mb=0)
    writer.begin("four", 0)
    for k in range(2 * data_samples.FPS):
        writer.add(data_samples.row(3, k, cameras=1), {CAMERA[0]: data_samples.image(3, k, 0)})
    writer.close()


READERS: dict[str, Callable[[Dataset], object]] = {
    "rows": lambda dataset: dataset.rows(dataset.episodes[0]),
    "stream": lambda dataset: list(dataset.stream(["action"])),
    "pictures": lambda dataset: list(dataset.pictures(dataset.episodes[0], CAMERA[0])),
    "notes": lambda dataset: dataset.notes(dataset.episodes[0]),
    "merge": lambda dataset: edit.merge([dataset, dataset], dataset.root.with_name("out")),
}


@pytest.mark.nightly
@pytest.mark.parametrize("reader", READERS)
def test_what_was_opened_is_not_read_on_in_another_dataset(root: Path, reader: str) -> None:
    dataset = Dataset.open(root)
    first_gone(root)
    with pytest.raises(DataError, match="moved or replaced by an edit while it was being read: start again"):
        READERS[reader](dataset)
    assert sorted(path.name for path in root.parent.iterdir()) == ["d", "d_old"]
    READERS[reader](Dataset.open(root))


def test_videos_of_one_are_not_put_beside_rows_of_the_other(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, stream = Dataset.open(root), Dataset.stream

    def streamed(self: Dataset, keys: object = None) -> object:
        yield from list(stream(self, keys))  # type: ignore[arg-type]
        if self.place == dataset.place:
            monkeypatch.undo()
            first_gone(root)

    monkeypatch.setattr(Dataset, "stream", streamed)
    with pytest.raises(DataError, match="start again"):
        edit.merge([dataset], root.with_name("out"))
    assert not root.with_name("out").exists()


def test_an_arm_is_not_driven_by_numbers_in_a_unit_that_came_meanwhile(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = recorded.Playing(RobotSpec.load("so101"), accepted=Accepted(robot=True))
    check = recorded.check_playable

    def checked(*given: object) -> object:
        done = check(*given)  # type: ignore[arg-type]
        swap(root, lambda target: units_edit.convert_units(Dataset.open(root), Units("deg"), target))
        return done

    monkeypatch.setattr(recorded, "check_playable", checked)
    with pytest.raises(DataError, match="start again"):
        recorded.load_episode(root, 0, how)
    monkeypatch.undo()
    replay = recorded.load_episode(root, 0, how)
    assert np.abs(replay.positions_rad).max() < 2


def test_a_dataset_that_grows_is_still_the_same_one(root: Path) -> None:
    dataset = Dataset.open(root)
    os.utime(root / "meta/info.json", (1, 1))  # a clock set back, too
    assert dataset.notes(dataset.episodes[0])
    assert len(dataset.rows(dataset.episodes[2])["action"]) == data_samples.FPS


def test_an_edit_takes_no_place_of_a_dataset_that_came_meanwhile(root: Path, tmp_path: Path) -> None:
    def make(target: Path) -> None:
        edit.delete(Dataset.open(root), frozenset({0}), target)
        root.rename(tmp_path / "moved")
        shutil.copytree(tmp_path / "moved", root)

    with pytest.raises(DataError, match="moved or replaced meanwhile; nothing was done"):
        swap(root, make)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "moved"]
    assert [len(Dataset.open(tmp_path / name).episodes) for name in ("d", "moved")] == [3, 3]


WRITERS: dict[str, Callable[[Path], object]] = {
    "repair": repair,
    "edit": lambda root: swap(root, lambda _: None),
    "mark": lambda root: marking.mark(root, [0], Outcome(True, "operator")),
    "stats": restat,
    "units": lambda root: units_edit.declare(root, "rad"),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", ["absent", "empty", "behind a link"])
def test_no_folder_is_made_of_a_name_that_is_no_dataset(tmp_path: Path, writer: str, kind: str) -> None:
    root = tmp_path / "d"
    if kind == "empty":
        root.mkdir()
    elif kind == "behind a link":
        root.symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"is not a dataset|no such folder; give a dataset"):
        WRITERS[writer](root)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.nightly
@pytest.mark.parametrize("procedure", ["repair", "edit"])
@pytest.mark.parametrize("calls", [15, 40])
def test_a_dataset_that_is_moved_away_does_not_come_back_in_part(
    root: Path, tmp_path: Path, procedure: str, calls: int
) -> None:
    """Moved at some call that makes a name. What was not done yet is done in its new place by the next repair."""
    keeps_waiting(root)
    program = f"""
import os, sys
from pathlib import Path
root, left = Path(sys.argv[1]), [{calls}]

def hook(event, arguments):
    if event in ("os.rename", "os.mkdir", "os.remove", "os.link") or (event == "open" and arguments[2] & os.O_CREAT):
        left[0] -= 1
        if left[0] == 0:
            root.rename(root.with_name("moved"))

import motorium.data.edit.edits, motorium.data.edit.build, motorium.data.record.repair, motorium.data.format.dataset
from motorium.errors import DataError
sys.addaudithook(hook)
try:
    if {procedure!r} == "repair":
        motorium.data.record.repair.repair(root)
    else:
        motorium.data.edit.build.swap(root, lambda target: motorium.data.edit.edits.delete(
            motorium.data.format.dataset.Dataset.open(root), frozenset({{0}}), target))
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, root], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    there = sorted(path.name for path in tmp_path.iterdir())
    if there == ["moved"]:
        repair(tmp_path / "moved")
        assert len(Dataset.open(tmp_path / "moved").episodes) == 4
    else:  # it had been done before, or the dataset was moved after the new one had its place
        assert there in (["d"], ["d", "d_old"], ["d_old", "moved"]), done.stdout


def test_a_disk_without_locks_is_told_from_one_in_use(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(DataError, match="cannot be locked: No locks available") as refused:
        repair(root)
    assert "another process" not in str(refused.value)
