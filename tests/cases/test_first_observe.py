"""The first `observe` after opening returns an observation: the first thing a programmer tries."""

from __future__ import annotations

import time

import numpy as np
import pytest

from motorium.robots import frames
from motorium.robots.robot import Robot
from motorium.sim.backend import open_backend
from motorium.specs.robot import RobotSpec
from motorium.types import Camera, Frame


def test_a_simulator_hands_over_cameras_that_show_the_arm_at_work():
    with open_backend("sim:koch_follower") as backend:  # its first frame is of before the physics started
        assert all(camera.read_latest().seq > 1 for camera in backend.cameras.values())


def test_the_first_observe_of_a_simulated_arm_returns():
    with Robot.open("sim:so101") as robot:
        seen = robot.observe("put the red cube in the tray")
    assert set(seen.images) == {"front", "wrist"}


class _WarmingUp:
    """A camera that shows the same old picture until `ready`, as one whose exposure is still being set."""

    role = "front"

    def __init__(self, frame: Frame, ready_s: float) -> None:
        self._first, self._ready = frame, time.monotonic() + ready_s

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        del timeout_s
        if time.monotonic() < self._ready:
            return self._first
        return Frame(self._first.image, time.monotonic_ns(), self._first.seq + 1)

    def close(self) -> None: ...


@pytest.fixture
def spec():
    return RobotSpec.load("so101")


def _camera(spec, ready_s: float) -> dict[str, Camera]:
    old_ns = time.monotonic_ns() - round(2e9 * spec.cameras[0].max_age_s)
    return {"front": _WarmingUp(Frame(np.zeros((4, 6, 3), np.uint8), old_ns, 1), ready_s)}


def test_opening_waits_for_a_camera_that_warms_up(spec):
    cameras = _camera(spec, 0.5)
    frames.await_first(spec, cameras)
    assert cameras["front"].read_latest().seq > 1


def test_observing_waits_for_a_frame_that_is_young_enough(spec):
    seen, now_ns = frames.newest(spec, _camera(spec, frames.PATIENCE_S / 4))
    assert now_ns - seen["front"].t_ns < 1e9 * spec.cameras[0].max_age_s


def test_a_camera_that_stays_old_delays_opening_but_forbids_nothing(spec, monkeypatch, caplog):
    monkeypatch.setattr(frames, "FIRST_FRAMES_S", 0.1)
    frames.await_first(spec, _camera(spec, 60.0))
    assert "camera 'front' is 1." in caplog.text
