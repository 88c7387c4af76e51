"""Reading several cameras as one: the newest moment that all of them have seen."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..errors import CameraError
from ..types import Camera, Frame
from ..units import NS_PER_S

__all__ = ["Camera", "check_ages", "fresh_frames", "newest_frames"]

POLL_S = 0.002


def newest_frames(
    cameras: Mapping[str, Camera],
    *,
    timeout_s: float = 1.0,
    tolerance_s: float = 0.005,
    patience_s: float = 0.015,
) -> dict[str, Frame]:
    """Return the newest frame of every camera, of one moment where possible.

    Cameras that run in step publish one after the other; between the two, one is a whole period ahead. While
    capture times differ by more than `tolerance_s`, the laggards get `patience_s` to catch up.

    Args:
        cameras: role -> camera.
        timeout_s: for the first frame of each camera.
        tolerance_s: capture times closer than this are one moment.
        patience_s: how long to wait for that.

    Raises:
        CameraError: a camera delivers nothing.
    """
    frames = {role: camera.read_latest(timeout_s) for role, camera in cameras.items()}
    give_up = time.monotonic() + patience_s
    while len(frames) > 1:
        times = [frame.t_ns for frame in frames.values()]
        if max(times) - min(times) <= tolerance_s * NS_PER_S or time.monotonic() >= give_up:
            break
        time.sleep(0.001)
        oldest = min(frames, key=lambda role: frames[role].t_ns)
        frames[oldest] = cameras[oldest].read_latest(timeout_s)
    return frames


def fresh_frames(
    cameras: Mapping[str, Camera], max_age_s: Mapping[str, float], timeout_s: float
) -> tuple[dict[str, Frame], int]:
    """Wait for a frame of every camera that is no older than it may be.

    Args:
        cameras: role -> camera.
        max_age_s: role -> seconds; a role that is not named may have frames of any age.
        timeout_s: for all cameras together.

    Returns:
        role -> frame, of one moment where possible, and the time (CLOCK_MONOTONIC) at which they were young enough.

    Raises:
        CameraError: a camera is silent, or its newest frame is still too old after `timeout_s`.
    """
    give_up = time.monotonic() + timeout_s
    while True:
        frames = newest_frames(cameras, timeout_s=timeout_s)
        now_ns = time.monotonic_ns()
        try:
            check_ages(frames, max_age_s, now_ns)
        except CameraError:
            if time.monotonic() >= give_up:
                raise
            time.sleep(POLL_S)
            continue
        return frames, now_ns


def check_ages(frames: Mapping[str, Frame], max_age_s: Mapping[str, float], now_ns: int) -> None:
    """Raise CameraError when a frame is older than its camera may be."""
    for role, frame in frames.items():
        age_s = (now_ns - frame.t_ns) / NS_PER_S
        if age_s > max_age_s.get(role, float("inf")):
            raise CameraError(
                f"the newest frame of camera {role!r} is {age_s:.2f} s old, {max_age_s[role]:.2f} s is allowed: "
                "check its cable and the machine's load"
            )
