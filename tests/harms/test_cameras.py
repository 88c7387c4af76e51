"""Harms of cameras: exchanged after a restart, silent for a moment."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from camera_feed import Feed

from motorium.cameras import rig as rigs
from motorium.cameras import thread as threads
from motorium.cameras.modes import Mode
from motorium.cameras.rig import CameraRig
from motorium.cameras.setup import Binding, CameraSetup
from motorium.cameras.thread import CameraThread, Shot
from motorium.errors import CameraError


def scene(seed: int) -> np.ndarray:
    """A picture of soft blocks, the same for the same seed."""
    blocks = np.random.default_rng(seed).integers(30, 220, (6, 8, 3)).astype(np.uint8)
    return np.kron(blocks, np.ones((20, 20, 1), np.uint8))


def film(path: Path, seed: int) -> Path:
    """A short video file."""
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (160, 120))
    for _ in range(4):
        writer.write(scene(seed)[:, :, ::-1])
    writer.release()
    return path


def test_harm_23_cameras_exchanged_after_a_restart_are_refused(tmp_path: Path) -> None:
    setup = CameraSetup("arm")
    for seed, role in enumerate(("front", "wrist")):
        setup = rigs.bind(setup, role, Binding("file", path=str(film(tmp_path / f"{role}.avi", seed))))
    with CameraRig.open("arm") as rig:
        assert set(rig.first_frames()) == {"front", "wrist"}
    crossed = {"front": setup.cameras["wrist"], "wrist": setup.cameras["front"]}
    replace(setup, cameras=crossed).save()
    with pytest.raises(CameraError, match="camera 'front' shows what 'wrist' should"):
        CameraRig.open("arm")


def test_harm_24_a_silent_camera_is_opened_again_and_its_old_picture_is_not_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "FIRST_RETRY_S", 0.001)
    feed, image = Feed(), np.zeros((4, 4, 3), np.uint8)
    camera = CameraThread("front", feed.open, max_age_s=0.05)
    feed.shots.put(Shot(image))
    assert camera.read_latest().seq == 1
    feed.shots.put(None)  # the hub resets
    time.sleep(0.06)
    with pytest.raises(CameraError, match="no fresh frame within"):
        camera.read_latest(0.02)
    feed.shots.put(Shot(image))
    assert camera.read_newer(1).seq == 2
    assert (camera.stats().lost, camera.stats().opened) == (1, 2)
    feed.shots.put(None)
    camera.close()


def test_harm_24_a_bus_that_is_too_small_is_told_before_the_start(tmp_path: Path) -> None:
    """Two uncompressed streams behind one hub: others find out in the middle of a recording."""
    setup = CameraSetup("arm")
    root = tmp_path / "sys"
    for number, role in enumerate(("front", "wrist")):
        usb = root / "devices" / f"1-1.{number}"
        node = usb / "1.0" / "video4linux" / f"video{number}"
        node.mkdir(parents=True)
        for name, text in {"speed": "480", "idVendor": "1bcf", "idProduct": "0b09", "serial": role}.items():
            (usb / name).write_text(text + "\n")
        (node / "name").write_text("camera\n")
        (node / "index").write_text("0\n")
        (node / "device").symlink_to(usb / "1.0")
        links = root / "class" / "video4linux"
        links.mkdir(parents=True, exist_ok=True)
        (links / f"video{number}").symlink_to(node)
        setup = setup.bound(role, Binding("uvc", serial=role, mode=Mode(pixels="YUYV")))
    with pytest.raises(CameraError, match="USB bus 1 carries"):
        CameraRig(setup, sysfs=root)
