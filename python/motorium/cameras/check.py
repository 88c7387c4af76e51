"""`motorium cameras check`: opens every camera of a robot and measures it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..deprecated import dict_access
from ..errors import CameraError
from .devices import SYSFS
from .modes import BusLoad
from .rig import CameraRig, usb_loads
from .setup import CameraSetup


@dict_access
@dataclass(frozen=True)
class CameraCheck:
    """One camera, measured.

    Attributes:
        camera: serial number, USB path, node or file that is bound.
        size: of its pictures, such as "640x480".
        rate_hz: frames per second.
        age_s: seconds since its newest frame was captured; None without one.
        distance: between its picture and the reference, 0 to 1; None without a reference picture.
        lost: times that it was lost.
    """

    camera: str
    size: str
    rate_hz: float
    age_s: float | None
    distance: float | None
    lost: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dict_access
@dataclass(frozen=True)
class CamerasCheck:
    """All cameras of a robot, measured.

    Attributes:
        robot: its name.
        buses: what the cameras reserve on each USB bus.
        cameras: role -> what was measured.
    """

    robot: str
    buses: tuple[BusLoad, ...]
    cameras: Mapping[str, CameraCheck]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        cameras = {role: camera.as_dict() for role, camera in self.cameras.items()}
        return {"robot": self.robot, "buses": [load.as_dict() for load in self.buses], "cameras": cameras}


def check_cameras(setup: CameraSetup, seconds: float = 2.0, *, sysfs: Path = SYSFS) -> CamerasCheck:
    """Open all cameras of a robot for `seconds` and measure their pictures and rates.

    Raises:
        CameraError: no camera bound; one is absent, swapped or looks elsewhere; a bus is over its limit.
    """
    if not setup.cameras:
        raise CameraError(f"no camera is bound for {setup.robot}: motorium cameras bind ROLE SERIAL")
    loads = usb_loads(setup, sysfs)
    with CameraRig(setup, sysfs=sysfs) as rig:
        seen = rig.check()
        before, start_s = rig.stats(), time.monotonic()
        time.sleep(seconds)
        frames, elapsed_s = rig.first_frames(), time.monotonic() - start_s
        after = rig.stats()
    cameras = {}
    for role, frame in frames.items():
        height, width = frame.image.shape[:2]
        cameras[role] = CameraCheck(
            camera=setup.cameras[role].where,
            size=f"{width}x{height}",
            rate_hz=(after[role].frames - before[role].frames) / elapsed_s,
            age_s=after[role].age_s,
            distance=seen.distance.get(role),
            lost=after[role].lost,
        )
    return CamerasCheck(setup.robot, tuple(loads), cameras)
