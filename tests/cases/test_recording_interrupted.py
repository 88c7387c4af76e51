"""Whatever ends a recording in the middle is told with what became of the episode and what recovers it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from small_disk import on_small_disk
from waiting import wait

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples

from motorium.cli.main import main
from motorium.data.format.dataset import Dataset
from motorium.data.format.video import whole_frames
from motorium.data.record.interrupted import InterruptedEpisodeError
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

FPS = data_samples.FPS
ONE = data_samples.CAMERAS[:1]


def rows(writer: DatasetWriter, episode: int, count: int) -> None:
    cameras = [feature.key for feature in writer.schema.videos]
    for k in range(count):
        images = {key: data_samples.image(episode, k, i) for i, key in enumerate(cameras)}
        writer.add(data_samples.row(episode, k, cameras=len(cameras)), images)


def interrupted(root: Path, act: Callable[[DatasetWriter], object], cameras: tuple[str, ...] = ()) -> str:
    """Record an episode, then two seconds of another, do something to it, and go on; returns what is told."""
    try:
        with DatasetWriter(root, data_samples.schema(cameras=cameras), patience_s=9, reserve_mb=1) as writer:
            writer.begin("a", 0)
            rows(writer, 0, FPS)
            writer.end({})
            writer.begin("b", 0)
            rows(writer, 1, 2 * FPS + 3)
            act(writer)
            writer.end({})
    except InterruptedEpisodeError as error:
        return str(error)
    raise AssertionError("nothing was told")


def test_a_folder_that_is_removed_is_noticed_while_it_is_recorded(tmp_path: Path) -> None:
    root = tmp_path / "d"

    def remove(writer: DatasetWriter) -> None:
        shutil.rmtree(root)
        end = time.monotonic() + 20
        while time.monotonic() < end:  # not only when the episode ends
            rows(writer, 1, 1)
            time.sleep(0.02)
        raise AssertionError("nobody noticed")

    told = interrupted(root, remove)
    assert f"{root} was removed" in told
    assert not root.exists(), "and nothing is made there again"


@pytest.mark.parametrize("in_its_place", [False, True])
def test_a_folder_that_is_moved_is_found_and_nothing_is_written_into_another(
    tmp_path: Path, in_its_place: bool
) -> None:
    root, moved = tmp_path / "d", tmp_path / "my cubes"
    other = data_samples.write(tmp_path / "other", ("z",), seconds=1, cameras=())
    before = data_samples.content(Dataset.open(other))

    def move(_: DatasetWriter) -> None:
        root.rename(moved)
        if in_its_place:
            shutil.copytree(other, root)

    told = interrupted(root, move)
    assert f"{root} was moved to {moved}" in told
    assert f"motorium data repair '{moved}'" in told
    assert repair(moved).recovered == [(1, 2.0)]
    assert len(Dataset.open(moved).episodes) == 2
    assert not in_its_place or data_samples.content(Dataset.open(root)) == before


def test_a_staging_folder_that_is_removed_costs_no_finished_episode(tmp_path: Path) -> None:
    root = tmp_path / "d"
    told = interrupted(root, lambda _: shutil.rmtree(root / ".recording"))
    assert f"{root / '.recording'} was removed" in told
    assert len(Dataset.open(root).episodes) == 1


def test_an_encoder_that_is_killed_costs_no_whole_second(tmp_path: Path) -> None:
    root = tmp_path / "d"

    def kill(writer: DatasetWriter) -> None:
        part = next((root / ".recording").glob("*.part"))
        assert wait(lambda: whole_frames(part / "video-0.frag") > FPS, timeout_s=60)
        os.kill(writer.encoder_pid, signal.SIGKILL)
        wait(lambda: rows(writer, 1, 1), timeout_s=10)

    told = interrupted(root, kill, ONE)
    assert "the video encoder was killed" in told
    assert told.endswith(f"to its last full second; motorium data repair {root}")
    ((episode, seconds),) = repair(root).recovered
    assert (episode, seconds >= 1.0) == (1, True)


def test_a_row_that_does_not_fit_is_no_interruption(tmp_path: Path) -> None:
    """The second camera's picture is too small: neither camera gets a frame, and the episode goes on."""
    root = tmp_path / "d"
    with DatasetWriter(root, data_samples.schema(), patience_s=9, reserve_mb=1) as writer:
        writer.begin("a", 0)
        rows(writer, 0, 5)
        images = {key: data_samples.image(0, 5, i) for i, key in enumerate(data_samples.CAMERAS)}
        with pytest.raises(DataError, match="declared is") as told:
            writer.add(
                data_samples.row(0, 5), images | {data_samples.CAMERAS[1]: np.zeros((8, 8, 3), np.uint8)}
            )
        assert not isinstance(told.value, InterruptedEpisodeError)
        rows(writer, 0, 5)
        assert writer.end({}).episode.length == 10


RECORD = """
import data_samples
from motorium.data.record.interrupted import InterruptedEpisodeError
from motorium.data.format.dataset import Dataset
from motorium.data.record.repair import repair
from motorium.data.format.video import whole_frames
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError
def rows(writer, episode, count):
    for k in range(count):
        writer.add(data_samples.row(episode, k, cameras=0), {})
root = disk / "d"
"""
BETWEEN = """
with DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=0) as writer:
    writer.begin("a", 0)
    rows(writer, 0, 20)
    writer.end({})
    writer.begin("b", 0)
    rows(writer, 1, 47)
    before_rename(".part", lambda: fill(disk))
    try:
        writer.end({})
    except InterruptedEpisodeError as error:
        print(error)
print(len(Dataset.open(root).episodes))
try:
    repair(root)
except DataError as error:
    print(error)
(disk / "fill").unlink()
print(repair(root).published, [e.length for e in Dataset.open(root).episodes])
"""


