"""RealSense cameras: colour with depth aligned to it, from a device, a software device or a recorded .db3 file.

Needs the extra `realsense`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CameraError
from ..units import NS_PER_MS, NS_PER_S
from .modes import Mode
from .thread import Shot

GRAB_TIMEOUT_MS = 2000
STAMP_WINDOW_S = 1.0


def import_rs() -> Any:
    """Import pyrealsense2. Raises CameraError with the extra that installs it."""
    try:
        import pyrealsense2
    except ImportError as error:
        raise CameraError(
            f"RealSense cameras need pyrealsense2 ({error}): pip install 'motorium[realsense]', "
            f"and on Debian libusb-1.0-0"
        ) from error
    return pyrealsense2


def list_realsense() -> list[dict[str, str]]:
    """Return the serial number, name and USB type of every RealSense camera; empty without the extra."""
    try:
        rs = import_rs()
        devices = list(rs.context().query_devices())
    except (CameraError, RuntimeError):
        return []
    fields = {"serial": "serial_number", "title": "name", "usb_type": "usb_type_descriptor"}
    return [
        {key: _info(device, getattr(rs.camera_info, name)) for key, name in fields.items()}
        for device in devices
    ]


class RealSenseSource:
    """Colour frames with depth brought into the colour camera's view."""

    def __init__(self, mode: Mode, *, serial: str = "", file: str | Path = "", depth: bool = True) -> None:
        """Start streaming.

        Args:
            mode: of the colour stream; a recorded file has its own.
            serial: of the camera.
            file: a recording (.db3) to play instead.
            depth: ask for depth too.

        Raises:
            CameraError: absent, busy, or it lacks this mode.
        """
        rs = import_rs()
        self._rs, self._name = rs, f"RealSense {serial or file}"
        self._unit_m = 0.0
        config = rs.config()
        if file:
            if not Path(file).is_file():
                raise CameraError(f"no recording {file}")
            config.enable_device_from_file(str(file), repeat_playback=False)
        else:
            known = [camera["serial"] for camera in list_realsense()]
            if serial not in known:  # the pipeline would wait for it for fifteen seconds
                raise CameraError(f"no {self._name}; on this machine: {', '.join(known) or 'none'}")
            config.enable_device(serial)
            fps = round(mode.fps)
            config.enable_stream(rs.stream.color, mode.width, mode.height, rs.format.rgb8, fps)
            if depth:
                config.enable_stream(rs.stream.depth, rs.format.z16, fps)
        self._pipeline = rs.pipeline()
        try:
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise CameraError(f"{self._name} cannot stream {mode}: {error}") from error
        self._running = True
        streams = {stream.stream_type() for stream in profile.get_streams()}
        self._align = rs.align(rs.stream.color) if {rs.stream.color, rs.stream.depth} <= streams else None
        if rs.stream.depth in streams:
            self._unit_m = _depth_unit_m(profile)

    def grab(self) -> Shot:
        """Return the next pair of frames."""
        try:
            frames = self._pipeline.wait_for_frames(GRAB_TIMEOUT_MS)
            if self._align is not None:
                frames = self._align.process(frames)
        except RuntimeError as error:
            raise CameraError(f"{self._name} stopped delivering frames: {error}") from error
        return shot_of(self._rs, frames, self._unit_m)

    def close(self) -> None:
        """Stop streaming; safe to call twice."""
        if self._running:
            self._running = False
            self._pipeline.stop()


def shot_of(rs: Any, frames: Any, unit_m: float) -> Shot:
    """Return the colour frame of a frame set (grey from depth where it has none) and its depth. Raises CameraError."""
    colour, depth = frames.get_color_frame(), frames.get_depth_frame()
    if not colour and not depth:
        raise CameraError("a RealSense frame set without colour and depth")
    counts = np.array(np.asanyarray(depth.get_data()), dtype=np.uint16) if depth else None
    if colour:
        image = _colour(rs, colour)
    else:
        assert counts is not None
        image = np.repeat((counts >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    return Shot(image, capture_time_ns(rs, colour or depth), counts, unit_m)


def capture_time_ns(rs: Any, frame: Any) -> int | None:
    """Capture time on CLOCK_MONOTONIC: known when the camera stamps in the host's time, None otherwise."""
    if frame.get_frame_timestamp_domain() == rs.timestamp_domain.hardware_clock:
        return None
    wall_to_monotonic_ns = time.monotonic_ns() - time.time_ns()
    t_ns = int(frame.get_timestamp() * NS_PER_MS) + wall_to_monotonic_ns
    age_s = (time.monotonic_ns() - t_ns) / NS_PER_S
    return t_ns if 0.0 <= age_s <= STAMP_WINDOW_S else None


def _colour(rs: Any, frame: Any) -> Any:
    image = np.array(np.asanyarray(frame.get_data()))
    layout = frame.get_profile().format()
    if layout == rs.format.rgb8:
        return image
    if layout == rs.format.bgr8:
        return np.ascontiguousarray(image[:, :, ::-1])
    raise CameraError(f"colour frames in format {layout}; only rgb8 and bgr8 are supported")


def _depth_unit_m(profile: Any) -> float:
    try:
        return float(profile.get_device().first_depth_sensor().get_depth_scale())
    except RuntimeError:
        return 0.001  # the usual unit; a software device does not say


def _info(device: Any, field: Any) -> str:
    return str(device.get_info(field)) if device.supports(field) else ""
