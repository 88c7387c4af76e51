"""Fewer rows per second by true times: nearest rows, their own pictures, actions of the new distance."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from motorium.data.edit import edits as edit
from motorium.data.format.dataset import Dataset
from motorium.data.format.schema import Feature, Schema
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

OLD, NEW, ROWS = 20, 8, 60
CAMERA = "observation.images.front"
RULE_2 = {"pairing": 2}


def true_times(hole_s: float) -> np.ndarray:
    """Rows a few milliseconds off their time, and a machine that stood still before row 30."""
    k = np.arange(ROWS)
    return k / OLD + 0.004 * np.sin(2.4 * k) + np.where(k >= 30, hole_s, 0.0)


def write(root: Path, times_s: np.ndarray, own: dict) -> Dataset:
    features = (
        Feature("observation.state", "float32", (1,), ("lift.pos",)),
        Feature("action", "float32", (1,), ("lift.pos",)),
        Feature("commanded_rad", "float32", (1,), ("lift.pos",)),
        Feature("capture_s", "float64", (2,), ("front", "joints")),
        Feature("row_s", "float64", (1,)),
        Feature(CAMERA, "video", (32, 32, 3), ("height", "width", "channels")),
    )
    with DatasetWriter(root, Schema(OLD, "thing", features, own), patience_s=30.0, reserve_mb=1) as writer:
        writer.begin("lift", 0)
        for k, t in enumerate(times_s):
            row = {"observation.state": [t], "commanded_rad": [np.sin(t)], "action": [np.sin(t + 1 / OLD)]}
            # By rule 2 the observation is older than the row; by the old rule everything is of the row's time.
            row |= {"row_s": [t + 0.03], "capture_s": [t, t]} if own else {"row_s": [t], "capture_s": [t, t]}
            writer.add(row, {CAMERA: np.full((32, 32, 3), 10 + 4 * k, np.uint8)})
        writer.end({})
    return Dataset.open(root)


@pytest.mark.parametrize("own", [RULE_2, {}])
def test_every_tick_has_its_nearest_row_picture_and_action(tmp_path: Path, own: dict) -> None:
    times = true_times(0.0)
    source = write(tmp_path / "d", times, own)
    edit.downsample(source, NEW, tmp_path / "out")
    made = Dataset.open(tmp_path / "out")
    ((episode, rows),) = made.stream()
    assert made.schema.fps == NEW
    ticks = times[0] + np.arange(episode.length) / NEW
    assert ticks[-1] <= times[-1] < ticks[-1] + 1 / NEW  # the whole episode
    wanted = np.abs(times[None] - ticks[:, None]).argmin(axis=1)
    at = rows["observation.state"][:, 0]
    np.testing.assert_allclose(at, times[wanted], atol=1e-6)
    log_t, log = np.append(times, times[-1] + 1 / OLD), np.sin(np.append(times, times[-1] + 1 / OLD))
    inside = at + 1 / NEW <= log_t[-1]
    np.testing.assert_allclose(
        rows["action"][inside, 0], np.interp(at + 1 / NEW, log_t, log)[inside], atol=1e-4
    )
    np.testing.assert_allclose(rows["action"][~inside, 0], log[-1], atol=1e-6)
    np.testing.assert_allclose(rows["commanded_rad"][:, 0], np.sin(at), atol=1e-6)
    before = np.array([frame.mean() for _, frame in source.pictures(source.episodes[0], CAMERA)])
    levels = np.array([frame.mean() for _, frame in made.pictures(episode, CAMERA)])
    np.testing.assert_array_equal(
        np.abs(before[None] - levels[:, None]).argmin(axis=1), wanted
    )  # its own picture
    assert made.schema.own == own  # the rule goes along


def test_a_hole_is_said_and_its_ticks_get_the_nearest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write(tmp_path / "d", true_times(0.8), RULE_2)
    with caplog.at_level(logging.WARNING):
        edit.downsample(source, NEW, tmp_path / "out")
    assert caplog.text.count("no row lies within 50 ms") == 1
    made = Dataset.open(tmp_path / "out")
    ((episode, rows),) = made.stream()
    at = rows["observation.state"][:, 0]
    assert np.abs(at - np.arange(episode.length) / NEW).max() < 0.45
    assert len(list(made.pictures(episode, CAMERA))) == episode.length
    assert (np.diff(at) >= 0).all()


def test_times_that_fall_are_refused_with_the_episode(tmp_path: Path) -> None:
    times = true_times(0.0)
    times[40:] -= 0.5
    with pytest.raises(DataError, match=r"episode 0.*go back"):
        edit.downsample(write(tmp_path / "d", times, RULE_2), NEW, tmp_path / "out")
    assert not (tmp_path / "out").exists()
