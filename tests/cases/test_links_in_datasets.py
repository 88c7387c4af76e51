"""Links in a stranger's dataset: whatever is written goes into the dataset, or nowhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import data_samples
import pytest

from motorium import rooted
from motorium.data.edit import build
from motorium.data.edit.edits import delete
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.record import staging
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

pytest.importorskip("pyarrow")
pytest.importorskip("av")

CAMERAS = data_samples.CAMERAS[:1]
NEXT = "file-001.parquet"
"""Of the episode that comes next: the dataset has one."""


def written(writer: DatasetWriter, episode: int) -> None:
    writer.begin("a", 0)
    for k in range(data_samples.FPS):
        images = {camera: data_samples.image(episode, k, i) for i, camera in enumerate(CAMERAS)}
        writer.add(data_samples.row(episode, k, cameras=1), images)


def record(root: Path) -> None:
    with DatasetWriter(root, data_samples.schema(cameras=CAMERAS), patience_s=30, reserve_mb=1) as writer:
        written(writer, 1)
        writer.end()


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return data_samples.write(tmp_path_factory.mktemp("good") / "d", ("a",), seconds=1, cameras=CAMERAS)


@pytest.fixture(scope="module")
def cut(good, tmp_path_factory) -> Path:
    """The same with an episode that was cut off."""
    root = tmp_path_factory.mktemp("cut") / "d"
    shutil.copytree(good, root)
    with DatasetWriter(root, data_samples.schema(cameras=CAMERAS), patience_s=30, reserve_mb=1) as writer:
        written(writer, 1)
    assert len(layout.leftovers(root)[1]) == 1
    return root


@pytest.fixture(scope="module")
def waiting(cut, tmp_path_factory) -> Path:
    """The same with a finished episode that waits for its place."""
    root = tmp_path_factory.mktemp("waiting") / "d"
    shutil.copytree(cut, root)
    script = "import sys; from pathlib import Path; from motorium.data.format import layout\n"
    script += "from motorium.data.record import recovery\n"
    script += "root = Path(sys.argv[1]); (part,) = layout.leftovers(root)[1]\n"
    script += "recovery.finish(root, part)"
    subprocess.run([sys.executable, "-c", script, root], check=True)
    assert len(layout.leftovers(root)[0]) == 1
    return root


@pytest.fixture
def outside(tmp_path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine\n")
    return folder


def state(folder: Path) -> dict[str, str]:
    """Everything below a folder: names, and contents as digests."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


def moved_out(name: str) -> Callable[[Path, Path], None]:
    """The file or folder lies outside, and a link leads to it."""

    def plant(root: Path, outside: Path) -> None:
        shutil.move(root / name, outside / "taken")
        (root / name).symlink_to(outside / "taken")

    return plant


def to_nothing(name: str) -> Callable[[Path, Path], None]:
    """A link to a name outside that is free: who writes through it makes a file there."""

    def plant(root: Path, outside: Path) -> None:
        (root / name).unlink(missing_ok=True)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(outside / "made")

    return plant


def to_notes(name: str) -> Callable[[Path, Path], None]:
    """A link to a file of the user's."""

    def plant(root: Path, outside: Path) -> None:
        path = next(iter(root.glob(name)), root / name)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(outside / "notes.txt")

    return plant


def refused(root: Path, outside: Path, act: Callable[[Path], object]) -> str:
    before = state(outside)
    with pytest.raises(DataError) as told:
        act(root)
    assert state(outside) == before
    assert "Traceback" not in str(told.value)
    return str(told.value)


PLACES = {
    "meta": moved_out("meta"),
    "info.json": moved_out("meta/info.json"),
    "recording": moved_out(".recording"),
    "lock": to_nothing(".recording/lock"),
    "lock to a file": to_notes(".recording/lock"),
    "data": moved_out("data"),
    "chunk": moved_out("data/chunk-000"),
    "videos": moved_out("videos"),
    "episodes": moved_out("meta/episodes/chunk-000"),
    "tasks": to_nothing("meta/tasks.parquet"),
    "stats": to_nothing("meta/stats.json"),
    "place": to_nothing(f"data/chunk-000/{NEXT}"),
    "place of the film": to_notes(f"videos/{CAMERAS[0]}/chunk-000/file-001.mp4"),
    "notes": to_notes("meta/motorium/episode-000001.json"),
}


@pytest.mark.nightly
@pytest.mark.parametrize("place", PLACES)
def test_repair_puts_no_waiting_episode_through_a_link(waiting, outside, tmp_path, place):
    root = shutil.copytree(waiting, tmp_path / "d", symlinks=True)
    PLACES[place](root, outside)
    refused(root, outside, repair)


