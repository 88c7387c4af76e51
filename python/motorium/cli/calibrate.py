"""Calibrate an arm: move every joint by hand from stop to stop, once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CalibrationError
from ..files import check_file
from ._print import echo
from ._sweep_view import at_the_keyboard, until_done
from ._verb import Number, Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..robots.calibration import Calibration
    from ..specs.robot import RobotSpec

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(cls=Verb, name="calibrate")
@click.argument("robot")
@click.option("--port", help="Serial port of the servo bus; see: motorium ports.")
@click.option("--name", help="Name of this arm; default: ROBOT.")
@click.option("--limit", "limit_s", type=Number(1), default=180.0, show_default=True,
              help="Give up after this many seconds.")  # fmt: skip
@click.option("--from-lerobot", type=FILE, help="Take LeRobot's calibration file instead of moving the arm.")
@click.option("--to-lerobot", type=FILE, help="Also write the result as LeRobot's calibration file.")
@click.option("--accept", multiple=True, metavar="JOINT",
              help="Accept the measured travel of this joint, whatever is declared; may be repeated.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not wait for Enter before torque goes off.")
@json_option
def command(
    robot: str,
    port: str | None,
    name: str | None,
    limit_s: float,
    from_lerobot: Path | None,
    to_lerobot: Path | None,
    accept: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> None:
    """Find the zeros of ROBOT on --port, and store them under --name with the adapter's serial number.

    How far each joint may move is declared in the robot's file (min_travel_rad, max_travel_rad); one that moves
    further, or hardly at all, is refused unless named with --accept. Enter ends the sweep of an arm that cannot go all
    the way.
    """
    from ..robots.backends import check_port
    from ..robots.calibration import path_of
    from ..robots.lerobot_calibration import read_lerobot, write_lerobot
    from ..specs.robot import RobotSpec

    if ":" in robot:
        raise CalibrationError(f"{robot} needs no calibration: a simulated arm is assembled as declared")
    spec = RobotSpec.load(robot)
    if spec.arms:
        each = "; ".join(f"motorium calibrate {a.spec.name} --port PORT --name {a.side}" for a in spec.arms)
        raise CalibrationError(f"{spec.name} is calibrated arm by arm: {each}")
    path = path_of(name or spec.name)
    check_file(path, "the calibration")
    if to_lerobot is not None:
        check_file(to_lerobot, "LeRobot's calibration")
    if from_lerobot is not None:
        found = read_lerobot(from_lerobot, spec, accept=accept)
    else:
        port = check_port(port, spec.name)
        if name is None:
            _refuse_to_replace(path, port)
        wait = not yes and not as_json and at_the_keyboard()
        found = _sweep(spec, port, limit_s, accept, wait=wait, quiet=as_json)
    found.save(path)
    if to_lerobot is not None:
        write_lerobot(found, spec, to_lerobot)
    _show(found, path, as_json, found.warnings(spec))


def _refuse_to_replace(path: Path, port: str) -> None:
    """Raise CalibrationError when the file that nobody named is that of another arm."""
    from ..motors.ports import adapter_serial, usb_path
    from ..robots.calibration import stored

    there, serial, place = stored().get(path), adapter_serial(port), usb_path(port)
    if there is None:
        return
    by_serial = serial is not None and there.adapter not in (None, serial)
    by_place = serial is None and place is not None and there.usb_path not in (None, place)
    if by_serial or by_place:
        other = f"the adapter {there.adapter}" if by_serial else f"USB path {there.usb_path}"
        raise CalibrationError(
            f"{path} is the calibration of the arm on {other}: give the one on {port} a name of its own (--name), or "
            f"--name {path.stem} to replace it"
        )


def _sweep(
    spec: RobotSpec, port: str, limit_s: float, accept: tuple[str, ...], *, wait: bool, quiet: bool
) -> Calibration:
    from ..robots.calibrate import calibrate

    if not quiet:
        echo(
            f"{spec.title} on {port}: torque goes off now. Hold the arm; then move every joint from stop to stop."
        )
    if wait:
        click.pause("Hold the arm and press Enter ...")
    return calibrate(spec, port, until_done(limit_s, quiet=quiet), accept=accept)


def _show(found: Calibration, path: Path, as_json: bool, warnings: list[str]) -> None:
    joints = found.joints
    if as_json:
        zeros = {
            name: {"zero_ticks": zero.zero_ticks, "sign": zero.sign, "homing_offset": zero.homing_offset}
            for name, zero in joints.items()
        }
        value = {
            "robot": found.robot,
            "adapter": found.adapter,
            "usb_path": found.usb_path,
            "file": str(path),
        }
        print_json({**value, "joints": zeros, "warnings": warnings})
        return
    echo(*[""] * (len(joints) + 1 if sys.stdout.isatty() else 1))
    rows = [
        [name, f"{zero.zero_ticks:.1f}", f"{zero.sign:+d}", zero.homing_offset]
        for name, zero in joints.items()
    ]
    print_table(["joint", "zero (ticks)", "sign", "offset in servo"], rows)
    echo(f"wrote {path}")
    if found.adapter is None and found.usb_path is not None:
        echo(
            f"The serial number of this adapter tells nothing: the arm is known by its USB path {found.usb_path}. "
            f"In another socket, say --calibration {path.stem}."
        )
