"""Check this machine, a servo bus, or whether a checkpoint fits a robot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._print import echo, echo_text
from ._verb import Number, Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..doctor import BusReport, Check, Fit

BLOCKED = 1


@click.command(cls=Verb, name="doctor")
@click.option("--checkpoint", help="Checkpoint name or directory; needs --robot.")
@click.option("--robot", help="Robot from `motorium robots`, or sim:<robot>; with --checkpoint or --port.")
@click.option("--latency-ms", type=Number(0, 60_000),
              help="With --checkpoint: whether its committed rows bridge inferences that take as long.")  # fmt: skip
@click.option("--port", help="Servo bus to examine; with --robot, for the servos that should be on it.")
@click.option("--ids", help="Which ids to ask with --port, such as 1-12.  [default: 0-252]")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    checkpoint: str | None,
    robot: str | None,
    latency_ms: float | None,
    port: str | None,
    ids: str | None,
    as_json: bool,
) -> None:
    """Check this machine: Python, extension, simulator, graphics, serial ports, real-time priority, disk.

    With --port, find servos of every id at every speed, and name the likely cause of each problem, with its fix:
    duplicate id, loose cable, wrong supply, wrong speed, permission, latency timer, missing udev rule. Reads only.

    With --checkpoint and --robot, instead show how every input and output of the checkpoint maps to the
    robot, where its statistics contradict that (joint order, sign, unit), and whether its plans come in time, timed
    on this machine; --latency-ms asks about another time than the measured one.

    Exits with 1 when something blocks; with warnings alone, with 0.
    """
    from ..doctor import CheckStatus, check_bus, check_fit, check_machine

    if latency_ms is not None and (checkpoint is None or port is not None):
        raise click.UsageError("--latency-ms asks about a checkpoint: give it with --checkpoint and --robot")
    if port is not None:
        report = check_bus(port, robot, _ids(ids))
        print_json(report.as_dict()) if as_json else _show_bus(report)
        if report.findings:
            ctx.exit(BLOCKED)
        return
    if (checkpoint is None) != (robot is None):
        raise click.UsageError("--checkpoint and --robot go together, or --port and --robot")
    if checkpoint is not None and robot is not None:
        fit = check_fit(checkpoint, robot, None if latency_ms is None else latency_ms / 1e3)
        print_json(fit.as_dict()) if as_json else _show_fit(fit, checkpoint, robot)
        blocked = fit.blocking
    else:
        checks = check_machine()
        print_json({"checks": [check.as_dict() for check in checks]}) if as_json else _show_checks(checks)
        blocked = any(check.status is CheckStatus.FAIL for check in checks)
    if blocked:
        ctx.exit(BLOCKED)


def _ids(text: str | None) -> range:
    if text is None:
        return range(253)
    first, _, last = text.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found or found.start < 0 or found.stop > 253:
        raise click.BadParameter("need an id or a range inside 0-252, such as 1-12", param_hint="--ids")
    return found


def _show_bus(report: BusReport) -> None:
    if report.scan is not None and report.scan.servos:
        header = ["id", "model", "baud", "volts", "C", "disturbed"]
        rows = [
            [
                s.id,
                s.model or s.model_number or "?",
                s.baud,
                _shown(s.voltage_v),
                _shown(s.temperature_c),
                s.disturbed,
            ]
            for s in report.scan.servos
        ]
        print_table(header, rows)
    for finding in report.findings:
        echo("", f"{finding.cause}: {finding.detail}", f"  {finding.fix}")
    if not report.findings:
        echo("", "nothing wrong found")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _show_checks(checks: list[Check]) -> None:
    from ..doctor import CheckStatus

    rows = [[c.name, "ok" if c.status is CheckStatus.OK else c.status.upper(), c.detail] for c in checks]
    print_table(["check", "", "found"], rows)
    for check in checks:
        if check.advice:
            echo("", f"{check.name}: {check.advice}")


def _show_fit(fit: Fit, checkpoint: str, robot: str) -> None:
    rows = [
        [
            row.kind,
            row.name,
            "-" if row.slot is None else row.slot,
            row.unit,
            _range(row.low, row.high),
            row.robot_name,
            _range(row.lower, row.upper),
            "no" if row.problem else "yes",
        ]
        for row in fit.rows
    ]
    header = [
        "",
        f"in {Path(checkpoint).name}",
        "slot",
        "unit",
        "seen in training",
        f"on {robot}",
        "limits",
        "fits",
    ]
    print_table(header, rows)
    for line in fit.contradictions:
        echo("", f"contradiction: {line}")
    if fit.refusal:
        echo()
        echo_text(f"refused: {fit.refusal}")
    if fit.pace is not None:
        echo("", f"in time: {fit.pace}")
        for line in fit.pace.warnings:
            echo("", f"WARN: {line}")
        if fit.pace.asked is not None and fit.pace.asked.holds:
            echo("", fit.pace.answer)
    if not fit.blocking:
        echo("", "every input and output is bound; the statistics agree with the labels")


def _range(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:+.3f} .. {high:+.3f}"
