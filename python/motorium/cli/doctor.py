"""Check this machine, and whether a checkpoint fits a robot."""

from __future__ import annotations

import click

from ._verb import Verb, json_option, print_json, print_table

MARKS = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}
BLOCKED = 1


@click.command(cls=Verb, name="doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check this machine: Python, extension, simulator, graphics, serial ports, real-time priority, disk.

    Exits with 1 when something blocks; a warning does not.
    """
    from ..doctor import check_machine

    checks = check_machine()
    if as_json:
        print_json({"checks": [check.as_dict() for check in checks]})
    else:
        print_table(["check", "", "found"], [[c.name, MARKS[c.status], c.detail] for c in checks])
        for check in checks:
            if check.advice:
                click.echo(f"\n{check.name}: {check.advice}")
    if any(check.status == "fail" for check in checks):
        ctx.exit(BLOCKED)
