"""List the robots that motorium knows, or show one in full."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from ._print import echo
from ._verb import Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..specs.robot import RobotSpec


@click.command(cls=Verb, name="robots")
@click.argument("robot", required=False)
@json_option
def command(robot: str | None, as_json: bool) -> None:
    """List the robots that motorium knows; with ROBOT (a name or a TOML file), show one in full."""
    from ..specs import robot as specs

    found = [specs.RobotSpec.load(name) for name in ([robot] if robot else [*specs.names(), *specs.pairs()])]
    if as_json:
        print_json({"robots": [dataclasses.asdict(spec) for spec in found]})
    elif robot:
        _show(found[0])
    else:
        print_table(
            ["robot", "title", "joints", "bus", "cameras"],
            [
                [s.name, s.title, len(s.joints), f"{s.bus.protocol} {s.bus.baud} baud", _roles(s)]
                for s in found
            ],
        )


def _roles(spec: RobotSpec) -> str:
    return ", ".join(camera.role for camera in spec.cameras)


def _show(spec: RobotSpec) -> None:
    echo(f"{spec.title}: {spec.description}")
    echo(
        f"bus {spec.bus.protocol} {spec.bus.baud} baud, control {spec.control.rate_hz:g} Hz, "
        f"policy {spec.policy.rate_hz:g} Hz, on exit {spec.exit.policy}",
        "",
    )
    print_table(
        ["joint", "servo", "slot", "unit", "lower rad", "upper rad", "rad/s"],
        [[j.name, j.id, j.slot, j.unit, j.lower_rad, j.upper_rad, j.max_velocity_rad_s] for j in spec.joints],
    )
    echo()
    print_table(["camera", "size", "fps"], [[c.role, f"{c.width}x{c.height}", c.fps] for c in spec.cameras])
