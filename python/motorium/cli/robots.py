"""List the robots that motorium knows, or show one in full."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._print import echo
from ._verb import Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..specs.robot import RobotSpec


@click.command(cls=Verb, name="robots")
@click.argument("robot", required=False)
@click.option(
    "--compile", "to_compile", metavar="ROBOT", help="Compile a robot (name or TOML file) into one file."
)
@click.option(
    "--calibration",
    metavar="CALIBRATION",
    help="With --compile: calibration name or file; default: nominal zeros.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="With --compile: output file.")
@click.option(
    "--show", type=click.Path(path_type=Path), metavar="FILE", help="Show the content of a compiled robot."
)
@json_option
def command(
    robot: str | None,
    to_compile: str | None,
    calibration: str | None,
    out: Path | None,
    show: Path | None,
    as_json: bool,
) -> None:
    """List the robots that motorium knows; with ROBOT (a name or a TOML file), show one in full."""
    if sum(choice is not None for choice in (robot, to_compile, show)) > 1:
        raise click.UsageError("give only one of ROBOT, --compile and --show")
    if to_compile is None and (calibration or out):
        raise click.UsageError("--calibration and --out belong to --compile")
    if to_compile is not None:
        if out is None:
            raise click.UsageError("--compile needs --out FILE")
        _compile(to_compile, calibration, out, as_json=as_json)
    elif show is not None:
        _show_compiled(show, as_json=as_json)
    else:
        _list(robot, as_json=as_json)


def _list(robot: str | None, *, as_json: bool) -> None:
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


def _compile(robot: str, calibration: str | None, out: Path, *, as_json: bool) -> None:
    from ..robots.arm_calibrations import named_calibration
    from ..robots.compiled import write_compiled
    from ..robots.config import robot_config
    from ..specs.robot import RobotSpec

    spec = RobotSpec.load(robot)
    config = robot_config(spec, named_calibration(calibration or "nominal", spec))
    size = write_compiled(out, config)
    if as_json:
        print_json(
            {
                "robot": spec.name,
                "calibration": calibration,
                "file": str(out),
                "bytes": size,
                "hash": config.content_hash().hex(),
            }
        )
        return
    zeros = (
        f"calibration {calibration}" if calibration else "nominal zeros: --calibration gives an arm its own"
    )
    echo(f"{out}: {spec.name} with {zeros}; {size} bytes, SHA-256 {config.content_hash().hex()[:16]}")


def _show_compiled(path: Path, *, as_json: bool) -> None:
    from ..robots.compiled import read_compiled, summary

    facts = summary(read_compiled(path))
    if as_json:
        print_json(facts)
        return
    echo(f"{facts['robot']}, compiled; SHA-256 {facts['hash']}")
    echo(f"control {facts['control_rate_hz']:g} Hz, policy {facts['policy_rate_hz']:g} Hz", "")
    servos = [(bus["family"], servo) for bus in facts["buses"] for servo in bus["servos"]]
    print_table(
        ["joint", "bus", "servo", "zero", "slot", "lower rad", "upper rad", "rad/s"],
        [
            [
                joint["name"], family, servo["id"], servo["zero_ticks"], joint["slot"],
                round(joint["lower_rad"], 5), round(joint["upper_rad"], 5), round(joint["max_velocity_rad_s"], 5),
            ]
            for joint, (family, servo) in zip(facts["joints"], servos, strict=True)
        ],
    )  # fmt: skip


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
