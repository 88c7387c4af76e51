"""The frames of a robot's cameras, each as recent as the specification requires."""

from __future__ import annotations

from collections.abc import Mapping

from ..cameras.base import fresh_frames
from ..errors import CameraError
from ..logs import logger
from ..specs.robot import RobotSpec
from ..types import Camera, Frame

FIRST_FRAMES_S = 5.0
"""A RealSense delivers its first frame 1 to 2 s after it was opened; a USB camera sets its exposure meanwhile."""

PATIENCE_S = 0.2
"""How long `newest` waits for a young frame: four periods at 20 frames/s. A plan plays on meanwhile."""

_log = logger(__name__)


def newest(spec: RobotSpec, cameras: Mapping[str, Camera]) -> tuple[dict[str, Frame], int]:
    """Return the newest frames and the present time, waiting up to `PATIENCE_S` for young ones.

    Raises CameraError: a camera is silent, or no frame of it came that is as young as the specification asks.
    """
    return fresh_frames(cameras, ages(spec), PATIENCE_S)


def await_first(spec: RobotSpec, cameras: Mapping[str, Camera]) -> None:
    """Wait until every camera has a young frame; warn of one that stays silent, for an arm can move without."""
    try:
        fresh_frames(cameras, ages(spec), FIRST_FRAMES_S)
    except CameraError as error:
        _log.warning("opening %s without waiting longer for its cameras: %s", spec.name, error)


def ages(spec: RobotSpec) -> dict[str, float]:
    """Say how old the newest frame of each camera may be: role -> seconds."""
    return {camera.role: camera.max_age_s for camera in spec.cameras}
