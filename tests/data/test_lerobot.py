"""Our datasets in LeRobot's hands, and LeRobot's in ours: lengths, tasks, statistics and decoded frames agree."""

from __future__ import annotations

import data_samples
import numpy as np
import pyarrow.parquet as pq
import pytest

from motorium.data.check.judge import check
from motorium.data.edit import convert
from motorium.data.edit import edits as edit
from motorium.data.format.dataset import Dataset
from motorium.learn.data.frames import Clip

TASKS = ("put the cube in the tray", "", "räume 一 auf", "put the cube in the tray")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return data_samples.write(tmp_path_factory.mktemp("ours") / "d", TASKS, seconds=1.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("theirs")


@pytest.fixture(scope="module")
def answers(written, folder, lerobot):
    """Everything that LeRobot is asked for in these tests, in one process: importing it takes seconds."""
    convert.convert(Dataset.open(written), "v2.1", folder / "old")
    convert.convert(Dataset.open(folder / "old"), "v3.0", folder / "back")
    jobs = {
        "read": written, "write": folder / "d", "upgrade": folder / "old", "read back": folder / "back",
        "stills": folder / "stills",
    }  # fmt: skip
    return dict(zip(jobs, lerobot([(job.split()[0], path) for job, path in jobs.items()]), strict=True))


@pytest.fixture(scope="module")
def seen(answers):
    return answers["read"]


def test_lerobot_sees_what_was_written(seen):
    assert (seen["length"], seen["episodes"], seen["fps"]) == (120, 4, data_samples.FPS)
    assert seen["lengths"] == [30] * 4
    assert seen["tasks"] == list(dict.fromkeys(TASKS))
    assert seen["item_tasks"] == [TASKS[i // 30] for i in seen["indices"]]
    for i, state in zip(seen["indices"], seen["states"], strict=True):
        np.testing.assert_array_equal(
            np.float32(state), data_samples.row(i // 30, i % 30)["observation.state"]
        )


@pytest.mark.nightly
def test_lerobot_decodes_the_frames_of_the_rows(written, seen):
    ours = Dataset.open(written)
    for key in data_samples.CAMERAS:
        decoded = {(e.index, k): frame for e in ours.episodes for k, frame in ours.pictures(e, key)}
        for i, mean in zip(seen["indices"], seen["pictures"][key], strict=True):
            np.testing.assert_allclose(mean, decoded[i // 30, i % 30].mean((0, 1)), atol=0.6)
    # The right frame and not a neighbour: the square is where it was drawn.
    for k, frame in ours.pictures(ours.episodes[1], data_samples.CAMERAS[0]):
        drawn = {n: data_samples.image(1, n, 0) for n in range(k - 2, k + 3)}
        assert min(drawn, key=lambda n: np.abs(frame.astype(int) - drawn[n]).mean()) == k


def test_statistics_are_those_lerobot_computes(seen):
    for key, theirs in seen["recomputed"].items():
        ours = seen["stats"][key]
        assert ours["count"] == theirs["count"]
        for name in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6)


def test_statistics_of_an_episode_are_those_of_numpy(written):
    dataset = Dataset.open(written)
    episode = dataset.episodes[2]
    state, stats = dataset.rows(episode)["observation.state"], dataset.stats(episode)["observation.state"]
    np.testing.assert_allclose(stats["mean"], state.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(stats["std"], state.astype(float).std(0), rtol=1e-5)
    assert (np.asarray(stats["q01"]) <= stats["q50"]).all()
    picture = dataset.stats(episode)[data_samples.CAMERAS[0]]
    drawn = np.stack([data_samples.image(2, k, 0) for k in range(0, 30, 4)]) / 255
    np.testing.assert_allclose(np.ravel(picture["mean"]), drawn.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(np.ravel(picture["std"]), drawn.std((0, 1, 2)), atol=1e-6)
    assert np.shape(picture["min"]) == (3, 1, 1)


def test_real_lerobot_converts_our_v21_and_reads_what_came_back(answers, written, folder):
    converted, back = answers["upgrade"], answers["read back"]
    assert converted["length"] == back["length"] == 120
    assert converted["tasks"] == back["tasks"] == list(dict.fromkeys(TASKS))
    assert converted["states"] == back["states"] == answers["read"]["states"]
    for key in data_samples.CAMERAS:
        np.testing.assert_allclose(converted["pictures"][key], back["pictures"][key], atol=0.01)
    # What LeRobot joined into one file each, we read again.
    joined = Dataset.open(folder / "old")
    assert joined.info.version == "v3.0"
    assert len(joined.by_file()) == 1
    assert data_samples.content(joined) == data_samples.content(Dataset.open(written))


@pytest.mark.usefixtures("answers")
def test_pictures_that_lerobot_keeps_in_the_data_files_are_checked_and_copied(folder):
    source = Dataset.open(folder / "stills")
    assert source.schema.feature("observation.images.top").dtype == "image"
    assert not [f for f in check(folder / "stills").findings if f.kind == "damaged"]
    edit.delete(source, frozenset({0}), folder / "fewer")

    def stills(dataset):
        return [
            image["bytes"]
            for path in dataset.by_file()
            for image in pq.read_table(path)["observation.images.top"].to_pylist()
        ]

    before, after = stills(source), stills(Dataset.open(folder / "fewer"))
    assert after == before[12:]
    assert after[0].startswith(b"\x89PNG")


@pytest.mark.usefixtures("answers")
def test_what_lerobot_writes_is_sound(folder):
    """Frames, statistics and numbering, also of the files that LeRobot joins; it keeps neither times nor limits."""
    for name, said in (("d", {"not_judged", "unit"}), ("old", set()), ("stills", {"not_judged", "unit"})):
        found = {f.kind for f in check(folder / name).findings}
        assert found & {"frames", "video", "extra_frames", "stats", "no_stats", "index", "damaged"} == set()
        assert said <= found


@pytest.mark.usefixtures("answers")
def test_we_read_what_lerobot_writes(folder):
    dataset = Dataset.open(folder / "d")
    assert (len(dataset.episodes), dataset.frames, dataset.tasks) == (3, 93, ("first", "zweitens"))
    for episode, rows in dataset.stream():
        np.testing.assert_array_equal(rows["action"][:, 0], -np.arange(30 + episode.index))
        pictures = [frame for _, frame in dataset.pictures(episode, "observation.images.top")]
        assert len(pictures) == episode.length
        for k, frame in enumerate(pictures):
            assert frame[:, 3 * (k % 30) + 1].mean() > 200
    assert dataset.stats(dataset.episodes[1])["action"]["count"] == [31]


def test_training_finds_the_frames_of_an_episode_in_a_file_of_several(answers, folder):
    del answers
    theirs = Dataset.open(folder / "d")
    key = "observation.images.top"
    assert len({theirs.video_path(episode, key) for episode in theirs.episodes}) == 1
    clip = Clip.of(theirs, theirs.episodes[1], key, None)
    for k, picture in enumerate(clip.decode()):
        bar = picture[:, :, 0].mean(axis=0)
        assert bar.argmax() // 3 == k % 30
        np.testing.assert_allclose(np.median(bar), 100, atol=3)
        if k in (0, 17):
            np.testing.assert_array_equal(clip.decode_one(k), picture)
