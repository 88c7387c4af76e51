"""Turn human hand motion (MANO parameters) into demonstrations in the unified slots."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import check_file
from ._print import echo
from ._verb import Number, Verb, json_option, print_json


@click.command(cls=Verb, name="hands")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="File for states and actions (.npz).")
@click.option(
    "--mirror", "mirrored", is_flag=True, help="Add a mirrored copy of every stretch, left for right."
)
@click.option(
    "--frame",
    type=click.Choice(["world", "camera"]),
    help="For --mirror: the axes of the hands.  [default: what FILE says]",
)
@click.option(
    "--confidence", type=Number(0, 1), default=0.5, show_default=True, help="Frames below this are dropped."
)
@click.option(
    "--shortest",
    "shortest_s",
    type=Number(0),
    default=0.5,
    show_default=True,
    help="Seconds; shorter stretches are dropped.",
)
@json_option
def command(
    file: Path,
    out: Path | None,
    mirrored: bool,
    frame: str | None,
    confidence: float,
    shortest_s: float,
    as_json: bool,
) -> None:
    """Check the hands in FILE (.npz) and keep the good stretches, as slots 0-14 and 90-199."""
    from ..hands.convert import convert, save
    from ..hands.quality import QualityLimits

    if out is not None:
        check_file(out, "the demonstrations")
    limits = QualityLimits(confidence=confidence, shortest_s=shortest_s)
    demos, report = convert(file, mirrored=mirrored, frame=frame, limits=limits)
    if out is not None:
        save(out, demos)
    if as_json:
        print_json(report.as_dict() if out is None else {**report.as_dict(), "out": str(out)})
        return
    echo(f"{report.frames} frames, {report.seconds:.1f} s")
    for side, found in report.hands.items():
        bad = ", ".join(f"{reason} {count}" for reason, count in found.bad.items()) or "nothing"
        echo(f"{side:5} {100 * found.kept:.0f} % kept; bad: {bad}")
    echo(f"{report.demonstrations} demonstrations, {report.states} states")