@pytest.mark.nightly
@pytest.mark.parametrize("place", PLACES)
def test_record_writes_nothing_through_a_link(good, outside, tmp_path, place):
    root = shutil.copytree(good, tmp_path / "d", symlinks=True)
    PLACES[place](root, outside)
    before, episodes = state(outside), len(list(root.glob("meta/episodes/*/*")))
    if "place" in place:  # the next place is free
        record(root)
        assert len(list(root.glob("meta/episodes/*/*"))) == episodes + 1
    else:
        refused(root, outside, record)
        done, parts = layout.leftovers(root) if place != "recording" else ([], [])
        assert not parts
        assert len(done) == (place == "notes"), "nothing was recorded in vain; what was waits"
    assert state(outside) == before


def test_the_link_and_what_to_do_are_named(good, outside, tmp_path):
    root = shutil.copytree(good, tmp_path / "d", symlinks=True)
    PLACES["lock"](root, outside)
    told = refused(root, outside, repair)
    assert f"{root}/.recording/lock is a link to {outside / 'made'}" in told
    assert "replace it by a copy" in told


IN_PART = ("data.parquet", "episode.parquet", "notes.json", "plan.json", "video-0.mp4")


@pytest.mark.parametrize("name", IN_PART)
@pytest.mark.parametrize("linked", [os.symlink, os.link])
def test_recovering_never_opens_what_lies_in_a_part(cut, outside, tmp_path, name, linked):
    root = shutil.copytree(cut, tmp_path / "d", symlinks=True)
    (part,) = layout.leftovers(root)[1]
    (part / name).unlink(missing_ok=True)
    linked(outside / "notes.txt", part / name)
    try:
        told = "; ".join(repair(root).lost)
    except DataError as error:
        told = str(error)
    assert told == "" or linked is os.symlink
    assert ("is a link" in told) == (linked is os.symlink)
    assert state(outside) == state_of("mine\n")


def state_of(notes: str) -> dict[str, str]:
    return {"notes.txt": hashlib.sha256(notes.encode()).hexdigest()}


@pytest.mark.parametrize("suffix", [layout.PART, layout.DONE, layout.GONE])
def test_a_staging_folder_that_is_a_link_is_neither_filled_nor_emptied(
    waiting, cut, outside, tmp_path, suffix
):
    source = cut if suffix == layout.PART else waiting
    root = shutil.copytree(source, tmp_path / "d", symlinks=True)
    (folder,) = [found for kind in layout.leftovers(root) for found in kind]
    shutil.move(folder, outside / "stage")
    folder.with_suffix(suffix).symlink_to(outside / "stage")
    before = state(outside)
    with pytest.raises(DataError, match="is a link"):
        repair(root)
    assert state(outside) == before


def test_what_is_put_aside_goes_through_no_link(cut, outside, tmp_path):
    root = shutil.copytree(cut, tmp_path / "d", symlinks=True)
    (part,) = layout.leftovers(root)[1]
    (part / staging.FRAMES).write_bytes(b"no journal")
    (root / layout.STAGING / "lost").symlink_to(outside)
    refused(root, outside, repair)
    assert part.is_dir()


@pytest.mark.parametrize("name", ["meta/stats.json", "meta/info.json", "meta/tasks.parquet"])
def test_a_file_with_a_second_name_outside_is_replaced_and_not_written(waiting, outside, tmp_path, name):
    root = shutil.copytree(waiting, tmp_path / "d", symlinks=True)
    os.link(root / name, outside / "mine")
    before = state(outside)
    repair(root)
    assert state(outside) == before
    assert len(Dataset.open(root).episodes) == 2


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ({"data.parquet": "telemetry/notes.txt"}, "not a place for 'data.parquet'"),
        ({"data.parquet": "data/chunk-000/file-000.parquet"}, "not a place for"),
        ({"p": "data/chunk-000/file-001.parquet"}, "not a place for 'p'"),
        ({"../../meta/info.json": "notes.json"}, "not a place for"),
        ({"data.parquet": "../outside/notes.txt"}, "not a place for"),
        ({"episode.parquet": "meta/info.json"}, "gives no place"),
        ({"episode.parquet": "meta/episodes/chunk-000/file-000.parquet"}, "not a place for"),
    ],
)
def test_a_plan_names_the_places_of_its_own_episode_alone(waiting, outside, tmp_path, moves, words):
    root = shutil.copytree(waiting, tmp_path / "d", symlinks=True)
    (done,) = layout.leftovers(root)[0]
    (done / "p").write_text("overwritten\n")
    plan = json.loads((done / layout.PLAN).read_text())
    plan["moves"] |= moves
    (done / layout.PLAN).write_text(json.dumps(plan))
    before, elsewhere = state(root), state(outside)
    with pytest.raises(DataError, match=words):
        staging.publish(root, done)
    assert state(root) == before
    assert [episode for episode, _ in repair(root).recovered] == [1], (
        "its journal says what the plan does not"
    )
    assert state(outside) == elsewhere
    kept = {name: content for name, content in state(root).items() if name in before}
    grown = {layout.INFO, layout.STATS, layout.STATS_NOTE, layout.TASKS}
    assert {name for name in kept if kept[name] != before[name]} <= grown


