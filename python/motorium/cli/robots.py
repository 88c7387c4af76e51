"""List the robots that motorium knows, or show one in full."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._print import echo
from ._verb import Verb, json_option, print_json, print_table, say

if TYPE_CHECKING:
    from .._core import RobotCamera
    from ..specs.robot import CameraSpec, RobotSpec


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

    found = [_load(name) for name in ([robot] if robot else [*specs.names(), *specs.pairs()])]
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
    from ..errors import SpecError
    from ..robots.arm_calibrations import named_calibration
    from ..robots.compiled import write_compiled
    from ..robots.config import declared_config

    spec = _load(robot)
    config = declared_config(spec, named_calibration(calibration or "nominal", spec))
    try:
        size = write_compiled(out, config)
    except ValueError as error:  # a text that the format cannot hold
        raise SpecError(f"{robot}: {error}") from error
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
    zeros = f"calibration {calibration}" if calibration else "nominal zeros"
    echo(f"{out}: {spec.name}, {zeros}; {size} bytes, SHA-256 {config.content_hash().hex()[:16]}")
    if not calibration:
        say("--calibration CALIBRATION gives an arm its own zeros")


def _show_compiled(path: Path, *, as_json: bool) -> None:
    from ..robots.compiled import read_versioned, summary

    config, version = read_versioned(path)
    facts = summary(config, version)
    if as_json:
        print_json(facts)
        return
    echo(f"{facts['robot']}, compiled in format {version}; SHA-256 {facts['hash']}")
    echo(
        f"control {facts['control_rate_hz']:g} Hz, policy {facts['policy_rate_hz']:g} Hz, "
        f"on exit {facts['exit']}, {_ZEROS[facts['zeros']]}",
        "",
    )
    servos = [(bus, servo) for bus in facts["buses"] for servo in bus["servos"]]
    print_table(
        ["joint", "side", "bus", "servo", "zero", "slot", "lower rad", "upper rad", "rest rad", "rad/s"],
        [
            [
                joint["name"], bus["side"] or "-", bus["family"], servo["id"], f"{servo['zero_ticks']:g}",
                joint["slot"],
                *map(_angle, (joint["lower_rad"], joint["upper_rad"], joint["rest_rad"], joint["max_velocity_rad_s"])),
            ]
            for joint, (bus, servo) in zip(facts["joints"], servos, strict=True)
        ],
    )  # fmt: skip
    echo()
    _show_cameras(config.cameras)


_ZEROS = {
    "nominal": "nominal zeros",
    "calibrated": "calibrated zeros",
    None: "zeros of a robot file that is not here",
}


def _angle(value: float) -> str:
    return f"{value:.6g}"


def _show_cameras(cameras: Iterable[CameraSpec | RobotCamera]) -> None:
    print_table(["camera", "size", "fps"], [[c.role, f"{c.width}x{c.height}", f"{c.fps:g}"] for c in cameras])


def _load(robot: str) -> RobotSpec:
    """Read the declaration; what opens an arm, such as `sim:`, is no part of it. Raises SpecError."""
    from ..errors import SpecError
    from ..specs.robot import RobotSpec

    scheme, colon, name = robot.partition(":")
    if colon and scheme.isalpha():
        raise SpecError(f"{robot} is how to open an arm; the robot is {name}")
    return RobotSpec.load(robot)


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
        [
            [j.name, j.id, j.slot, j.unit, *map(_angle, (j.lower_rad, j.upper_rad, j.max_velocity_rad_s))]
            for j in spec.joints
        ],
    )
    echo()
    _show_cameras(spec.cameras)
