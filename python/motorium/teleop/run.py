"""`motorium teleop`: from options to an open leader or source, an open arm, and a session of the two."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import MotoriumError
from ..operator.terminal import Terminal
from ..robots.robot import Robot
from ..specs.travel import beyond_limits
from ..timeline.pedal import Pedal
from .keys import END, PAUSE, Keys
from .leader import open_leader
from .mapping import JointMap
from .session import Controls, Session, TeleopReport
from .sources import Jog, Replay, Source, Stepper

EXPERT_STEP_S = 0.05


@dataclass(frozen=True)
class Request:
    """What is to move the arm: exactly one of leader, source, replay and dataset; for how long; a foot switch.

    Of a dataset an `episode` is played, whose joints are in `units`, when the dataset does not say it. What may be
    another than the arm has, "robot" or "calibration", is in `accept`.
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
    pedal: str | None = None
    events: str | None = None
    speed: float = 1.0
    seconds: float | None = None


class KeyControls:
    """Pause and end from the keys of a terminal, and whether the arm was stopped; without one, nothing is ever said.

    Attributes:
        pedal: a foot switch that must be held to move; None without one.
    """

    def __init__(self, keys: Keys | None) -> None:
        """Of `keys`, which others may read too."""
        self._keys = keys
        self.pedal: Pedal | None = None
        self.paused = self._ended = False

    def poll(self) -> None:
        """Take what was pressed since the last call."""
        for key in self._keys.poll() if self._keys else ():
            self.paused ^= key == PAUSE
            self._ended |= key == END

    def stopped(self) -> bool:
        """Whether space or Escape has stopped the arm: the control thread has done it by itself."""
        self.poll()
        return self._keys is not None and self._keys.terminal.stopped

    def controls(self) -> Controls:
        """For a session."""
        return Controls(self.engaged, self.stopped, lambda: self._ended)

    def engaged(self) -> bool:
        """Not paused, and the foot on the pedal where there is one."""
        return not self.paused and (self.pedal is None or self.pedal.held())


def run(open_robot: Callable[[], Robot], request: Request, terminal: Terminal | None = None) -> TeleopReport:
    """Open everything, run the session, close everything; the follower parks as its specification says.

    Args:
        open_robot: makes the follower; it is entered here, after the leader was found.
        request: what moves it.
        terminal: whose keys stop the arm, pause and end; needed for source "keys".

    Raises:
        MotoriumError: a source that does not exist here; whatever opening the arms raises.
    """
    terminal = terminal or Terminal(-1)
    keys = Keys(terminal) if terminal.present or request.source == "keys" else None
    said = KeyControls(keys)
    with contextlib.ExitStack() as stack:
        if request.pedal is not None:
            said.pedal = stack.enter_context(Pedal(request.pedal))
            if request.events is not None:
                stack.callback(said.pedal.log.save, Path(request.events))
        if request.leader is not None:
            arm = open_leader(
                request.leader, port=request.leader_port, calibration=request.leader_calibration
            )
            follower = open_robot()
            joints = JointMap.between(arm.spec, follower.spec, request.renamed)  # before anything is powered
            leader = stack.enter_context(arm)
            robot = _watched(follower, terminal, stack)
            session = Session(robot, controls=said.controls())
            return session.follow(leader, joints, seconds=request.seconds)
        follower = open_robot()
        recorded = _recorded(request, follower)  # read before anything is powered
        robot = _watched(follower, terminal, stack)
        source, controls = (
            (recorded, said.controls()) if recorded else _source(robot, request, keys, said, stack)
        )
        name = (
            request.source or f"replay of {request.replay or f'{request.dataset}, episode {request.episode}'}"
        )
        return Session(robot, controls=controls).play(source, name=name, seconds=request.seconds)


def _watched(robot: Robot, terminal: Terminal, stack: contextlib.ExitStack) -> Robot:
    """Enter `robot` with its keys watched from before it has torque until it is at rest."""
    stack.enter_context(contextlib.closing(robot))
    stack.enter_context(terminal.watching(robot))
    return stack.enter_context(robot)


def _recorded(request: Request, robot: Robot) -> Replay | None:
    if request.replay is not None:
        played = Replay.load(request.replay, robot.spec, speed=request.speed)
        problem = beyond_limits(played.positions_rad, robot.spec.joints)
        if problem and "robot" not in request.accept:
            raise MotoriumError(
                f"{request.replay} {problem}: was it made with another robot? To play it held to the limits: "
                f"--accept robot"
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
    robot: Robot, request: Request, keys: Keys | None, said: KeyControls, stack: contextlib.ExitStack
) -> tuple[Source, Controls]:
    controls = said.controls()
    if keys is not None and request.source == "keys":
        return Jog(robot.spec, partial(keys.jog, len(robot.spec.joints))), controls
    if request.source == "gamepad":
        from .gamepad import Gamepad

        pad = Gamepad(len(robot.spec.joints))
        stack.callback(pad.close)
        return Jog(robot.spec, pad.read), Controls(
            controls.engaged, lambda: pad.stopped or said.stopped(), controls.ended
        )
    return expert(robot), controls


def expert(robot: Robot) -> Source:
    """Return the scripted expert of a simulated robot's world. Raises MotoriumError where the world has none."""
    make: Any = getattr(robot.world, "expert", None)
    if make is None:
        raise MotoriumError(f"{robot.spec.name} has no scripted expert: that is for sim: robots")
    decide = make(robot.spec)
    state = {"t_s": -1.0}

    def step(t_s: float, setpoint: Any) -> Any:
        if t_s - state["t_s"] < EXPERT_STEP_S * 0.9:
            return setpoint
        state["t_s"] = t_s
        return decide(robot.position_rad, setpoint)

    return Stepper(step)
