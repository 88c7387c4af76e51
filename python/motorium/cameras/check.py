"""`motorium cameras check`: opens every camera of a robot and measures it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..errors import CameraError
from .devices import SYSFS
from .rig import CameraRig, usb_loads
from .setup import CameraSetup


def check_cameras(setup: CameraSetup, seconds: float = 2.0, *, sysfs: Path = SYSFS) -> dict[str, Any]:
    """Check buses, pictures and rates; returns plain values for JSON.

    Returns `robot`, `buses` and `cameras`: role -> camera, size, rate_hz, age_s, distance (None without a reference
    picture), lost.

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
        cameras[role] = {
            "camera": setup.cameras[role].where,
            "size": f"{width}x{height}",
            "rate_hz": (after[role].frames - before[role].frames) / elapsed_s,
            "age_s": after[role].age_s,
            "distance": seen.distance.get(role),
            "lost": after[role].lost,
        }
    return {"robot": setup.robot, "buses": [load.as_dict() for load in loads], "cameras": cameras}
