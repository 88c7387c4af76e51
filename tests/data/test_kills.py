"""SIGKILL at random moments: no finished episode is ever lost, and the one in progress is kept to its last second.

Fifty of them in a row, run once: docs/kills.json, made by `python tests/support/dataset_kills.py 50`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import data_samples
import dataset_kills
import numpy as np
import pytest

from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.record import staging
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter


def test_kills_lose_no_finished_episode(tmp_path):
    record = dataset_kills.run(tmp_path / "d", 3, seed=11)  # the recorder, both, the encoder
    assert len(record.kills) == 3
    assert record.finished > 0
    assert record.lost == 0


ONE = data_samples.CAMERAS[:1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return data_samples.write(tmp_path_factory.mktemp("whole") / "d", ("whole",), seconds=1, cameras=ONE)


@pytest.fixture
def root(whole, tmp_path):
    """A dataset with one episode, a copy for each test."""
    return shutil.copytree(whole, tmp_path / "d")


def in_progress(root: Path, rows: int) -> None:
    """Leaves an episode of `rows` rows in progress, everything flushed, as after a kill."""
    writer = DatasetWriter(root, data_samples.schema(cameras=ONE), patience_s=10, reserve_mb=1)
    writer.begin("cut off", 0)
    for k in range(rows):
        images = {c: data_samples.image(9, k, i) for i, c in enumerate(ONE)}
        writer.add(data_samples.row(9, k, cameras=1), images)
    writer.close()


def test_what_was_in_progress_is_kept_to_its_last_full_second(root):
    in_progress(root, 3 * data_samples.FPS - 1)
    done = repair(root)
    assert done.recovered == [(1, 2.0)]
    episode = Dataset.open(root).episodes[1]
    assert (episode.tasks, episode.length) == (("cut off",), 2 * data_samples.FPS)
    states = Dataset.open(root).rows(episode)["observation.state"]
    np.testing.assert_array_equal(
        states[-1], data_samples.row(9, 2 * data_samples.FPS - 1)["observation.state"]
    )
    assert repair(root).nothing


def test_less_than_a_second_is_not_kept_and_a_new_session_begins_clean(tmp_path):
    in_progress(tmp_path / "d", data_samples.FPS - 1)
    with DatasetWriter(tmp_path / "d", data_samples.schema(cameras=ONE), reserve_mb=1) as writer:
        assert writer.repaired.lost == [writer.repaired.lost[0]]
        assert "less than a second" in writer.repaired.lost[0]
    assert layout.leftovers(tmp_path / "d") == ([], [])


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_torn_journal_and_a_torn_video_are_used_up_to_the_tear(tmp_path, cut):
    root = tmp_path / "d"
    in_progress(root, 5 * data_samples.FPS)
    (_, (part,)) = layout.leftovers(root)
    for path in part.iterdir():
        whole = path.read_bytes()
        keep = int(len(whole) * cut)
        path.write_bytes(whole[:keep] + b"\xff" * 64)
    if cut < 0.5:  # not even the header of the journal is whole: it is put aside, nothing is thrown away
        repair(root)
    else:
        ((episode, seconds),) = repair(root).recovered
        assert (episode, 1 <= seconds < 5) == (0, True)
    for _, rows in Dataset.open(root).stream():
        for k, state in enumerate(rows["observation.state"]):
            np.testing.assert_array_equal(state, data_samples.row(9, k)["observation.state"])


@pytest.mark.parametrize("moves", range(4))
def test_publishing_can_be_cut_off_anywhere(root, monkeypatch, moves):
    """Ends the program after so many renames; the repair does the rest, and only once."""
    count = 0
    real = staging._move

    def cut_off(root: Path, source: Path, target: Path) -> None:
        nonlocal count
        if count == moves:
            raise KeyboardInterrupt
        count += 1
        real(root, source, target)

    monkeypatch.setattr(staging, "_move", cut_off)
    with pytest.raises(KeyboardInterrupt):
        data_samples.write(root, ("again",), seconds=1, cameras=ONE)
    monkeypatch.setattr(staging, "_move", real)
    assert repair(root).published == [1]
    dataset = Dataset.open(root)
    assert (dataset.info.episodes, dataset.info.frames) == (2, 40)
    assert [e.tasks for e in dataset.episodes] == [("whole",), ("again",)]


def test_statistics_count_an_episode_once_however_often_it_is_published(tmp_path):
    root = data_samples.write(tmp_path / "d", ("a", "b"), seconds=1, cameras=())
    stats = (root / layout.STATS).read_text()
    info = (root / layout.INFO).read_text()
    shutil.copytree(root, tmp_path / "copy")
    assert repair(root).nothing
    assert (root / layout.STATS).read_text() == stats
    assert (root / layout.INFO).read_text() == info
