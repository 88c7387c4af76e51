"""Repair loses nothing: what a passing error interrupts waits, what cannot be recovered lies aside with the reason."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_disk import on_small_disk

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples

from motorium.cli.main import main
from motorium.data.check.judge import check
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.record import aside, staging
from motorium.data.record.repair import RepairPendingError, repair
from motorium.data.record.writer import DatasetWriter

FPS = data_samples.FPS


def cut_off(root: Path, seconds: int) -> None:
    """Leave an episode in progress, everything flushed, as after a kill."""
    writer = DatasetWriter(root, data_samples.schema(), patience_s=30, reserve_mb=0)
    writer.begin("cut off", 0)
    for k in range(seconds * FPS):
        images = {camera: data_samples.image(9, k, i) for i, camera in enumerate(data_samples.CAMERAS)}
        writer.add(data_samples.row(9, k), images)
    writer.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = data_samples.write(tmp_path_factory.mktemp("made") / "d", ("whole",), seconds=1)
    cut_off(root, 5)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A dataset with one episode, and one of five seconds and two cameras that was cut off."""
    return shutil.copytree(made, tmp_path / "d")


def part_of(root: Path) -> Path:
    (part,) = layout.leftovers(root)[1]
    return part


def verb(*words: object) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, words)], catch_exceptions=False)


FULL = """
import data_samples
from motorium.data.format.dataset import Dataset
from motorium.data.record.repair import RepairPendingError, repair
from motorium.data.format.layout import leftovers
import shutil

root = shutil.copytree({made!r}, disk / "d")
{trouble}
try:
    repair(root)
except RepairPendingError as error:
    print(error)
print(*(path.name for kind in leftovers(root) for path in kind), (root / ".recording" / "lost").exists())
{relief}
print(repair(root).recovered, len(Dataset.open(root).episodes))
"""
NO_ROOM = ("fill(disk)", "(disk / 'fill').unlink()")
NO_INODES = (
    "names = [disk / str(i) for i in range(10_000)]\ntry:\n    for name in names: name.touch()\nexcept OSError: pass",
    "for name in names: name.unlink(missing_ok=True)",
)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("trouble", "options"),
    [(NO_ROOM, "size=16m"), (NO_INODES, "size=16m,nr_inodes=80")],
    ids=["room", "inodes"],
)
def test_on_a_full_disk_the_episode_waits_and_is_recovered_once_there_is_room(
    made, tmp_path, trouble, options
):
    program = FULL.format(made=str(made), trouble=trouble[0], relief=trouble[1])
    told, waits, done = on_small_disk(program, tmp_path / "disk", options).splitlines()
    assert "No space left on device" in told
    assert "make room on that disk, then motorium data repair" in told
    assert waits == f"{part_of(made).name} False"
    assert done == "[(1, 5.0)] 2"


LIMITED = """
import resource, signal, sys
from motorium.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
sys.argv = ["motorium", "data", "repair", sys.argv[1]]
main()
"""


