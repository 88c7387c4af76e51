"""List cameras, bind them to roles by USB path or serial number, check that none was swapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..files import check_writable
from ._print import echo
from ._verb import Group, Number, Verb, json_option, print_json, print_table

robot_option = click.option("--robot", required=True, help="Robot whose cameras these are.")


@click.group(cls=Group, name="cameras")
def command() -> None:
    """Bind cameras to roles by USB path or serial number, not by an index that changes.

    Every command takes --json.
    """


@command.command(cls=Verb, name="list")
@click.option("--robot", help="Also show which role each camera has on this robot.")
@json_option
def list_command(robot: str | None, as_json: bool) -> None:
    """List the cameras of this machine."""
    from ..cameras.devices import list_devices
    from ..cameras.realsense import list_realsense
    from ..cameras.setup import CameraSetup

    devices, depth = list_devices(), list_realsense()
    setup = CameraSetup.load(robot) if robot else None
    bound = {role: b.where for role, b in setup.cameras.items()} if setup else {}
    if as_json:
        print_json({"uvc": [d.as_dict() for d in devices], "realsense": depth, "bound": bound})
        return
    rows = [["uvc", d.node, d.title, d.usb_path or "-", d.serial or "-"] for d in devices]
    rows += [["realsense", "-", d["title"], "-", d["serial"]] for d in depth]
    if rows:
        print_table(["kind", "node", "camera", "usb path", "serial"], rows)
    else:
        echo("No camera found. Is its cable in? In a container: is /dev/video* passed on?")
    for role, where in bound.items():
        echo(f"{role} = {where}")


@command.command(cls=Verb, name="bind")
@click.argument("role")
@click.argument("camera")
@robot_option
@click.option(
    "--kind", type=click.Choice(["uvc", "realsense", "file"]), help="Kind of camera; default: detected."
)
@click.option("--size", default="640x480", show_default=True, help="Picture size, width x height.")
@click.option("--fps", default=30.0, show_default=True, help="Pictures per second.")
@click.option(
    "--pixels", default="MJPG", show_default=True, help="Pixel format (FOURCC), such as MJPG or YUYV."
)
@click.option(
    "--max-age", "max_age_s", default=0.5, show_default=True, help="Seconds; older frames are refused."
)
@click.option(
    "--no-picture", is_flag=True, help="Keep no reference picture; swapped cameras then go unnoticed."
)
@json_option
def bind_command(
    role: str,
    camera: str,
    robot: str,
    kind: str | None,
    size: str,
    fps: float,
    pixels: str,
    max_age_s: float,
    no_picture: bool,
    as_json: bool,
) -> None:
    """Bind CAMERA to ROLE: a serial number, a USB path such as 1-1.2, a node such as /dev/video0, or a video file."""
    from ..cameras import rig
    from ..cameras.find import recognise
    from ..cameras.setup import CameraSetup, parse_mode, picture_path, setup_path

    kept = setup_path(robot)
    check_writable(kept.parent, "the binding")
    mode = parse_mode(_mode(size, fps, pixels), "mode")
    binding = recognise(camera, kind, mode, max_age_s)
    rig.bind(CameraSetup.load(robot), role, binding, picture=not no_picture)
    picture = None if no_picture else str(picture_path(robot, role))
    if as_json:
        found = {"robot": robot, "role": role, "camera": binding.where, "file": str(kept), "picture": picture}
        print_json(found)
    else:
        echo(f"{role} = {binding.where}, {mode}; kept in {kept}")


@command.command(cls=Verb, name="check")
@robot_option
@click.option(
    "--seconds", type=Number(0.1, 600), default=2.0, show_default=True, help="How long to measure rates."
)
@json_option
def check_command(robot: str, seconds: float, as_json: bool) -> None:
    """Open all cameras of a robot: buses, pictures, rates. Exit code 2 when one is missing or swapped."""
    from ..cameras.check import check_cameras
    from ..cameras.setup import CameraSetup

    report = check_cameras(CameraSetup.load(robot), seconds)
    if as_json:
        print_json(report.as_dict())
        return
    rows = [
        [role, c.camera, c.size, f"{c.rate_hz:.1f}", f"{1e3 * (c.age_s or 0.0):.0f}", _distance(c.distance)]
        for role, c in report.cameras.items()
    ]
    print_table(["role", "camera", "size", "Hz", "age ms", "distance"], rows)
    for load in (bus.as_dict() for bus in report.buses):
        echo(f"USB bus {load['bus']}: {load['reserved_mb_s']} of {load['limit_mb_s']} MB/s reserved")


@command.command(cls=Verb, name="calibrate")
@click.argument("role")
@robot_option
@click.option("--tags", "tags_file", required=True, type=click.Path(path_type=Path, exists=True),
              help='Layout: {"tags": [{"id", "size_m", "position_m", "rpy_rad"}]}.')  # fmt: skip
@click.option("--fovy", "fovy_deg", type=Number(1, 179), help="Vertical field of view of the lens, degrees.")
@click.option(
    "--lens",
    "lens_file",
    type=click.Path(path_type=Path),
    help="Or its fx, fy, cx, cy and distortion (JSON).",
)
@click.option(
    "--image",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Use these pictures instead of the camera; may be repeated.",
)
@json_option
def calibrate_command(
    role: str,
    robot: str,
    tags_file: Path,
    fovy_deg: float | None,
    lens_file: Path | None,
    files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Find the pose of the camera of ROLE in the world, from AprilTags (36h11) at known positions."""
    from ..cameras.extrinsics import calibrate, extrinsics_path, pictures
    from ..cameras.poses import Lens

    if (fovy_deg is None) == (lens_file is None):
        raise click.UsageError("give one of --fovy and --lens")
    check_writable(extrinsics_path(robot, role).parent, "the camera's place")
    lens = Lens.load(lens_file) if lens_file is not None else float(fovy_deg or 0.0)
    found = calibrate(robot, role, pictures(robot, role, files), tags_file, lens)
    if as_json:
        print_json(found.as_dict())
        return
    solved = found.extrinsics
    place = [float(row[3]) for row in solved.camera_to_world[:3]]
    echo(f"{role} stands at {place[0]:+.4f} {place[1]:+.4f} {place[2]:+.4f} m in the world")
    tags = ", ".join(f"tag {number} {px:.2f}" for number, px in solved.per_tag_px.items())
    echo(f"reprojection {solved.rms_px:.2f} px ({tags}); kept in {extrinsics_path(robot, role)}")


def _distance(distance: float | None) -> str:
    return "no picture" if distance is None else f"{distance:.2f}"


def _mode(size: str, fps: float, pixels: str) -> dict[str, Any]:
    width, x, height = size.partition("x")
    if not (x and width.isascii() and width.isdecimal() and height.isascii() and height.isdecimal()):
        raise click.BadParameter(f"{size!r} is not like 640x480", param_hint="--size")
    return {"width": int(width), "height": int(height), "fps": fps, "pixels": pixels.upper()}
