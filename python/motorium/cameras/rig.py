"""All cameras of a robot: bandwidth checked before the start, one thread each, a check for swapped cameras."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ..errors import CameraError
from ..types import Frame, UInt8
from . import setup as setups
from .devices import SYSFS, find_device, list_devices
from .modes import BusLoad, Stream, check_bandwidth
from .png import read_png, write_png
from .setup import Binding, CameraSetup, picture_path
from .thread import CameraStats, CameraThread, Source
from .thumbnails import Look, look, thumbnail

if TYPE_CHECKING:
    from typing_extensions import Self

FIRST_FRAME_S = 5.0
"""A camera that was found delivers its first frame within this; slow ones measure light for a second or two."""


def open_source(binding: Binding, sysfs: Path = SYSFS) -> Source:
    """Return the camera of a binding, opened. Raises CameraError."""
    if binding.kind == "realsense":
        from .realsense import RealSenseSource

        return RealSenseSource(binding.mode, serial=binding.serial, file=binding.path)
    from .opencv import FileSource, UvcSource

    if binding.kind == "file":
        return FileSource(binding.path)
    return UvcSource(binding.mode, serial=binding.serial, usb_path=binding.usb_path, sysfs=sysfs)


def usb_loads(setup: CameraSetup, sysfs: Path = SYSFS) -> list[BusLoad]:
    """Return what the setup reserves on each USB bus. Raises CameraError: camera absent, or a bus over its limit."""
    devices = list_devices(sysfs)
    streams = []
    for role, binding in setup.cameras.items():
        if binding.kind == "uvc":
            device = find_device(devices, serial=binding.serial, usb_path=binding.usb_path)
            streams.append(Stream(role, binding.mode, device.bus, device.speed_mbps))
    return check_bandwidth(streams)


class CameraRig:
    """The cameras of one robot, opened and checked.

    Attributes:
        cameras: role -> camera, for `Robot.open(..., cameras=rig.cameras)`; the robot closes them.
    """

    def __init__(self, setup: CameraSetup, *, sysfs: Path = SYSFS) -> None:
        """Check the buses and start the threads. Raises CameraError."""
        usb_loads(setup, sysfs)
        self._setup = setup
        self.cameras: dict[str, CameraThread] = {
            role: CameraThread(role, partial(open_source, binding, sysfs), max_age_s=binding.max_age_s)
            for role, binding in setup.cameras.items()
        }

    @classmethod
    def open(cls, robot: str, *, sysfs: Path = SYSFS, look_first: bool = True) -> Self:
        """Return the cameras bound for `robot`. Raises CameraError: none bound, absent, swapped, a bus too full."""
        setup = CameraSetup.load(robot)
        if not setup.cameras:
            raise CameraError(
                f"no camera is bound for {robot}: motorium cameras bind ROLE SERIAL --robot {robot}"
            )
        rig = cls(setup, sysfs=sysfs)
        try:
            if look_first:
                rig.check()
        except BaseException:
            rig.close()
            raise
        return rig

    def first_frames(self, timeout_s: float = FIRST_FRAME_S) -> dict[str, Frame]:
        """Read one frame of each camera. Raises CameraError naming all that stayed silent."""
        deadline = time.monotonic() + timeout_s
        found = {role: _first(camera, deadline) for role, camera in self.cameras.items()}
        silent = [answer for answer in found.values() if isinstance(answer, str)]
        if silent:
            raise CameraError("; ".join(silent))
        return {role: answer for role, answer in found.items() if isinstance(answer, Frame)}

    def check(self, timeout_s: float = FIRST_FRAME_S) -> Look:
        """Compare what each camera sees with its reference picture.

        Raises CameraError when cameras are exchanged or one looks elsewhere; what each sees now is then written beside
        its reference, as <robot>.<role>.seen.png.
        """
        robot = self._setup.robot
        live = {role: thumbnail(frame.image) for role, frame in self.first_frames(timeout_s).items()}
        seen = look(live, references(self._setup))
        if not seen.good:
            for role, picture in live.items():
                write_png(picture_path(robot, role, "seen"), picture)
            raise CameraError(_refusal(robot, seen))
        return seen

    def close(self) -> None:
        """Close every camera; safe to call twice."""
        for camera in self.cameras.values():
            camera.close()

    def stats(self) -> dict[str, CameraStats]:
        """Return role -> what its thread has counted."""
        return {role: camera.stats() for role, camera in self.cameras.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _first(camera: CameraThread, deadline: float) -> Frame | str:
    try:
        return camera.read_latest(max(0.05, deadline - time.monotonic()))
    except CameraError as error:
        return str(error)


def references(setup: CameraSetup) -> dict[str, UInt8]:
    """Return role -> reference picture, for roles that have one. Raises CameraError for a damaged one."""
    paths = {role: picture_path(setup.robot, role) for role in setup.cameras}
    return {role: read_png(path) for role, path in paths.items() if path.is_file()}


def bind(
    setup: CameraSetup, role: str, binding: Binding, *, sysfs: Path = SYSFS, picture: bool = True
) -> CameraSetup:
    """Bind a camera to a role, keep the setup and what the camera sees. Raises CameraError; nothing is kept then."""
    changed = setup.bound(role, binding)
    usb_loads(changed, sysfs)
    seen: Mapping[str, UInt8] = {}
    if picture:
        with CameraRig(CameraSetup(setup.robot, {role: binding}), sysfs=sysfs) as rig:
            seen = {r: thumbnail(frame.image) for r, frame in rig.first_frames().items()}
    setups.picture_path(setup.robot, role).unlink(missing_ok=True)
    for name, image in seen.items():
        write_png(picture_path(setup.robot, name), image)
    changed.save()
    return changed


def _refusal(robot: str, seen: Look) -> str:
    parts = [f"camera {role!r} shows what {other!r} should" for role, other in seen.swapped.items()]
    parts += [
        f"camera {role!r} shows another view than when it was bound (distance {seen.distance[role]:.2f})"
        for role in seen.strange
    ]
    role = next(iter([*seen.swapped, *seen.strange]))
    return (
        f"{'; '.join(parts)}. Compare {picture_path(robot, role)} with {picture_path(robot, role, 'seen')}; swap the "
        f"plugs back, or bind the cameras again"
    )
