"""Cameras without hardware: a made-up sysfs tree, made-up pictures, short video files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_config(tmp_path, monkeypatch):
    """No test sees, or leaves, a person's cameras."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def room(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    """A picture with soft coloured shapes, the same for the same seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    image = np.zeros((height, width, 3))
    for _ in range(40):
        cx, cy, size = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.02, 0.15)
        inside = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / size**2)
        image += inside[..., None] * rng.uniform(-1, 1, 3)
    image = (image - image.min()) / (image.max() - image.min())
    return (20 + 200 * image).astype(np.uint8)


@pytest.fixture
def make_room():
    return room


@pytest.fixture
def video(tmp_path):
    """`video(name, [frames])` -> path of a short MJPG file."""
    cv2 = pytest.importorskip("cv2")

    def write(name: str, frames: list[np.ndarray], fps: float = 30.0) -> Path:
        path = tmp_path / f"{name}.avi"
        height, width = frames[0].shape[:2]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
        for frame in frames:
            writer.write(frame[:, :, ::-1])
        writer.release()
        return path

    return write


class FakeSysfs:
    """Builds /sys/class/video4linux and the USB devices behind it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "class" / "video4linux").mkdir(parents=True)

    def plug(
        self, number: int, usb_path: str, *, serial: str = "", speed: str = "480", index: str = "0"
    ) -> None:
        usb = self.root / "devices" / "usb" / usb_path
        interface = usb / f"{usb_path}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        for name, text in {"speed": speed, "idVendor": "1bcf", "idProduct": "0b09"}.items():
            (usb / name).write_text(text + "\n")
        if serial:
            (usb / "serial").write_text(serial + "\n")
        node = interface / "video4linux" / f"video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text("USB Camera: USB Camera\n")
        (node / "index").write_text(index + "\n")
        (node / "device").symlink_to(interface)
        (self.root / "class" / "video4linux" / f"video{number}").symlink_to(node)

    def unplug(self, number: int) -> None:
        (self.root / "class" / "video4linux" / f"video{number}").unlink()


@pytest.fixture
def sysfs(tmp_path):
    return FakeSysfs(tmp_path / "sys")