@pytest.mark.nightly
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_limit_of_the_size_of_files_passes_too(root, share):
    largest = max(path.stat().st_size for path in part_of(root).glob("video-*.frag"))
    command = [sys.executable, "-c", LIMITED, str(root), str(round(largest * share))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 0:  # the finished video is smaller than its fragments
        assert share > 0.9
    else:
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert "nothing is lost: allow larger files (ulimit -f)" in done.stderr
        assert part_of(root).is_dir()
        assert verb("repair", root).exit_code == 0
    assert len(Dataset.open(root).episodes) == 2
    assert aside.lying(root) == []


def emptied(part: Path) -> None:
    (part / "video-1.frag").write_bytes(b"")


def missing(part: Path) -> None:
    (part / "video-1.frag").unlink()


def garbled(part: Path) -> None:
    (part / "video-0.frag").write_bytes(os.urandom(30_000))


def headless(part: Path) -> None:
    path = part / staging.FRAMES
    path.write_bytes(bytes(64) + path.read_bytes()[64:])


@pytest.mark.nightly
@pytest.mark.parametrize("damage", [emptied, missing, garbled, headless])
def test_damage_of_one_file_costs_no_episode(root: Path, damage: Callable[[Path], None]) -> None:
    part = part_of(root)
    before = {path.name: path.read_bytes() for path in part.iterdir()}
    damage(part)
    left = {path.name for path in part.iterdir()}
    done = repair(root)
    assert done.recovered == []
    (lying,) = aside.lying(root)
    assert {path.name for path in lying.folder.iterdir()} == left | {aside.REASON}
    reason = json.loads((lying.folder / aside.REASON).read_text())
    assert reason["what"] == part.name
    assert reason["why"] == lying.why
    assert reason["when"].endswith("+00:00")
    assert reason["motorium"]
    assert layout.leftovers(root) == ([], [])

    again = verb("repair", root)
    assert again.exit_code == 0
    assert f".recording/lost/{lying.folder.name} was set aside: {lying.why}" in again.output
    (finding,) = [f for f in check(root, pictures=False).findings if f.kind == "aside"]
    assert lying.folder.name in finding.detail
    assert finding.remedy.startswith(f"motorium data repair {root} --again")
    assert not finding.blocks

    assert repair(root, again=True).recovered == [], "the same once more, and nothing is lost by trying"
    (lying,) = aside.lying(root)
    for name, content in before.items():
        (lying.folder / name).write_bytes(content)
    assert repair(root, again=True).recovered == [(1, 5.0)]
    assert aside.lying(root) == []
    assert len(Dataset.open(root).episodes) == 2


def test_what_an_earlier_release_put_aside_without_a_reason_is_named_and_tried_again(root):
    lost = root / layout.STAGING / "lost"
    lost.mkdir()
    part_of(root).rename(lost / f"000-{part_of(root).name}")
    said = verb("repair", root).output
    assert "an earlier release put it there without giving a reason" in said
    assert f"motorium data repair {root} --again" in said
    assert "episode 1 recovered: 5 s" in verb("repair", root, "--again").output
    assert list(lost.iterdir()) == []


def test_rows_up_to_the_damage_are_recovered_and_the_rest_lies_aside(root):
    path = part_of(root) / "video-1.frag"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = repair(root)
    ((episode, seconds),) = done.recovered
    assert episode == 1
    assert 1 <= seconds < 3
    (lying,) = aside.lying(root)
    assert lying.episode == 1
    assert "frames of observation.images.wrist" in lying.why
    assert (lying.folder / "video-0.frag").stat().st_size > 0
    assert repair(root, again=True).recovered == [], "it is in the dataset, and not a second time"
    assert len(Dataset.open(root).episodes) == 2


def test_telemetry_that_cannot_be_read_costs_no_episode(root):
    (part_of(root) / staging.TELEMETRY).write_bytes(b"MTRJRNL1")
    assert repair(root).recovered == [(1, 5.0)]
    dataset = Dataset.open(root)
    assert dataset.notes(dataset.episodes[1])["telemetry"] == "telemetry.jnl is not a journal"


def test_a_finished_episode_whose_number_was_taken_meanwhile_gets_another(root, tmp_path):
    """Such as one whose disk was full when it was to be published, and another was recorded after it."""
    twice = shutil.copytree(root, tmp_path / "twice")
    repair(root)
    writer = DatasetWriter(twice, data_samples.schema(), patience_s=30, reserve_mb=0)
    writer.close()
    assert len(Dataset.open(twice).episodes) == 2
    finished = waiting_episode(tmp_path / "other")
    shutil.copytree(finished, twice / layout.STAGING / finished.name)
    done = repair(twice)
    assert [episode for episode, _ in done.recovered] == [2]
    dataset = Dataset.open(twice)
    assert [episode.index for episode in dataset.episodes] == [0, 1, 2]
    assert dataset.episodes[2].length == FPS + 3, "it was finished: all of its rows count"
    assert dataset.notes(dataset.episodes[2])["success"] is True
    for episode in dataset.episodes:
        for key in episode.videos:
            assert sum(1 for _ in dataset.pictures(episode, key)) == episode.length


def waiting_episode(root: Path) -> Path:
    """A folder that a writer finished and could not publish."""
    writer = DatasetWriter(root, data_samples.schema(), patience_s=30, reserve_mb=0)
    writer.begin("another", 0)
    for k in range(FPS + 3):
        images = {camera: data_samples.image(5, k, i) for i, camera in enumerate(data_samples.CAMERAS)}
        writer.add(data_samples.row(5, k), images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "publish", lambda *_: -1)
        writer.end({"success": True})
    writer.close()
    (done,) = layout.leftovers(root)[0]
    return done


def test_several_that_wait_are_counted_and_none_takes_the_number_of_another(root):
    cut = part_of(root)
    shutil.copytree(cut, cut.with_name(f"episode-000002-7{layout.PART}"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(RepairPendingError, match="2 episodes wait") as told:
            repair(root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(told.value.done.waiting) == 2
    assert sorted(repair(root).recovered) == [(1, 5.0), (2, 5.0)]