def test_a_disk_that_fills_between_finishing_and_publishing_keeps_the_whole_episode(tmp_path: Path) -> None:
    told, kept, still, done = on_small_disk(RECORD + BETWEEN, tmp_path / "disk").splitlines()
    root = tmp_path / "disk/d"
    assert "No space left on device" in told
    assert told.endswith(f"moved into place; make room on that disk, then motorium data repair {root}")
    assert kept == "1"
    assert "No space left" in still
    assert done == "[1] [20, 47]"


WITHOUT_INODES = """
with DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=0) as writer:
    writer.begin("a", 0)
    rows(writer, 0, 20)
    writer.end({})
    taken = []
    try:
        while True:
            taken.append(disk / f"file {len(taken)}")
            taken[-1].touch()
    except OSError:
        taken.pop()
    try:
        writer.begin("b", 0)
    except DataError as error:
        print(error)
    for path in taken[-2:]:
        path.unlink()
    writer.begin("b", 0)
    rows(writer, 1, 25)
    try:
        writer.end({})
    except InterruptedEpisodeError as error:
        print(error)
    for path in taken[:-2]:
        path.unlink()
print(repair(root).recovered, [e.length for e in Dataset.open(root).episodes])
"""


def test_a_disk_without_inodes_is_named_and_what_was_recorded_waits(tmp_path: Path) -> None:
    program, options = RECORD + WITHOUT_INODES, "size=16m,nr_inodes=60"
    refused, told, done = on_small_disk(program, tmp_path / "disk", options).splitlines()
    assert "no episode can be begun" in refused
    assert "No space left on device" in refused
    assert "make room on that disk, then motorium data repair" in told
    assert done == "[(1, 1.0)] [20, 20]"


ENCODING = """
import time
root = disk / "d"
schema = data_samples.schema(cameras=data_samples.CAMERAS[:1])
with DatasetWriter(root, schema, reserve_mb=0, patience_s=9) as writer:
    writer.begin("a", 0)
    try:
        for k in range(100_000):
            writer.add(data_samples.row(0, k, cameras=1), {data_samples.CAMERAS[0]: data_samples.image(0, k, 0)})
            if k == 60:
                time.sleep(1)
                fill(disk)
            time.sleep(0.002)
    except InterruptedEpisodeError as error:
        print(k < 50_000, error)
(disk / "fill").unlink()
((episode, seconds),) = repair(root).recovered
print(episode, seconds >= 2, len(Dataset.open(root).episodes))
"""


def test_a_disk_that_fills_under_the_encoder_ends_the_episode_and_keeps_it(tmp_path: Path) -> None:
    told, done = on_small_disk(RECORD + ENCODING, tmp_path / "disk").splitlines()
    assert told.startswith("True ")
    assert "motorium data repair" in told
    assert done == "0 True 1"


@pytest.mark.nightly
@pytest.mark.parametrize("name", [".", "./", "../d", "../d/.", "sub/.."])
def test_a_dataset_may_be_named_by_dots(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d/sub").mkdir(parents=True)
    if name != "sub/..":
        (tmp_path / "d/sub").rmdir()
    monkeypatch.chdir(tmp_path / "d")
    if name == "sub/..":
        with pytest.raises(DataError, match="nor empty"):
            DatasetWriter(Path(name), data_samples.schema(cameras=()), reserve_mb=1)
        return
    data_samples.write(Path(name), ("a", "b"), seconds=1, cameras=())
    monkeypatch.chdir(tmp_path / "d")
    for verb in (["info"], ["check"], ["repair"], ["view"], ["mark", "--success", "--episodes", "0"]):
        assert CliRunner().invoke(main, ["data", verb[0], name, *verb[1:]]).exit_code == 0, verb
    assert (tmp_path / "d.html").exists()
    done = CliRunner().invoke(main, ["data", "delete", name, "--episodes", "0"])
    assert done.exit_code == 0
    assert "1 episode, 20 rows" in done.output
    assert [len(Dataset.open(tmp_path / folder).episodes) for folder in ("d", "d_old")] == [1, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"d", "d_old", "d.html"}


def test_a_tilde_that_the_shell_left_is_named_before_an_arm_is_opened() -> None:
    done = CliRunner().invoke(main, ["record", "so101", "--leader", "so101_leader", "--dataset", "~/cubes"])
    assert done.exit_code == 2
    assert "the shell did not expand ~" in done.stderr


def test_an_encoder_that_cannot_begin_says_so_in_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Something lies where its lock should be; it tells, and waits for the next episode."""
    from motorium.data.record.sink import VideoSink

    part = tmp_path / "part"
    (part / "encoder.lock").mkdir(parents=True)
    picture = np.zeros((64, 64, 3), np.uint8)
    sink = VideoSink(data_samples.schema(cameras=ONE).videos, FPS, "h264")
    try:
        for end in (lambda: [sink.put(0, picture) for _ in range(500) if not time.sleep(0.01)], sink.finish):
            sink.open(part)
            with pytest.raises(DataError, match=r"the video encoder failed: .*encoder\.lock"):
                end()
        (part / "encoder.lock").rmdir()
        sink.open(part)
        sink.put(0, picture)
        assert [frames for frames, _ in sink.finish()] == [1]
    finally:
        sink.close()
    assert capfd.readouterr().err == ""
