"""`sim:<robot>`: starts the simulator process and hands over its servo bus, cameras and world.

The arm moves through `port` alone, as a real one does; the control channel only resets and judges the
scene.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..children import python_module
from ..errors import SimulationError
from ..specs.robot import RobotSpec, pairs
from ..types import Float32
from . import protocol, tasks
from .pair import SimPair, open_pair
from .shared_frames import SharedFrameCamera
from .sim_process import SimProcess

if TYPE_CHECKING:
    from typing_extensions import Self

STARTUP_TIMEOUT_S = 30.0
OPTIONS = ("seed", "task", "startup_timeout_s", "factory_new")


class SimWorldClient:
    """The scene on the table, from outside: what a person beside the robot could do and see."""

    def __init__(self, process: SimProcess, task: str, seed: int = 0) -> None:
        """Speaks through `process`, which shows the scene of `seed`."""
        self._process = process
        self.task, self.seed = task, seed

    def reset(self, seed: int, task: str | None = None, *, arm: str = "keep") -> dict[str, Any]:
        """Lay out the scene of `seed`; on return every camera shows it.

        Args:
            seed: the same seed gives the same scene.
            task: instruction; None or a task's name draws one from the seed.
            arm: "keep" leaves the arm where it is, "home" puts it at its home pose at once.

        Returns:
            `task`, `seed` and `t_ns`, the time of the reset. Raises SimulationError.
        """
        reply = self._process.request("reset", seed=seed, task=task, arm=arm)
        self.task, self.seed = str(reply["task"]), seed
        return reply

    def lay(self, task: str) -> bool:
        """Make the scene one about `task`, with its cube on the table; False when this world knows no such task."""
        try:
            colour = tasks.target_colour(task)
        except SimulationError:
            return False
        if colour != tasks.target_colour(self.task):
            self.reset(self.seed, task)
        return True

    def instruction_for(self, task: str) -> str:
        """Return the instruction that a task, or an instruction in other letters, stands for in the present scene."""
        if tasks.is_name(task):
            return self.task
        try:
            return tasks.instruction(tasks.target_colour(task))
        except SimulationError:
            return task  # what this world cannot judge may still be said to a policy

    def status(self) -> dict[str, Any]:
        """Return a dict with keys success held_s judge task sim_time_s t_ns real_time_factor slipped_s bus."""
        return self._process.request("status")

    def truth(self) -> dict[str, Any]:
        """Return poses from the physics, for tests and experts, never for a policy. Raises SimulationError."""
        truth: dict[str, Any] = self._process.request("truth")["truth"]
        return truth

    def practise(self, words: str) -> str:
        """Do to the arm what a person could, such as "move sweep" or "missing gripper"; see `practice.COMMANDS`.

        Returns what was done. Raises SimulationError with the valid commands.
        """
        if len(words) > protocol.MAX_TASK_CHARS:
            raise SimulationError(f"a command has at most {protocol.MAX_TASK_CHARS} characters")
        return str(self._process.request("practise", words=words)["said"])

    def expert(self, spec: RobotSpec) -> Callable[[Float32, Float32], Float32]:
        """Return the scripted expert of this task: (measured, setpoint) -> the setpoint of 0.05 s later, all (J,).

        It sees where things really are, as a person beside the robot does. Raises SimulationError.
        """
        from .expert import Expert
        from .tasks import Pose
        from .world import Truth

        solve = Expert(spec)

        def decide(measured: Float32, setpoint: Float32) -> Float32:
            truth = self.truth()
            cubes = {colour: Pose(**pose) for colour, pose in truth["cubes"].items()}
            others = tuple(Pose(**pose) for pose in truth["obstacles"])
            now = Truth(truth["target"], cubes, Pose(**truth["tray"]), others)
            return np.asarray(solve.target(now, measured, setpoint), dtype=np.float32)

        return decide

    def close(self) -> None:
        """End the simulator process; safe to call twice."""
        self._process.close()


class SimBackend:
    """What `Robot` needs of a simulated robot; a context manager."""

    def __init__(
        self, process: SimProcess, spec: RobotSpec, handshake: protocol.Handshake, seed: int
    ) -> None:
        """Know the cameras of a running simulator; it renders them from the first read on."""
        self._process = process
        self.robot = handshake.robot
        self.spec = spec
        self.port = handshake.port
        self.pid = handshake.pid
        self.calibration = None  # the virtual arm is assembled exactly as its specification says
        self.world = SimWorldClient(process, handshake.task, seed)
        self.cameras: Mapping[str, SharedFrameCamera] = {
            role: SharedFrameCamera(role, address.shm, process.check)
            for role, address in handshake.cameras.items()
        }
        atexit.register(self.close)

    def check(self) -> None:
        """Raise SimulationError with the simulator's last words when it has died."""
        self._process.check()

    def close(self) -> None:
        """End the simulator and unmap the frames; safe to call twice."""
        atexit.unregister(self.close)
        self._process.close()
        for camera in self.cameras.values():
            camera.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _command(robot: str, options: Mapping[str, Any]) -> list[str]:
    command = python_module("motorium.sim.server", robot)
    for name in ("seed", "task"):
        if options.get(name) is not None:
            command += [f"--{name}", str(options[name])]
    if options.get("factory_new"):
        command.append("--factory-new")
    return command


def _reject_unknown(options: Iterable[str]) -> None:
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise SimulationError(f"unknown option {unknown[0]!r} for sim:; valid options: {', '.join(OPTIONS)}")


def open_backend(name: str, **options: Any) -> SimBackend | SimPair:
    """Return the entry point of the scheme `sim` in the group `motorium.robots`: a robot of one arm, or of several.

    Arguments and errors as `open_arm`.
    """
    robot = name.removeprefix("sim:")
    if robot in pairs():
        return open_pair(RobotSpec.load(robot), open_arm, **options)
    return open_arm(robot, **options)


def open_arm(name: str, **options: Any) -> SimBackend:
    """Start a simulated robot of one arm.

    Args:
        name: robot name or path of a robot TOML, with or without `sim:` before it.
        **options: `seed` (0) and `task` (drawn from the seed) of the first scene, `startup_timeout_s` (30);
            `factory_new`: servos as they leave the factory, none connected (`SimWorldClient.practise`).

    Raises:
        SimulationError: the process cannot start, or an option is unknown.
    """
    _reject_unknown(options)
    try:
        protocol.check_scene(
            {name: options[name] for name in ("seed", "task") if options.get(name) is not None}
        )
    except protocol.ProtocolError as error:
        raise SimulationError(f"the first scene: {error}") from None
    robot = name.removeprefix("sim:")
    if Path(robot).suffix == ".toml":
        robot = str(Path(robot).resolve())
    process = SimProcess(_command(robot, options))
    try:
        first = process.receive(float(options.get("startup_timeout_s", STARTUP_TIMEOUT_S)))
        if "error" in first:
            raise SimulationError(str(first["error"]))
        return SimBackend(
            process, RobotSpec.load(robot), protocol.parse_handshake(first), int(options.get("seed") or 0)
        )
    except protocol.ProtocolError as error:
        process.close()
        raise SimulationError(f"the simulator's first line is wrong: {error}") from error
    except BaseException:
        process.close()
        raise
