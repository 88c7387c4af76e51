"""Edits in place leave nothing behind that waits, keep links, and are finished or undone when they are cut off."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("pyarrow")

import data_samples

from motorium.cli.main import main
from motorium.data.edit import edits as edit
from motorium.data.edit.build import swap
from motorium.data.format import exchange, layout, lock, snapshot
from motorium.data.format.dataset import Dataset
from motorium.data.record import aside, staging
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

FPS = data_samples.FPS
TASKS = ("one", "two", "three")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_samples.write(tmp_path_factory.mktemp("made") / "d", TASKS, seconds=1, cameras=())


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A dataset with three episodes."""
    return shutil.copytree(made, tmp_path / "d")


def verb(*words: object) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, words)], catch_exceptions=False)


def tasks(root: Path) -> list[str]:
    return [episode.tasks[0] for episode in Dataset.open(root).episodes]


def cut_off(root: Path, task: str, seconds: int) -> None:
    writer = DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=0)
    writer.begin(task, 0)
    for k in range(seconds * FPS):
        writer.add(data_samples.row(9, k, cameras=0), {})
    writer.close()


EDITS = {
    "delete": ["--episodes", "0"],
    "relabel": ["--from", "one", "--to", "won"],
    "downsample": ["--fps", FPS // 2],
    "mirror": ["--negate", "shoulder_pan"],
    "convert": ["--to", "v2.1"],
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", EDITS)
def test_what_waits_is_repaired_first_and_goes_along(root, name):
    cut_off(root, "cut off", 2)
    done = verb(name, root, *EDITS[name])
    assert done.exit_code == 0
    assert "episode 3 recovered: 2 s" in done.stderr
    assert tasks(root)[-1] == "cut off"
    assert len(tasks(root)) == (3 if name == "delete" else 4)
    old = root.with_name("d_old")
    assert tasks(old) == [*TASKS, "cut off"]
    assert layout.leftovers(old) == layout.leftovers(root) == ([], [])


def test_what_is_finished_and_waits_goes_along_and_so_does_what_lies_aside(root):
    cut_off(root, "no journal", 2)
    (part,) = layout.leftovers(root)[1]
    journal = part / staging.FRAMES
    journal.write_bytes(bytes(8) + journal.read_bytes()[8:])
    repair(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "publish", lambda *_: -1)
        with DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=0) as writer:
            writer.begin("finished", 0)
            for k in range(FPS + 1):
                writer.add(data_samples.row(9, k, cameras=0), {})
            writer.end()
    done = verb("delete", root, "--episodes", "0")
    assert "episode 3 was complete and is now in place" in done.stderr
    assert tasks(root) == ["two", "three", "finished"]
    (lying,) = aside.lying(root)
    shutil.rmtree(root.with_name("d_old"))
    assert (lying.folder / staging.FRAMES).stat().st_size > 1000


def test_an_edit_elsewhere_says_what_it_leaves_out(root, tmp_path):
    cut_off(root, "cut off", 2)
    done = verb("delete", root, "--episodes", "0", "--out", tmp_path / "new")
    assert f"1 episode of {root} waits to be repaired and will be left out" in done.stderr
    assert len(tasks(tmp_path / "new")) == 2
    assert len(layout.leftovers(root)[1]) == 1


@pytest.mark.parametrize(("name", "relative"), [("delete", True), ("delete", False), ("convert", True)])
def test_a_link_stays_and_what_it_leads_to_is_edited(root, tmp_path, name, relative):
    big = tmp_path / "big disk"
    big.mkdir()
    real = Path(shutil.move(root, big / "real"))
    link = tmp_path / "link"
    link.symlink_to(os.path.relpath(real, tmp_path) if relative else real)
    assert verb(name, link, *EDITS[name]).exit_code == 0
    assert link.is_symlink()
    assert link.resolve() == real
    assert tasks(link) == tasks(real) == list(TASKS[1:] if name == "delete" else TASKS)
    assert tasks(big / "real_old") == list(TASKS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big disk", "link"]
    assert sorted(path.name for path in big.iterdir()) == ["real", "real_old"]


def test_a_link_to_a_link_and_a_folder_that_is_one(root, tmp_path):
    (tmp_path / "folder").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("folder/d")
    cut_off(tmp_path / "a", "cut off", 1)
    assert repair(tmp_path / "a").recovered == [(3, 1.0)]
    assert verb("delete", tmp_path / "a", "--episodes", "0,1").exit_code == 0
    assert tasks(root) == ["three", "cut off"]
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "b").is_symlink()


@pytest.mark.nightly
@pytest.mark.parametrize("name", [".", "../d", "x/.."])
def test_dots_name_a_dataset_too(root, monkeypatch, name):
    (root / "x").mkdir()
    cut_off(root, "cut off", 1)
    monkeypatch.chdir(root)
    assert "recovered" in verb("repair", name).output
    monkeypatch.chdir(root)
    assert verb("split", name, "--test", "0.5").exit_code == 0
    assert verb("delete", name, "--episodes", "0", "--out", root.with_name("out")).exit_code == 0
    done = verb("delete", name, "--episodes", "0")
    assert f"the old one is {root}_old now" in done.output
    assert f"this shell is in it: cd {root}" in done.output
    assert tasks(root) == ["two", "three", "cut off"]
    found = sorted(path.name for path in root.parent.iterdir())
    assert found == ["d", "d_old", "d_test", "d_train", "out"]


# As an edit leaves it that is killed between two of its steps: (new, old, NAME) are there, and which has the token.
STEPS = {
    "grown, not exchanged": ("new", "", "before"),
    "the old one moved away": ("new", "before", ""),
    "both moved": ("", "before", "new"),
    "exchanged at once": ("before", "", "new"),
}


def left_behind(root: Path, step: str) -> Path:
    """Take a dataset and its edit apart as the step has them; returns the folder of the edit."""
    edit.delete(Dataset.open(root), frozenset({0}), root.with_name("edited"))
    folder = root.with_name(".d.building-1-00ff")
    folder.mkdir()
    sources = {"before": Path(shutil.move(root, root.with_name("before"))), "new": root.with_name("edited")}
    token = '{"token": "of this edit"}'
    (sources["new"] / layout.STAGING).mkdir()
    (sources["new"] / exchange.TOKEN).write_text(token)
    (folder / exchange.NOTE).write_text(token)
    for place, which in zip((folder / "new", folder / "old", root), STEPS[step], strict=True):
        if which:
            sources[which].rename(place)
    return folder


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("reads", [True, False])
def test_an_edit_that_was_cut_off_is_finished_or_undone_by_the_next_verb(root, step, reads):
    folder = left_behind(root, step)
    if reads:
        assert verb("info", root, "--json").exit_code == 0
    done = verb("repair", root)
    changed = step != "grown, not exchanged"
    assert tasks(root) == list(TASKS[1:] if changed else TASKS)
    assert not folder.exists()
    assert not (root / exchange.TOKEN).exists()
    if changed:
        assert tasks(root.with_name("d_old")) == list(TASKS)
    else:
        assert f"removed {folder}" in done.output
    assert sorted(p.name for p in root.parent.iterdir()) == (["d", "d_old"] if changed else ["d"])


def test_a_dataset_that_was_moved_away_and_no_new_one_is_moved_back(root):
    folder = left_behind(root, "the old one moved away")
    shutil.rmtree(folder / "new" / "meta")
    (folder / "new" / exchange.TOKEN).unlink()
    assert tasks(root) == list(TASKS)
    assert repair(root).nothing


def test_without_an_exchange_of_names_there_are_two_renames(root, monkeypatch):
    monkeypatch.setattr(exchange, "exchange_names", lambda *_: False)
    assert swap(root, lambda new: edit.delete(Dataset.open(root), frozenset({0}), new)) == root.with_name(
        "d_old"
    )
    assert tasks(root) == ["two", "three"]
    assert tasks(root.with_name("d_old")) == list(TASKS)
    assert sorted(p.name for p in root.parent.iterdir()) == ["d", "d_old"]


def test_a_failure_between_the_two_renames_puts_the_old_one_back(root, monkeypatch):
    monkeypatch.setattr(exchange, "exchange_names", lambda *_: False)
    rename = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if target == root and path.name == "new":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(DataError, match=r"stays as it was|is unchanged"):
        swap(root, lambda new: edit.delete(Dataset.open(root), frozenset({0}), new))
    assert tasks(root) == list(TASKS)
    assert [path.name for path in root.parent.iterdir()] == ["d"]


@pytest.fixture
def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("next_verb", "form"),
    [
        ("repair", ".d.building-{}"),
        ("delete", ".d_old.building-{}"),
        ("record", ".d_old2.building-{}"),
        ("repair", ".d.building-{}-0a1b"),
    ],
)
def test_what_killed_edits_left_is_named_and_removed(root, ended, form, next_verb, caplog):
    folder = root.with_name(form.format(ended))
    shutil.copytree(root, folder)
    if next_verb == "record":
        cut_off(root, "more", 1)
        told = caplog.text
    else:
        told = verb(next_verb, root, *EDITS.get(next_verb, [])).output
    assert f"removed {folder}" in told
    assert not folder.exists()


