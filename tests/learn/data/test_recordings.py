"""The table that batches are made from: what its columns and pictures are, whatever dataset they come from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from data_samples import FPS, image, row, write

from motorium.data.format.dataset import Dataset
from motorium.learn.data import Recordings, SourceSpec, TableSpec
from motorium.learn.data.statistics import joint_statistics, picture_statistics
from motorium.specs.robot import RobotSpec
from motorium.timeline.pairing import Setpoints, label_rows

COMPAT = Path(__file__).parents[2] / "compat/data"
ANYHOW = TableSpec(rows=8, with_failures=True)


def opened(path: Path, cache, table: TableSpec | None = None, **declared) -> Recordings:
    return Recordings.open([SourceSpec(path, **declared)], table or TableSpec(rows=6), cache)


def test_a_dataset_becomes_a_table(two_tasks, cache):
    with opened(two_tasks, cache) as table:
        n, spec = 4 * FPS, RobotSpec.load("so101")
        assert len(table) == n
        assert table.roles == ("front", "wrist")
        assert table.size == (64, 64)
        assert table.dt_s == 1 / FPS
        assert table.tasks == ("put the cube in the tray", "wave")
        assert table.robots == (spec,)
        assert table.slots == tuple(joint.slot for joint in spec.joints)
        assert {name: (table.column(name).dtype, table.column(name).shape) for name in ("state", "rows", "valid")} == {
            "state": (np.float32, (n, 6)), "rows": (np.float32, (n, 6, 6)), "valid": (np.bool_, (n, 6)),
        }  # fmt: skip
        assert table.column("task").tolist() == [0] * 3 * FPS + [1] * FPS
        np.testing.assert_allclose(table.column("time_s"), np.tile(np.arange(FPS) / FPS, 4), atol=1e-9)
        assert table.present.shape == (1, 200)
        assert table.present.sum() == 6
        with pytest.raises(ValueError, match="read-only"):
            table.column("state")[0] = 0


def test_values_are_those_of_slots_in_the_order_of_the_robot(two_tasks, cache):
    with opened(two_tasks, cache) as table:
        state = row(2, 5)["observation.state"]
        gripper = RobotSpec.load("so101").joints[5]
        opening = (state[5] - gripper.lower_rad) / (gripper.upper_rad - gripper.lower_rad)
        np.testing.assert_allclose(table.column("state")[2 * FPS + 5], [*state[:5], opening], atol=1e-6)


def test_no_recording_is_in_both_parts(two_tasks, cache):
    with opened(two_tasks, cache) as table:
        episode = table.column("episode")
        training, held = set(episode[table.training]), set(episode[table.validation])
        assert len(held) == 1
        assert not training & held
        assert training | held == {0, 1, 2, 3}
        with opened(two_tasks, cache) as again:
            np.testing.assert_array_equal(again.validation, table.validation)


def test_pictures_are_those_of_the_frames_asked_for(two_tasks, cache):
    with opened(two_tasks, cache) as table:
        index = np.array([3 * FPS + 11, 2, 2])
        before = table.pictures(index)
        assert before.shape == (3, 2, 64, 64, 3)
        decoding = table.prepare()
        assert decoding.pictures == 2 * 4 * FPS
        assert decoding.per_s > 0
        assert "per second" in str(decoding)
        np.testing.assert_array_equal(table.pictures(index), before)
        for picture, episode, k, camera in ((before[0, 0], 3, 11, 0), (before[1, 1], 0, 2, 1)):
            assert np.abs(picture.astype(int) - image(episode, k, camera)).mean() < 4
        for (_, ahead), start in zip(table.ahead([index, index + 1]), (0, 1), strict=True):
            np.testing.assert_array_equal(ahead, table.pictures(index + start))


@pytest.mark.parametrize("name", ["dataset", "dataset-v2.1"])
def test_rows_are_the_setpoints_in_force(name, cache):
    """Of our recordings, by their own times: `label_rows` for one frame says the same as the table for all."""
    with opened(COMPAT / name, cache, ANYHOW) as table:
        dataset = Dataset.open(COMPAT / name)
        line = dataset.episodes[1]
        rows = dataset.rows(line)
        times = np.rint(rows["capture_s"][:, 2] * 1e9).astype(np.int64)
        log = Setpoints(
            np.append(times, times[-1] + 100_000_000),
            np.concatenate([rows["commanded_rad"], rows["action"][-1:]]),
        )
        first, spec = dataset.episodes[0].length, RobotSpec.load("so101")
        scale, offset = (
            np.array([getattr(j, f"slot_{what}") for j in spec.joints]) for what in ("scale", "offset")
        )
        for k in (0, 7):
            wanted = label_rows(int(times[k]), 100_000_000, 8, log.at)
            np.testing.assert_allclose(table.column("rows")[first + k], wanted * scale + offset, atol=1e-6)
        assert table.column("valid")[first : first + 7].all()
        assert table.column("valid")[-1].tolist() == [True] * 2 + [False] * 6
        assert np.isfinite(table.column("rows")).all()


def test_statistics_are_of_training_alone(two_tasks, cache):
    with opened(two_tasks, cache) as table:
        (found,) = joint_statistics(table)
        state = table.column("state")[table.training]
        assert found.frames == len(state)
        assert found.has.all()
        np.testing.assert_allclose(found.state.mean, state.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(found.state.most, state.max(axis=0))
        valid = table.column("valid")[table.training]
        last = table.column("rows")[table.training][:, 5] - state
        np.testing.assert_allclose(found.relative_mean[5], last[valid[:, 5]].mean(axis=0), atol=1e-5)
        pictures = picture_statistics(table, 8)
        assert pictures.mean.shape == (2, 3)
        assert (pictures.mean > 0.2).all()
        assert (pictures.mean < 0.7).all()


def test_the_fingerprint_is_of_content_and_not_of_place(two_tasks, cache, tmp_path):
    with opened(two_tasks, cache) as table:
        first = table.fingerprint
    moved = tmp_path / "moved"

    shutil.copytree(two_tasks, moved)
    with opened(moved, cache) as table:
        assert table.fingerprint == first
    with opened(moved, cache, TableSpec(rows=7)) as table:
        assert table.fingerprint != first
    other = write(tmp_path / "other", ("put the cube in the tray",) * 2, seconds=1.0)
    with opened(other, cache) as table:
        assert table.fingerprint != first
