"""List serial ports, by the serial number of their USB adapter."""

from __future__ import annotations

import click

from ._verb import Verb, json_option, print_json, print_table


@click.command(cls=Verb, name="ports")
@json_option
def command(as_json: bool) -> None:
    """List serial ports with the serial number of their USB adapter, which stays the same across reboots."""
    from ..motors.ports import list_ports

    found = list_ports()
    if as_json:
        print_json({"ports": [port.as_dict() for port in found]})
        return
    if not found:
        click.echo("No serial port found. Is the arm's USB cable in, and its adapter powered?")
        return
    rows = [[p.device, p.serial_number or "-", p.title, "yes" if p.usable else "no"] for p in found]
    print_table(["port", "usb serial", "adapter", "usable"], rows)
    for advice in sorted({port.advice for port in found if port.advice}):
        click.echo(advice)
