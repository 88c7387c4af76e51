"""A camera's thread: freshness, numbering, loss and return."""

from __future__ import annotations

import time

import numpy as np
import pytest
from camera_feed import Feed

from motorium.cameras import thread as threads
from motorium.cameras.thread import CameraThread, DepthFrame, Shot
from motorium.errors import CameraError


@pytest.fixture
def feed(monkeypatch):
    monkeypatch.setattr(threads, "FIRST_RETRY_S", 0.001)
    return Feed()


@pytest.fixture
def camera(feed):
    camera = CameraThread("front", feed.open, max_age_s=5.0)
    yield camera
    feed.shots.put(None)
    camera.close()


def test_frames_carry_capture_time_and_number(feed, camera):
    t_ns = time.monotonic_ns() - 20_000_000
    feed.put(1, t_ns)
    first = camera.read_latest()
    assert (first.t_ns, first.seq, first.image[0, 0, 0]) == (t_ns, 1, 1)
    feed.put(2, t_ns + 5)
    second = camera.read_newer(1)
    assert (second.t_ns, second.seq, second.image[0, 0, 0]) == (t_ns + 5, 2, 2)


def test_time_never_goes_back_and_never_lies_ahead(feed, camera):
    feed.put(1, time.monotonic_ns() + 10**9)
    first = camera.read_latest()
    assert first.t_ns <= time.monotonic_ns()
    feed.put(2, first.t_ns - 10**9)
    assert camera.read_newer(1).t_ns > first.t_ns
    assert camera.stats().backward_times == 1


def test_an_old_frame_is_not_handed_out(feed):
    camera = CameraThread("front", feed.open, max_age_s=0.05)
    feed.put(1, time.monotonic_ns() - 10**9)
    with pytest.raises(
        CameraError, match=r"camera 'front' delivered no fresh frame within 0.2 s \(the last is 1\."
    ):
        camera.read_latest(0.2)
    feed.shots.put(None)
    camera.close()


def test_a_lost_camera_is_opened_again(feed, camera):
    feed.put(1)
    camera.read_latest()
    feed.shots.put(None)
    feed.put(2)
    assert camera.read_newer(1).image[0, 0, 0] == 2
    stats = camera.stats()
    assert (stats.opened, stats.lost, feed.closed, stats.error) == (2, 1, 1, "")


def test_a_camera_that_stays_away_says_why(feed):
    feed.absent = True
    camera = CameraThread("wrist", feed.open)
    with pytest.raises(CameraError, match=r"\(none yet\): no camera with serial A1"):
        camera.read_latest(0.1)
    feed.absent = False
    feed.put(7)
    assert camera.read_latest(5.0).image[0, 0, 0] == 7
    feed.shots.put(None)
    camera.close()
    with pytest.raises(CameraError, match="'wrist' is closed"):
        camera.read_latest()


def test_depth_travels_with_the_frame(feed, camera):
    depth = np.full((4, 6), 500, np.uint16)
    feed.shots.put(Shot(np.zeros((4, 6, 3), np.uint8), None, depth, 0.001))
    frame = camera.read_latest()
    assert isinstance(frame, DepthFrame)
    assert frame.depth[0, 0] * frame.depth_unit_m == pytest.approx(0.5)


def test_what_is_no_image_counts_as_a_loss(feed, camera):
    feed.shots.put(Shot(np.zeros((4, 6), np.uint8)))
    feed.put(3)
    assert camera.read_latest(5.0).image[0, 0, 0] == 3
    assert camera.stats().lost == 1
