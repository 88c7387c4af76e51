"""Give new servos their ids and speed, one at a time."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from ..errors import BusError, MotoriumError, SpecError
from ._print import ask, echo
from ._verb import Number, Verb, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..motors.diagnosis import Expected
    from ..motors.scan import FoundServo
    from ..motors.set_up import ServoSetUp, Survey

ORDER = "Connect new servos one at a time; those that are set up may stay connected."


@click.command(cls=Verb, name="setup-motors")
@click.argument("robot")
@click.option("--port", help="Serial port of the servo bus; see: motorium ports.")
@click.option("--joint", help="Set up the one servo connected now for this joint, then end.")
@click.option("--yes", is_flag=True, help="Do not wait for Enter: take each new servo as it is connected.")
@click.option("--limit", "limit_s", type=Number(1), default=300.0, show_default=True,
              help="With --yes: give up after this many seconds without a new servo.")  # fmt: skip
@json_option
def command(
    robot: str, port: str | None, joint: str | None, yes: bool, limit_s: float, as_json: bool
) -> None:
    """Give the servos of ROBOT on --port their ids and speed, one at a time, without the vendor's program.

    Shows first what is on the bus. Can be interrupted and started again: servos already set up are found.
    """
    set_up = _prepare(robot, port)
    echo(f"asking every id at every speed on {set_up.port} ...", err=True)
    found = set_up.scan().servos
    survey = set_up.sort(found)
    if not as_json:
        _show(found, survey)
    given: list[dict[str, Any]] = []
    if joint is not None:
        given.append(_give(set_up, survey, joint))
    elif yes:
        _take_as_they_come(set_up, survey, given, limit_s)
    else:
        _ask(set_up, survey, given)
    left = [entry.joint for entry in set_up.pending(set_up.sort(()) if joint is None else set_up.glance())]
    if as_json:
        servos = [servo.id for servo in found]
        print_json(
            {"robot": robot, "port": set_up.port, "found_ids": servos, "given": given, "pending": left}
        )
    elif joint is None and not left:
        echo(
            f"every servo has its id. Connect them all, then: motorium doctor --port {set_up.port} --robot {robot}"
        )


def _prepare(robot: str, port: str | None) -> ServoSetUp:
    from ..motors.diagnosis import expected_servos
    from ..motors.set_up import ServoSetUp
    from ..robots.backends import check_port
    from ..specs.robot import RobotSpec

    if ":" in robot:
        name = robot.partition(":")[2]
        raise SpecError(f"{robot} is assembled already; to practise: motorium sim {name} --factory-new")
    spec = RobotSpec.load(robot)
    if spec.arms:
        arms = " and ".join(sorted({arm.spec.name for arm in spec.arms}))
        raise SpecError(f"{robot} has several buses: set up each arm on its own port, as {arms}")
    return ServoSetUp(check_port(port, spec.name), expected_servos(spec), spec.bus.baud)


def _give(set_up: ServoSetUp, survey: Survey, joint: str | None) -> dict[str, Any]:
    entry, servo = set_up.choose(survey, joint)
    set_up.give(entry, servo)
    echo(
        f"{entry.joint}: id {servo.id} at {servo.baud} baud is now id {entry.id} at {set_up.baud} baud",
        err=True,
    )
    return {"joint": entry.joint, "id": entry.id, "was_id": servo.id, "was_baud": servo.baud}


def _ask(set_up: ServoSetUp, survey: Survey, given: list[dict[str, Any]]) -> None:
    """Hold the dialogue: which servo to connect, then Enter."""
    echo(*ORDER.split("\n"), err=True)
    set_up.finished |= set(survey.done)
    while left := set_up.pending(survey):
        answer = _answer(left)
        if answer == "q":
            return
        try:
            survey = set_up.look()
            set_up.finished |= set(survey.done)
            if set_up.pending(survey):
                given.append(_give(set_up, survey, answer or None))
        except MotoriumError as error:
            echo(f"  {error}", err=True)


def _answer(left: list[Expected]) -> str:
    entry = left[0]
    ask(
        f"Connect the servo of {entry.joint} ({entry.motor}, becomes id {entry.id}) and press Enter; "
        "or name another joint, or q to end: "
    )
    line = sys.stdin.readline()
    if not line:
        raise BusError(
            "stdin ended before every servo was set up: run it in a terminal, or with --joint or --yes"
        )
    return line.strip()


def _take_as_they_come(
    set_up: ServoSetUp, survey: Survey, given: list[dict[str, Any]], limit_s: float
) -> None:
    last_s = time.monotonic()
    said = ""
    set_up.finished |= set(survey.done)
    while left := set_up.pending(survey):
        wish = f"waiting for the servo of {left[0].joint} ({left[0].motor}, becomes id {left[0].id})"
        if survey.new:
            given.append(_give(set_up, survey, None))
            last_s = time.monotonic()
        elif time.monotonic() - last_s > limit_s:
            raise BusError(
                f"no new servo was heard for {limit_s:g} s: none was connected, or several at once, which answer over "
                f"each other (then connect one alone); missing: {', '.join(e.joint for e in left)}"
            )
        elif said != wish:
            echo(wish, err=True)
            said = wish
        survey = set_up.glance()
        set_up.finished |= set(survey.done)


def _show(found: tuple[FoundServo, ...], survey: Survey) -> None:
    if not found:
        echo("no servo answers yet")
        return
    owner = {(servo.id, servo.baud): joint for joint, servo in survey.done.items()}
    rows = [
        [
            servo.id,
            servo.baud,
            servo.model or servo.model_number or "-",
            owner.get((servo.id, servo.baud), "new"),
        ]
        for servo in found
    ]
    print_table(["id", "baud", "model", "joint"], rows)