@pytest.fixture
def growing(root: Path) -> Iterator[Path]:
    """A folder in which somebody who lives is building."""
    folder = root.with_name(f".d.building-{os.getpid()}-77aa")
    shutil.copytree(root, folder / "new")
    fd = os.open(folder, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield folder
    os.close(fd)


def test_what_somebody_is_building_stays(root, growing):
    earlier = root.with_name(f".d_old.building-{os.getpid()}")  # by release 0.1.0, which locked nothing
    shutil.copytree(root, earlier)
    other = root.with_name(".data.building-notes")
    other.mkdir()
    assert repair(root).nothing
    assert tasks(growing / "new") == tasks(earlier) == list(TASKS)
    assert other.is_dir()


def test_a_lock_of_a_dataset_that_was_replaced_meanwhile_is_taken_anew(root, monkeypatch):
    hold, other = lock.LockFile.hold, shutil.copytree(root, root.with_name("other"))

    def replaced_first(file: lock.LockFile) -> bool:
        if other.exists():
            root.rename(root.with_name("gone"))
            other.rename(root)
        return hold(file)

    monkeypatch.setattr(lock.LockFile, "hold", replaced_first)
    with lock.Lock(root) as held:
        assert held.where() == root
        assert snapshot.written(root)
        assert not snapshot.written(root.with_name("gone"))


def test_a_new_dataset_takes_no_place_of_a_link(root, tmp_path):
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    done = verb("delete", root, "--episodes", "0", "--out", tmp_path / "out")
    assert (done.exit_code, "already exists" in done.stderr) == (2, True)
    assert (tmp_path / "out").is_symlink()


@pytest.mark.parametrize("there", ["d_train", "d_test"])
def test_a_split_makes_both_sides_or_none(root, there):
    root.with_name(there).mkdir()
    refused = verb("split", root, "--test", 0.5)
    assert refused.exit_code == 2
    assert f"{there} already exists" in refused.stderr
    assert sorted(path.name for path in root.parent.iterdir()) == sorted(["d", there])
    root.with_name(there).rmdir()
    assert verb("split", root, "--test", 0.5).exit_code == 0
    assert sorted(tasks(root.with_name("d_train")) + tasks(root.with_name("d_test"))) == sorted(TASKS)
