"""Measure the engine, the kernels, the ring or the servo bus against other libraries, in one process, as ratios."""

from __future__ import annotations

from typing import Any

import click

from ._print import echo
from ._verb import Verb, json_option, print_json, print_table


@click.command(cls=Verb, name="bench")
@click.argument(
    "what",
    metavar="WHAT",
    type=click.Choice(["bus", "chunk", "engine", "kernels", "loop", "ring", "scale"]),
)
@click.option(
    "--sizes",
    default="S,M,B",
    show_default=True,
    help="Sizes of the action expert (engine), comma-separated.",
)
@click.option(
    "--threads", type=click.IntRange(1, 64), default=2, show_default=True, help="Threads of every contender."
)
@click.option(
    "--peers", default="torch,onnxruntime", show_default=True, help="Libraries (engine), comma-separated."
)
@click.option(
    "--rounds", type=click.IntRange(2), default=None, help="At most this many rounds of all contenders."
)
@click.option("--quick", is_flag=True, help="Quick look: few short rounds, nothing compiled by torch.")
@json_option
def command(
    what: str, sizes: str, threads: int, peers: str, rounds: int | None, quick: bool, as_json: bool
) -> None:
    """Compare WHAT with its peers: bus (LeRobot, vendors' kits), engine (PyTorch, ONNX Runtime), kernels, ring (Boost).

    loop is the control thread against the same loop in Python, beside a thread that holds the GIL and two encoders;
    scale is the engine alone: what a chunk costs as steps, rows and layers grow. chunk is the shipped checkpoint alone,
    paced, beside the simulator and in a run: why the latency of a run is not that of a loop.

    Contenders take turns in one process; figures are medians, ratios are taken within a round. A ratio above 1 means
    that motorium is faster; `bus` compares times, so there a ratio below 1 does.
    """
    options = {"sizes": sizes, "threads": threads, "peers": peers, "rounds": rounds, "quick": quick}
    figures = _MEASURES[what](options, as_json)
    if as_json:
        print_json(figures)
        return
    from ..bench.machine import machine_line

    notes = figures.pop("notes", [])
    echo(machine_line(figures.pop("machine")))
    print_table([what, ""], _rows(figures))
    for note in notes:
        echo(f"note: {note}", err=True)


def _engine(options: dict[str, Any], as_json: bool) -> dict[str, Any]:
    from ..bench.engine import PEERS, Job, measure
    from ..bench.peers.expert import SIZES
    from ..bench.timing import QUICK, Pace

    pace = QUICK if options["quick"] else Pace()
    if options["rounds"]:
        pace = Pace(rounds=options["rounds"], seconds=3600)
    job = Job(
        _chosen(options["sizes"], SIZES, "--sizes"),
        options["threads"],
        _chosen(options["peers"], PEERS, "--peers"),
        compiled=not options["quick"],
        pace=pace,
    )

    def say(text: str) -> None:
        echo(text, err=True)

    return measure(job, say) if as_json else measure(job, say, _print_size)


def _print_size(name: str, figures: dict[str, Any]) -> None:
    print_table([f"engine {name}", ""], _rows(figures))


def _chunk(options: dict[str, Any], as_json: bool) -> dict[str, Any]:
    from ..bench.chunk import measure

    count = options["rounds"] or (10 if options["quick"] else 50)
    return measure(count, (lambda _: None) if as_json else lambda text: echo(text, err=True))


def _kernels(options: dict[str, Any], as_json: bool) -> dict[str, Any]:
    from ..bench.kernels import measure
    from ..bench.timing import QUICK, Pace

    del as_json
    return measure(options["threads"], QUICK if options["quick"] else Pace(seconds=20))


def _bus(options: dict[str, Any], as_json: bool) -> dict[str, Any]:
    from ..bench.bus import QUICK, Effort, measure

    del as_json
    effort = QUICK if options["quick"] else Effort()
    return measure(Effort(options["rounds"], effort.cycles, effort.losses) if options["rounds"] else effort)


def _scale(options: dict[str, Any], as_json: bool) -> dict[str, Any]:
    from ..bench.scale import measure

    del as_json
    return measure(options["threads"], rounds=options["rounds"] or (5 if options["quick"] else 50))


def _ring(options: dict[str, Any], as_json: bool) -> dict[str, Any]:
    from ..bench.ring import measure

    del as_json
    return measure(options["rounds"] or (20 if options["quick"] else 200))


def _loop(options: dict[str, Any], as_json: bool) -> dict[str, Any]:
    from ..bench.loop import measure

    del as_json
    return measure(seconds=2.0 if options["quick"] else 20.0, rounds=options["rounds"] or 2)


_MEASURES = {
    "bus": _bus,
    "chunk": _chunk,
    "engine": _engine,
    "kernels": _kernels,
    "loop": _loop,
    "ring": _ring,
    "scale": _scale,
}


def _chosen(names: str, valid: Any, option: str) -> list[str]:
    chosen = [name for name in names.split(",") if name]
    for name in chosen:
        if name not in valid:
            raise click.BadParameter(f"{name!r} is none of {', '.join(valid)}", param_hint=option)
    return chosen


def _rows(figures: dict[str, Any], before: str = "") -> list[tuple[str, object]]:
    """Nested figures, one line each, with dotted names."""
    rows: list[tuple[str, object]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{before}{name}.")
        elif value not in (None, []):
            rows.append((before + name, value))
    return rows
