"""`motorium teleop`: from options to an open leader or source, an open arm, and a session of the two."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MotoriumError
from ..operator.operator import Operator
from ..robots.robot import Robot
from ..specs.travel import beyond_limits
from .keys import jog
from .leader import open_leader
from .mapping import JointMap
from .report import TeleopReport
from .session import Controls, Session
from .sources import Jog, Replay, Source, Stepper

EXPERT_STEP_S = 0.05


@dataclass(frozen=True)
class Request:
    """What is to move the arm: exactly one of leader, source, replay and dataset; for how long.

    Of a dataset an `episode` is played, whose joints are in `units`, when the dataset does not say it. What may be
    another than the arm has, "robot" or "calibration", is in `accept`. Marks of the person are written to `events`.
    """

    leader: str | None = None
    leader_port: str | None = None
    leader_calibration: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    replay: str | None = None
    dataset: str | None = None
    episode: int = 0
    units: str | None = None
    accept: tuple[str, ...] = ()
    events: str | None = None
    speed: float = 1.0
    seconds: float | None = None


def run(open_robot: Callable[[], Robot], request: Request, operator: Operator | None = None) -> TeleopReport:
    """Open everything, run the session, close everything; the follower parks as its specification says.

    Args:
        open_robot: makes the follower; it is entered here, after the leader was found.
        request: what moves it.
        operator: entered; stops the arm, pauses and ends. Its terminal is needed for source "keys", and where it has a
            pedal the arm moves only while that is held.

    Raises:
        MotoriumError: a source that does not exist here; whatever opening the arms raises.
    """
    operator = operator or Operator(-1)
    if request.source == "keys":
        operator.require_terminal()
    controls = Controls(operator.engaged, operator.stopped, operator.ended)
    with contextlib.ExitStack() as stack:
        if request.events is not None and operator.pedal is not None:
            stack.callback(operator.log.save, Path(request.events))
        if request.leader is not None:
            arm = open_leader(
                request.leader, port=request.leader_port, calibration=request.leader_calibration
            )
            follower = open_robot()
            joints = JointMap.between(arm.spec, follower.spec, request.renamed)  # before anything is powered
            leader = stack.enter_context(arm)
            robot = stack.enter_context(operator.attending(follower))
            return Session(robot, controls=controls).follow(leader, joints, seconds=request.seconds)
        follower = open_robot()
        recorded = _recorded(request, follower)  # read before anything is powered
        robot = stack.enter_context(operator.attending(follower))
        source: Source
        source, controls = (
            (recorded, controls) if recorded else _source(robot, request, operator, controls, stack)
        )
        name = (
            request.source or f"replay of {request.replay or f'{request.dataset}, episode {request.episode}'}"
        )
        return Session(robot, controls=controls).play(source, name=name, seconds=request.seconds)


def _recorded(request: Request, robot: Robot) -> Replay | None:
    if request.replay is not None:
        played = Replay.load(request.replay, robot.spec, speed=request.speed)
        problem = beyond_limits(played.positions_rad, robot.spec.joints)
        if problem and "robot" not in request.accept:
            raise MotoriumError(
                f"{request.replay} {problem}: was it made with another robot? To play it within the limits: --accept "
                "robot"
            )
        return played
    if request.dataset is None:
        return None
    from ..data.format.identity import Accepted
    from .recorded import Playing, load_episode

    how = Playing(
        robot.spec,
        robot.identity(),
        Accepted("robot" in request.accept, "calibration" in request.accept),
        request.renamed,
        request.units,
        request.speed,
    )
    return load_episode(Path(request.dataset), request.episode, how)


def _source(
    robot: Robot, request: Request, operator: Operator, controls: Controls, stack: contextlib.ExitStack
) -> tuple[Source, Controls]:
    joints = len(robot.spec.joints)
    if request.source == "keys":
        return Jog(robot.spec, lambda: jog(operator, joints)), controls
    if request.source == "gamepad":
        from .gamepad import Gamepad

        pad = Gamepad(joints)
        stack.callback(pad.close)
        stopped = Controls(controls.engaged, lambda: pad.stopped or controls.stopped(), controls.ended)
        return Jog(robot.spec, pad.read), stopped
    return expert(robot), controls


def expert(robot: Robot) -> Source:
    """Return the scripted expert of a simulated robot's world. Raises MotoriumError where the world has none."""
    make: Any = getattr(robot.world, "expert", None)
    if make is None:
        raise MotoriumError(f"{robot.spec.name} has no scripted expert: only sim: robots have one")
    decide = make(robot.spec)
    state = {"t_s": -1.0}

    def step(t_s: float, setpoint: Any) -> Any:
        if t_s - state["t_s"] < EXPERT_STEP_S * 0.9:
            return setpoint
        state["t_s"] = t_s
        return decide(robot.position_rad, setpoint)

    return Stepper(step)
