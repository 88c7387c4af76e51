"""Run a virtual arm on its own and print its serial port, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from ._verb import Verb, json_option, print_json

if TYPE_CHECKING:
    from ..sim.backend import SimBackend

HOW_TO = """\
The virtual {robot} is on {port} (task on its table: {task}).
Any program that speaks the servo protocol can drive it, for example

  scservo_sdk   PortHandler("{port}"), 1000000 baud
  LeRobot       SO101FollowerConfig(port="{port}", id="virtual")
  motorium      Robot.open("{robot}", port="{port}", calibration="nominal")

Camera frames, readable with motorium.sim.shared_frames.FrameReader:
{cameras}
Ctrl-C ends it.\
"""


def _end_on_signals() -> threading.Event:
    """From now on Ctrl-C, SIGTERM and SIGHUP set the event: to end is the normal course here."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _as_json(backend: SimBackend) -> dict[str, Any]:
    cameras = {role: {"shm": camera.path} for role, camera in backend.cameras.items()}
    return {
        "robot": backend.robot,
        "port": backend.port,
        "pid": backend.pid,
        "task": backend.world.task,
        "cameras": cameras,
    }


@click.command(cls=Verb, name="sim")
@click.argument("robot", default="so101")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the scene on the table."
)
@click.option("--task", default=None, help='Instruction, such as "put the red cube in the tray".')
@json_option
def command(robot: str, seed: int, task: str | None, as_json: bool) -> None:
    """Run a virtual ROBOT on its own and print its serial port, until Ctrl-C.

    The arm answers the real servo protocol, so that any program written for the real one can drive it.
    """
    from ..sim.backend import open_arm

    ended = _end_on_signals()
    with open_arm(robot, seed=seed, task=task) as backend:
        facts = _as_json(backend)
        if as_json:
            print_json(facts)
        else:
            paths = "\n".join(f"  {role:<12}  {camera['shm']}" for role, camera in facts["cameras"].items())
            click.echo(HOW_TO.format(**{**facts, "cameras": paths}))
        while not ended.wait(0.2):
            backend.check()
