"""Run a virtual arm on its own and print its serial port, until Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import MotoriumError, SimulationError
from ._print import echo, shown
from ._verb import Verb, json_option, print_json

if TYPE_CHECKING:
    from ..sim.backend import SimBackend

WATCH_S = 0.2
HOW_TO = """\
The virtual {robot} is on {port} (task on its table: {task}).
Any program that speaks the servo protocol can drive it, for example

{ways}
"""
AT_THE_END = """\
Type what you do to the arm, such as: move sweep, missing gripper, fault drop, help.
Ctrl-C ends it.\
"""


@click.command(cls=Verb, name="sim")
@click.argument("robot", default="so101")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the scene on the table."
)
@click.option("--task", default=None, help='Instruction, such as "put the red cube in the tray".')
@click.option("--move", "moves", multiple=True, metavar="POSE",
              help='Move joints without torque as a hand would: sweep, home, or "gripper 0.5".')  # fmt: skip
@click.option(
    "--missing", multiple=True, metavar="JOINT", help="Silence a servo, by joint or id; may be repeated."
)
@click.option("--fault", "faults", multiple=True, metavar="KIND[:JOINT][/EVERY]",
              help="Spoil replies or servos, such as drop, corrupt:gripper/5, overheat:elbow_flex.")  # fmt: skip
@click.option(
    "--factory-new", is_flag=True, help="Give servos the id and speed of new ones; then type: connect JOINT."
)
@click.option(
    "--episodes", type=click.IntRange(1), help="Lay out and judge this many scenes; prints JSON lines."
)
@click.option("--limit", "limit_s", type=click.FloatRange(0.1), default=30.0, show_default=True,
              help="With --episodes: seconds for each, from the first torque on.")  # fmt: skip
@json_option
def command(
    robot: str,
    seed: int,
    task: str | None,
    moves: Sequence[str],
    missing: Sequence[str],
    faults: Sequence[str],
    factory_new: bool,
    episodes: int | None,
    limit_s: float,
    as_json: bool,
) -> None:
    """Run a virtual ROBOT on its own and print its serial port, until Ctrl-C.

    The arm answers the real servo protocol, so any program for the real arm can drive it. With --episodes, the
    program is judged: each scene and its outcome is a JSON line, and Enter goes to the next.
    """
    from ..sim.backend import open_backend

    words = [f"move {pose}" for pose in moves]
    words += [f"missing {joint}" for joint in missing] + [f"fault {fault}" for fault in faults]
    ended = _end_on_signals()
    with open_backend(robot, seed=seed, task=task, factory_new=factory_new) as backend:
        arms: Mapping[str, SimBackend] = getattr(backend, "arms", None) or {"": backend}
        if episodes is not None and len(arms) > 1:
            raise SimulationError(f"no world judges {robot}: its arms stand at tables of their own")
        for line in words:
            _practise(arms, line)
        _tell_facts(robot, arms, as_json=as_json or episodes is not None)
        skip = threading.Event()
        threading.Thread(
            target=_listen, args=(arms, skip, as_json or episodes is not None), daemon=True
        ).start()
        if episodes is not None:
            from ..sim.judging import Contest, judge_episodes

            contest = Contest(seed, episodes, task, limit_s)
            judge_episodes(arms[""].world, contest, print_json, ended, skip)
            return
        while not ended.wait(WATCH_S):
            backend.check()


def _end_on_signals() -> threading.Event:
    """From now on Ctrl-C, SIGTERM and SIGHUP set the event: to end is the normal course here."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _practise(arms: Mapping[str, SimBackend], line: str) -> str:
    """Do what a line says to the arm it names (`left: move sweep`), or to all."""
    side, colon, words = line.partition(":")
    named = bool(colon) and side.strip() in arms
    chosen = [arms[side.strip()]] if named else list(arms.values())
    said = [arm.world.practise(words.strip() if named else line.strip()) for arm in chosen]
    return "\n".join(dict.fromkeys(said))


def _listen(arms: Mapping[str, SimBackend], skip: threading.Event, as_json: bool) -> None:
    """Carry out what is typed, until stdin ends; an empty line skips an episode."""
    while True:
        try:
            select.select([sys.stdin], [], [])
            if sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
                time.sleep(WATCH_S)  # in the background: reading would stop this process
                continue
            line = sys.stdin.readline()
        except (OSError, ValueError):  # no stdin at all
            return
        if not line:
            return
        if not line.strip():
            skip.set()
            continue
        try:
            said = {"said": _practise(arms, line)}
        except MotoriumError as error:
            said = {"error": str(error)}
        if as_json:
            print_json(said)
        else:
            echo(*str(next(iter(said.values()))).split("\n"))


def _tell_facts(robot: str, arms: Mapping[str, SimBackend], *, as_json: bool) -> None:
    from ..sim.how_to import how_to

    if as_json:
        facts = {side: _facts(arm) for side, arm in arms.items()}
        ports = ",".join(f"{side}={arm.port}" for side, arm in arms.items())
        print_json(facts.get("", {"robot": robot, "port": ports, "arms": facts}))
        return
    for side, arm in arms.items():
        cameras = {role: camera.path for role, camera in arm.cameras.items()}
        name = f"{arm.robot} ({side} arm of {robot})" if side else arm.robot
        ways = how_to(arm.spec, arm.port, cameras)
        text = HOW_TO.format(robot=shown(name), port=shown(arm.port), task=shown(arm.world.task), ways=ways)
        echo(*text.split("\n"))
    if "" not in arms:
        ports = ",".join(f"{side}={arm.port}" for side, arm in arms.items())
        echo(f'Both as one robot: Robot.open("{robot}", port="{ports}", calibration="nominal")', "")
    echo(*AT_THE_END.split("\n"))


def _facts(backend: SimBackend) -> dict[str, Any]:
    return {
        "robot": backend.robot,
        "port": backend.port,
        "pid": backend.pid,
        "task": backend.world.task,
        "baud": backend.spec.bus.baud,
        "cameras": {role: {"shm": camera.path} for role, camera in backend.cameras.items()},
    }
