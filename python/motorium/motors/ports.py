"""Serial ports of this machine, named by what stays when cables are moved: the USB serial number.

Where that tells nothing, because several adapters carry the same or a maker's placeholder, the socket has to do: the
USB path, which stays while the cable stays.
"""

from __future__ import annotations

import grp
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..usb import identifies

BY_ID = Path("/dev/serial/by-id")
"""Where udev keeps a name of every USB serial adapter, made of its serial number."""
BY_PATH = Path("/dev/serial/by-path")
"""The same, made of the socket it is plugged into."""


@dataclass(frozen=True)
class SerialPort:
    """One serial port.

    Attributes:
        device: what to open: the by-id name where the serial number tells it apart, else the by-path name, else `tty`.
        tty: the kernel's name today, such as /dev/ttyACM0.
        serial_number: of the USB adapter; None when it has none.
        title: what the adapter calls itself.
        usable: this user may read and write it.
        advice: what to do when not usable; empty otherwise.
        usb_path: bus, ports and interface it is plugged into, such as 1-1.2:1.0; None when it is no USB device.
        known_by_serial: the serial number is no placeholder, and no other port has it.
    """

    device: str
    tty: str
    serial_number: str | None
    title: str
    usable: bool
    advice: str
    usb_path: str | None = None
    known_by_serial: bool = True

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self)


def permission_advice(device: str) -> str:
    """Return what to do so that this user may open `device`; empty when they may."""
    if os.access(device, os.R_OK | os.W_OK):
        return ""
    try:
        group = grp.getgrgid(Path(device).stat().st_gid).gr_name
    except (KeyError, OSError):
        return f"{device} cannot be opened by this user"
    return f"{device} belongs to group {group}: sudo usermod -aG {group} $USER, then log in again"


def list_ports(by_id: Path = BY_ID, by_path: Path = BY_PATH) -> list[SerialPort]:
    """List every serial port with hardware behind it, in order of device name."""
    from serial.tools.list_ports import comports

    serials, sockets = _links(by_id), _links(by_path)
    present = [port for port in comports() if port.hwid != "n/a"]  # without built-in UARTs that lead nowhere
    numbers = [port.serial_number for port in present]
    found = []
    for port in present:
        advice = permission_advice(port.device)
        title = " ".join(part for part in (port.manufacturer, port.product) if part) or port.description
        known = identifies(port.serial_number, numbers)
        device = (serials.get(port.device) if known else None) or sockets.get(port.device, port.device)
        place = getattr(port, "location", None)
        found.append(
            SerialPort(device, port.device, port.serial_number, title, not advice, advice, place, known)
        )
    return sorted(found, key=lambda found_port: found_port.tty)


def _links(folder: Path) -> dict[str, str]:
    return {str(link.resolve()): str(link) for link in folder.glob("*")} if folder.is_dir() else {}


def find_port(device: str) -> tuple[SerialPort | None, bool]:
    """Return the port given by any of its names, and whether its serial number tells it from all others present."""
    tty, ports = str(Path(device).resolve()), list_ports()
    port = next((port for port in ports if port.tty == tty), None)
    known = port is not None and identifies(port.serial_number, [other.serial_number for other in ports])
    return port, known


def shared_name(device: str, by_id: Path = BY_ID) -> list[str]:
    """Return the ports that a by-id name may mean, when two adapters give themselves the same one; else empty.

    udev makes such a name of the serial number, and gives it to whichever adapter came last.
    """
    if Path(device).parent != by_id:
        return []
    port, _ = find_port(device)
    twins = [
        other for other in list_ports() if port is not None and other.serial_number == port.serial_number
    ]
    adapters = {(twin.usb_path or twin.tty).partition(":")[0] for twin in twins}
    return [twin.device for twin in twins] if len(adapters) > 1 else []


def adapter_serial(device: str) -> str | None:
    """Return the serial number of the USB adapter behind a port, by any of its names; None without a usable one.

    It tells nothing when there is none, when it is a placeholder, and when two present ports have it.
    """
    port, known = find_port(device)
    return port.serial_number if port is not None and known else None


def usb_path(device: str) -> str | None:
    """Return the USB path of a serial port, such as 1-1.2:1.0; None when it is not a USB device."""
    port, _ = find_port(device)
    return None if port is None else port.usb_path


def printed_serial(device: str) -> str | None:
    """Return the serial number that the adapter behind a port reports, usable or not; None without one."""
    port, _ = find_port(device)
    return None if port is None else port.serial_number or None