def test_a_plan_replaces_no_episode_that_is_there(waiting, tmp_path):
    root = shutil.copytree(waiting, tmp_path / "d", symlinks=True)
    (done,) = layout.leftovers(root)[0]
    plan = json.loads((done / layout.PLAN).read_text())
    plan["moves"] = {name: target.replace("-001.", "-000.") for name, target in plan["moves"].items()}
    (done / layout.PLAN).write_text(json.dumps(plan))
    before = (root / layout.data_file(layout.FilePlace(0, 0))).read_bytes()
    with pytest.raises(DataError, match="is already in the dataset"):
        staging.publish(root, done)
    assert len(repair(root).recovered) == 1
    assert (root / layout.data_file(layout.FilePlace(0, 0))).read_bytes() == before


def test_a_dataset_named_over_a_link_is_repaired_and_recorded_into(waiting, tmp_path):
    root = shutil.copytree(waiting, tmp_path / "real", symlinks=True)
    (tmp_path / "link").symlink_to(root)
    assert repair(tmp_path / "link").published == [1]
    record(tmp_path / "link")
    assert len(Dataset.open(root).episodes) == 3
    assert (tmp_path / "link").is_symlink()


def test_edits_make_new_files_alone(good, outside, tmp_path):
    root = shutil.copytree(good, tmp_path / "d", symlinks=True)
    (tmp_path / "new").symlink_to(outside / "made")
    before = state(outside)
    with pytest.raises(DataError, match="already exists"):
        delete(Dataset.open(root), frozenset(), tmp_path / "new")
    assert state(outside) == before


def test_the_hubs_cache_is_read_and_never_written(good, tmp_path):
    """Every file of a snapshot is a link to `blobs` of its repository, which other snapshots share."""
    repository = tmp_path / "datasets--me--d"
    snapshot, blobs = repository / "snapshots" / "0123abc", repository / "blobs"
    blobs.mkdir(parents=True)
    for number, path in enumerate(sorted(p for p in good.rglob("*") if p.is_file() and p.name != "lock")):
        shutil.copyfile(path, blobs / str(number))
        link = snapshot / path.relative_to(good)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blobs / str(number), link.parent))
    before, there = state(blobs), state(snapshot)
    for act in (
        record,
        repair,
        lambda root: build.swap(root, lambda new: delete(Dataset.open(root), frozenset(), new)),
    ):
        with pytest.raises(DataError, match=r"is a link.*copy the dataset \(cp -rL\)"):
            act(snapshot)
    delete(Dataset.open(snapshot), frozenset(), tmp_path / "copy")
    assert len(Dataset.open(tmp_path / "copy").episodes) == 1
    assert (state(blobs), state(snapshot)) == (before, there)


def test_what_lies_aside_goes_along_without_being_opened(cut, outside, tmp_path):
    root = shutil.copytree(cut, tmp_path / "d", symlinks=True)
    lost = root / layout.STAGING / "lost" / "000-episode-000009-1.part"
    lost.mkdir(parents=True)
    os.mkfifo(lost / "fifo")
    (lost / "link").symlink_to(outside / "notes.txt")
    (lost / "nowhere").symlink_to("nowhere")
    before = state(outside)
    build.swap(root, lambda work: delete(Dataset.open(root), frozenset({0}), work))
    assert (root / lost.relative_to(root) / "link").is_symlink()
    assert state(outside) == before


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["old", "new"])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_no_dataset_that_an_edit_left(good, outside, tmp_path, name, there):
    """A download brings what looks like a killed edit of the folder beside it."""
    shutil.copytree(good, outside / "dataset")
    root = tmp_path / "d"
    if there:
        shutil.copytree(good, root)
    left = tmp_path / ".d.building-1-abcd"
    left.mkdir()
    (left / name).symlink_to(outside / "dataset")
    (left / "edit.json").write_text(json.dumps({"token": "0" * 32}))
    before = state(outside)
    with DatasetWriter(root, data_samples.schema(cameras=CAMERAS), patience_s=30, reserve_mb=1):
        pass
    assert not root.is_symlink()
    assert not left.exists()
    assert state(outside) == before


@pytest.mark.parametrize("path", ["../up", "a/../../up", "a/../b"])
def test_no_way_up(tmp_path, path):
    (tmp_path / "d" / "a").mkdir(parents=True)
    for act in (rooted.create, rooted.make_folder, rooted.open_new, rooted.remove):
        with pytest.raises(DataError, match="outside"):
            act(tmp_path / "d", tmp_path / "d" / path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "d"]


def test_a_link_that_appears_meanwhile_is_not_followed(tmp_path, outside):
    """The look and the step see one folder, not one name: it was opened before the name became a link."""
    root = tmp_path / "d"
    (root / "a").mkdir(parents=True)
    with rooted.folder(root, root / "a") as fd:
        (root / "a").rename(root / "b")
        (root / "a").symlink_to(outside)
        os.close(os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    assert (root / "b" / "new").exists()
    assert state(outside) == state_of("mine\n")
