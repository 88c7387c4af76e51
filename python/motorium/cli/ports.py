"""List serial ports, by the serial number of their USB adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._print import echo
from ._verb import Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..motors.ports import SerialPort


@click.command(cls=Verb, name="ports")
@json_option
def command(as_json: bool) -> None:
    """List serial ports with the serial number of their USB adapter, which stays the same across reboots.

    A serial number in brackets does not identify an adapter: it is a placeholder, or two adapters have it. The USB
    path does, as long as the cable stays where it is.
    """
    from ..motors.diagnosis import BusTrouble, diagnose_port
    from ..motors.ports import list_ports

    found = list_ports()
    if as_json:
        findings = [finding.as_dict() for port in found for finding in diagnose_port(port)]
        print_json({"ports": [port.as_dict() for port in found], "findings": findings})
        return
    if not found:
        echo("No serial port found. Is the arm's USB cable in, and its adapter powered?")
        return
    rows = [[p.device, _serial(p), p.usb_path or "-", p.title, "yes" if p.usable else "no"] for p in found]
    print_table(["port", "usb serial", "usb path", "adapter", "usable"], rows)
    for port in found:
        for finding in diagnose_port(port):
            if finding.cause is BusTrouble.UDEV_RULE:
                echo(f"{finding.detail}:", f"  {finding.fix}")
    for advice in sorted({port.advice for port in found if port.advice}):
        echo(advice)


def _serial(port: SerialPort) -> str:
    if not port.serial_number:
        return "-"
    return port.serial_number if port.known_by_serial else f"({port.serial_number})"
