"""Find a camera named on the command line: a serial number, a USB path, a node, a file."""

from __future__ import annotations

from pathlib import Path

from ..errors import CameraError
from ..usb import identifies
from .devices import SYSFS, VideoDevice, describe, list_devices
from .modes import Mode
from .realsense import list_realsense
from .setup import Binding


def recognise(
    text: str, kind: str | None, mode: Mode, max_age_s: float = 0.5, *, sysfs: Path = SYSFS
) -> Binding:
    """Return the binding for `text`: by serial number where that tells the camera apart, else by USB path.

    Args:
        text: serial number, USB path, /dev/video* node, video file or RealSense recording.
        kind: "uvc", "realsense", "file", or None to find out.
        mode: of the stream.
        max_age_s: of the frames handed out.
        sysfs: where devices are listed.

    Raises:
        CameraError: nothing fits, with the cameras there are.
    """
    if kind in (None, "file", "realsense") and Path(text).is_file():
        found = kind or ("realsense" if text.endswith(".db3") else "file")
        return Binding(found, path=str(Path(text).resolve()), mode=mode, max_age_s=max_age_s)
    devices = list_devices(sysfs)
    if kind in (None, "uvc"):
        fitting = [d for d in devices if text in (d.serial, d.usb_path, d.node)]
        if len(fitting) == 1:
            return _uvc(fitting[0], devices, mode, max_age_s)
        if fitting:
            paths = ", ".join(device.usb_path for device in fitting)
            raise CameraError(f"{len(fitting)} cameras have the name {text}: bind by USB path ({paths})")
    depth = list_realsense() if kind in (None, "realsense") else []
    if any(camera["serial"] == text for camera in depth):
        return Binding("realsense", serial=text, mode=mode, max_age_s=max_age_s)
    serials = ", ".join(camera["serial"] for camera in depth)
    more = f"; RealSense: {serials}" if serials else ""
    raise CameraError(f"no camera or video file {text!r}; on this machine: {describe(devices)}{more}")


def _uvc(device: VideoDevice, devices: list[VideoDevice], mode: Mode, max_age_s: float) -> Binding:
    if identifies(device.serial, [d.serial for d in devices]):
        return Binding("uvc", serial=device.serial, mode=mode, max_age_s=max_age_s)
    if not device.usb_path:
        raise CameraError(
            f"{device.node} ({device.title}) has neither a serial number nor a USB path to bind to"
        )
    return Binding("uvc", usb_path=device.usb_path, mode=mode, max_age_s=max_age_s)
