"""Calibrate an arm: move every joint by hand from stop to stop, once."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CalibrationError
from ._verb import Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..robots.calibration import Calibration
    from ..robots.spec import RobotSpec
    from ..robots.sweep import Sweep

STILL_S = 3.0
"""Complete, and nothing has reached further for this long: the sweep is over."""
REDRAW_S = 0.1
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(cls=Verb, name="calibrate")
@click.argument("robot")
@click.option("--port", help="Serial port of the servo bus; see: motorium ports.")
@click.option("--name", help="What to call this arm; ROBOT when not given.")
@click.option("--limit", "limit_s", type=click.FloatRange(1), default=180.0, show_default=True,
              help="Give up after this many seconds.")  # fmt: skip
@click.option("--from-lerobot", type=FILE, help="Take LeRobot's calibration file instead of moving the arm.")
@click.option("--to-lerobot", type=FILE, help="Also write the result as LeRobot's calibration file.")
@click.option("--yes", is_flag=True, help="Do not wait for Enter before the arm goes limp.")
@json_option
def command(
    robot: str,
    port: str | None,
    name: str | None,
    limit_s: float,
    from_lerobot: Path | None,
    to_lerobot: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Find the zeros of ROBOT on --port, and keep them under --name with the adapter's serial number."""
    from ..robots.calibration import directory
    from ..robots.lerobot_calibration import read_lerobot, write_lerobot
    from ..robots.spec import RobotSpec

    if ":" in robot:
        raise CalibrationError(f"{robot} needs no calibration: a simulated arm is assembled as declared")
    spec = RobotSpec.load(robot)
    if from_lerobot is not None:
        found = read_lerobot(from_lerobot, spec)
    else:
        found = _sweep(
            spec, port, limit_s, wait=not yes and not as_json and sys.stdin.isatty(), quiet=as_json
        )
    path = directory() / f"{name or spec.name}.json"
    found.save(path)
    if to_lerobot is not None:
        write_lerobot(found, spec, to_lerobot)
    _show(found, path, as_json)


def _sweep(spec: RobotSpec, port: str | None, limit_s: float, *, wait: bool, quiet: bool) -> Calibration:
    from ..robots.backends import check_port
    from ..robots.calibrate import calibrate

    port = check_port(port, spec.name)
    if not quiet:
        click.echo(
            f"{spec.title} on {port}: the arm goes limp now. Hold it; then move every joint from stop to stop."
        )
    if wait:
        click.pause("Hold the arm and press Enter ...")
    return calibrate(spec, port, _until_done(limit_s, quiet=quiet))


def _until_done(limit_s: float, *, quiet: bool) -> Callable[[Sweep, float], bool]:
    begin_s = drawn_s = time.monotonic()
    live = not quiet and sys.stdout.isatty()

    def finished(sweep: Sweep, still_s: float) -> bool:
        nonlocal drawn_s
        now_s = time.monotonic()
        if live and now_s - drawn_s > REDRAW_S:
            drawn_s = now_s
            _draw(sweep)
        if now_s - begin_s > limit_s:
            sweep.zeros()  # says which joint is missing
            return True
        return (sweep.complete and still_s > STILL_S) or (live and _enter_pressed())

    return finished


def _draw(sweep: Sweep) -> None:
    lines = [
        f"  {name:<16}{'#' * min(20, round(20 * share)):<20}  {share:4.0%}"
        for name, share in sweep.shares().items()
    ]
    click.echo("\n".join(lines) + "\n  Enter when all are full" + f"\x1b[{len(lines)}A\r", nl=False)


def _enter_pressed() -> bool:
    if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0.0)[0]:
        return False
    sys.stdin.readline()
    return True


def _show(found: Calibration, path: Path, as_json: bool) -> None:
    joints = found.joints
    if as_json:
        zeros = {
            name: {"zero_ticks": zero.zero_ticks, "sign": zero.sign, "homing_offset": zero.homing_offset}
            for name, zero in joints.items()
        }
        print_json({"robot": found.robot, "adapter": found.adapter, "file": str(path), "joints": zeros})
        return
    click.echo("\n" * (len(joints) if sys.stdout.isatty() else 0))
    rows = [
        [name, f"{zero.zero_ticks:.1f}", f"{zero.sign:+d}", zero.homing_offset]
        for name, zero in joints.items()
    ]
    print_table(["joint", "zero (ticks)", "sign", "offset in servo"], rows)
    click.echo(f"wrote {path}")
