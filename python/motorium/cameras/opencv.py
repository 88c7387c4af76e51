"""Sources over OpenCV: USB video class cameras (V4L2) and video files. Needs the extra `cameras`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CameraError
from ..units import NS_PER_S
from .devices import SYSFS, find_device, list_devices
from .modes import Mode
from .thread import Shot

STAMP_WINDOW_S = 1.0
"""A driver's time stamp is believed when it lies this far in the past at most: some count from their first frame."""
FPS_TOLERANCE = 0.15
MAX_SIDE = 8192


def import_cv2() -> Any:
    """Import OpenCV. Raises CameraError with the extra that installs it."""
    try:
        import cv2
    except ImportError as error:
        raise CameraError(
            f"cameras of this kind need OpenCV ({error}): pip install 'motorium[cameras]'"
        ) from error
    return cv2


class UvcSource:
    """A USB video class camera, found by serial number or USB path each time it is opened."""

    def __init__(self, mode: Mode, *, serial: str = "", usb_path: str = "", sysfs: Path = SYSFS) -> None:
        """Open it and set its mode. Raises CameraError: absent, busy, or it takes another mode than asked for."""
        cv2 = import_cv2()
        device = find_device(list_devices(sysfs), serial=serial, usb_path=usb_path)
        self._cv2, self._name = cv2, f"{device.title} at {device.usb_path or device.node}"
        self._capture = cv2.VideoCapture(device.node, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(
                f"{self._name}: {device.node} cannot be opened; another program may use it, or your user is not in "
                f"the group video"
            )
        self._set(mode)

    def _set(self, mode: Mode) -> None:
        cv2, capture = self._cv2, self._capture
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.pixels))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
        capture.set(cv2.CAP_PROP_FPS, mode.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        width = round(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        fps = capture.get(cv2.CAP_PROP_FPS)
        wrong_rate = fps > 0 and abs(fps - mode.fps) > FPS_TOLERANCE * mode.fps
        if (width, height) != (mode.width, mode.height) or wrong_rate:
            self.close()
            raise CameraError(f"{self._name} gives {width}x{height} at {fps:g} Hz, not {mode}")

    def grab(self) -> Shot:
        """Return the next frame with the driver's time stamp, which uvcvideo takes from CLOCK_MONOTONIC."""
        try:
            good, image = self._capture.read()
        except self._cv2.error as error:  # a damaged JPEG, for one
            raise CameraError(f"{self._name}: {error}") from error
        if not good or image is None:
            raise CameraError(f"{self._name} stopped delivering frames")
        stamp_ns = int(self._capture.get(self._cv2.CAP_PROP_POS_MSEC) * 1e6)
        age_s = (time.monotonic_ns() - stamp_ns) / NS_PER_S
        return Shot(_rgb(image), stamp_ns if 0.0 <= age_s <= STAMP_WINDOW_S else None)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


class FileSource:
    """A video file at its own rate, for tests and for trying things without a camera."""

    def __init__(self, path: str | Path, *, loop: bool = True, paced: bool = True) -> None:
        """Open it. Raises CameraError when it is absent or no video.

        Args:
            path: of the file.
            loop: start again at its end; otherwise the end is a loss.
            paced: wait as long between frames as the file says; otherwise deliver at once.
        """
        cv2 = import_cv2()
        self._cv2, self._path, self._loop = cv2, str(path), loop
        if not Path(path).is_file():
            raise CameraError(f"no video file {path}")
        self._capture = cv2.VideoCapture(self._path)
        fps = self._capture.get(cv2.CAP_PROP_FPS) if self._capture.isOpened() else 0.0
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if not 0.1 <= fps <= 1000.0 or not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
            self._capture.release()
            raise CameraError(
                f"{path} is not a video that OpenCV can play ({width:g}x{height:g} at {fps:g} Hz)"
            )
        self._period_s = 1.0 / fps if paced else 0.0
        self._due_s = time.monotonic()

    def grab(self) -> Shot:
        """Return the next frame, when it is due."""
        self._due_s = max(self._due_s + self._period_s, time.monotonic() - self._period_s)
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        good, image = self._capture.read()
        if not good and self._loop:
            self._capture.set(self._cv2.CAP_PROP_POS_FRAMES, 0)
            good, image = self._capture.read()
        if not good or image is None:
            raise CameraError(f"{self._path} has ended")
        return Shot(_rgb(image), time.monotonic_ns())

    def close(self) -> None:
        """Release the file."""
        self._capture.release()


def _rgb(image: Any) -> Any:
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    return np.ascontiguousarray(image[:, :, 2::-1])
