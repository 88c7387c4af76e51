"""USB video devices of this machine, by what does not change: their USB port and serial number.

/dev/video0 is whichever camera answered first after power-on, so two cameras may trade names over night. The USB path
(such as 1-1.2: bus 1, port 1 of it, port 2 of the hub there) belongs to the socket, the serial number to the camera.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import CameraError

SYSFS = Path("/sys")
MAX_ATTRIBUTE_BYTES = 256
_USB_PATH = re.compile(r"\d+-\d+(\.\d+)*")
_NODE = re.compile(r"video\d{1,4}")


@dataclass(frozen=True)
class VideoDevice:
    """One camera that the kernel shows as /dev/video*.

    Attributes:
        node: the kernel's name today, such as /dev/video0.
        title: what the camera calls itself.
        usb_path: bus and ports it is plugged into, such as 1-1.2; empty when it is no USB device.
        serial: of the camera; empty when it has none.
        bus: number of the USB bus; 0 when it is no USB device.
        speed_mbps: of its link to the hub, Mbit/s; 0 when unknown.
        vendor: vendor and product id, such as 046d:0825.
    """

    node: str
    title: str
    usb_path: str = ""
    serial: str = ""
    bus: int = 0
    speed_mbps: float = 0.0
    vendor: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self)


def list_devices(sysfs: Path = SYSFS) -> list[VideoDevice]:
    """List every capture device, in order of its node. Metadata nodes of the same camera (index > 0) are left out."""
    found = []
    for entry in sorted((sysfs / "class" / "video4linux").glob("video*"), key=_number):
        if not _NODE.fullmatch(entry.name) or _read(entry / "index") not in ("", "0"):
            continue
        found.append(_device(entry))
    return found


def find_device(devices: Iterable[VideoDevice], *, serial: str = "", usb_path: str = "") -> VideoDevice:
    """Return the one device with this serial number and USB path; an empty one is not asked for.

    Raises CameraError when there is none, or when two cameras carry the serial number (some makers give all the same).
    """
    known = list(devices)
    fitting = [
        d for d in known if (not serial or d.serial == serial) and (not usb_path or d.usb_path == usb_path)
    ]
    wanted = " at ".join(
        part for part in (serial and f"serial {serial}", usb_path and f"USB path {usb_path}") if part
    )
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise CameraError(f"no camera with {wanted}; on this machine: {describe(known)}")
    paths = ", ".join(device.usb_path for device in fitting)
    raise CameraError(f"{len(fitting)} cameras with {wanted} ({paths}): bind them by USB path")


def describe(devices: Iterable[VideoDevice]) -> str:
    """Return the devices in one line, for messages."""
    lines = [f"{d.node} {d.title!r} (path {d.usb_path or '-'}, serial {d.serial or '-'})" for d in devices]
    return ", ".join(lines) or "none"


def _device(entry: Path) -> VideoDevice:
    node, title = f"/dev/{entry.name}", _read(entry / "name") or entry.name
    usb = _usb_parent(entry / "device")
    if usb is None:
        return VideoDevice(node, title)
    vendor = ":".join(part for part in (_read(usb / "idVendor"), _read(usb / "idProduct")) if part)
    return VideoDevice(
        node=node,
        title=title,
        usb_path=usb.name,
        serial=_read(usb / "serial"),
        bus=int(usb.name.partition("-")[0]),
        speed_mbps=_number_of(_read(usb / "speed")),
        vendor=vendor,
    )


def _usb_parent(device: Path) -> Path | None:
    """Return the USB device above an interface such as .../1-1.2/1-1.2:1.0."""
    try:
        place = device.resolve(strict=True)
    except OSError:
        return None
    return next((p for p in (place, *place.parents) if _USB_PATH.fullmatch(p.name)), None)


def _read(path: Path) -> str:
    """Return a one-line attribute, empty when absent. A camera chose its text: only printable characters stay."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_ATTRIBUTE_BYTES)
    except OSError:
        return ""
    return "".join(c for c in raw.decode("utf-8", "replace") if c.isprintable()).strip()


def _number_of(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


def _number(entry: Path) -> tuple[int, str]:
    digits = entry.name.removeprefix("video")
    return (int(digits) if digits.isascii() and digits.isdecimal() else 1 << 30, entry.name)
