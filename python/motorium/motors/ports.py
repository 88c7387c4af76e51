"""Serial ports of this machine, named by what stays when cables are moved: the USB serial number."""

from __future__ import annotations

import grp
import os
from dataclasses import asdict, dataclass
from pathlib import Path

BY_ID = Path("/dev/serial/by-id")
"""Where udev keeps a stable name for every USB serial adapter."""


@dataclass(frozen=True)
class SerialPort:
    """One serial port.

    Attributes:
        device: what to open, the stable by-id name where there is one.
        tty: the kernel's name today, such as /dev/ttyACM0.
        serial_number: of the USB adapter; None when it has none.
        title: what the adapter calls itself.
        usable: this user may read and write it.
        advice: what to do when not usable; empty otherwise.
    """

    device: str
    tty: str
    serial_number: str | None
    title: str
    usable: bool
    advice: str

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def permission_advice(device: str) -> str:
    """What to do so that this user may open `device`; empty when they may."""
    if os.access(device, os.R_OK | os.W_OK):
        return ""
    try:
        group = grp.getgrgid(Path(device).stat().st_gid).gr_name
    except (KeyError, OSError):
        return f"{device} cannot be opened by this user"
    return f"{device} belongs to group {group}: sudo usermod -aG {group} $USER, then log in again"


def list_ports(by_id: Path = BY_ID) -> list[SerialPort]:
    """Every serial port with hardware behind it, in order of device name."""
    from serial.tools.list_ports import comports

    stable = {str(link.resolve()): str(link) for link in by_id.glob("*")} if by_id.is_dir() else {}
    found = []
    for port in comports():
        if port.hwid == "n/a":  # a built-in UART slot with nothing attached
            continue
        advice = permission_advice(port.device)
        title = " ".join(part for part in (port.manufacturer, port.product) if part) or port.description
        device = stable.get(port.device, port.device)
        found.append(SerialPort(device, port.device, port.serial_number, title, not advice, advice))
    return sorted(found, key=lambda found_port: found_port.tty)


def adapter_serial(device: str) -> str | None:
    """Serial number of the USB adapter behind a port given by any of its names; None when it has none."""
    tty = str(Path(device).resolve())
    return next((port.serial_number for port in list_ports() if port.tty == tty), None)
