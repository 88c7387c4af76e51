"""Robot: the only path to an arm. Enter the `with` block and it stands under torque; leave it and it is at rest."""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from .._core import ControlLoop
from ..errors import BusError, CameraError, MotoriumError, SafetyError
from ..files import reserve_standard_descriptors
from ..motors.bus import bus_errors
from ..slots import slot_map
from ..types import Camera, Float32, HasFileno, Observation
from . import backends, frames, health, motion, reconnecting
from .assembly import open_control
from .calibration import Calibration
from .composition import find_calibration, join_ports, named_calibration, split_ports
from .signals import SignalGuard
from .spec import RobotSpec

if TYPE_CHECKING:
    from typing_extensions import Self

LAST_WORDS_S = 0.5
"""A backend that closed its port can be seen to be dead within this."""

_log = logging.getLogger(__name__)


class Robot:
    """One arm with its cameras, between `with` and the end of the block.

    On entry: connect, self-check, goal := present, torque on. On exit, whatever the reason (the end of the block, an
    exception, Ctrl-C, SIGTERM): the exit policy of the specification, carried out by the control thread.

    Attributes:
        spec: what the robot is.
        slot_map: its joints in the 200 slots.
        cameras: role -> camera, while open.
        control: the control thread, while open.
        world: the simulated scene, or None.
        port: the serial port, while open.
        planning: what a runner says of its latency and promises, for `status`.
    """

    def __init__(
        self,
        spec: RobotSpec,
        connect: Callable[[], backends.RobotBackend],
        *,
        calibration: Calibration | None = None,
        cameras: Mapping[str, Camera] | None = None,
    ) -> None:
        self.spec = spec
        self.slot_map = slot_map(spec)
        self.cameras: Mapping[str, Camera] = {}
        self.world: Any = None
        self.port = ""
        self._reach = connect
        self._calibration = calibration
        self._own_cameras = dict(cameras or {})
        self._backend: backends.RobotBackend | None = None
        self._control: ControlLoop | None = None
        self._signals = SignalGuard()
        self.planning: Callable[[], dict[str, Any]] | None = None

    @classmethod
    def open(
        cls,
        name: str,
        *,
        port: str | Mapping[str, str] | None = None,
        calibration: str | Path | Calibration | None = None,
        cameras: Mapping[str, Camera] | None = None,
        **options: Any,
    ) -> Robot:
        """A robot by name, ready to be entered; nothing is powered yet.

        Args:
            name: "so101" for hardware, "sim:so101" for a simulated one.
            port: serial port of the servo bus; hardware only. Of a robot with several arms side -> port, also written
                "left=/dev/ttyACM0,right=/dev/ttyACM1".
            calibration: name, file or object; None takes the one made on this USB adapter, else the one named after
                the robot. "nominal" takes the zeros of the specification, which only an arm assembled exactly as
                declared has. Of a robot with several arms also "left=NAME,right=NAME".
            cameras: role -> camera; they are closed with the robot.
            **options: of the scheme, such as `seed` for `sim:`.

        Raises:
            SpecError, CalibrationError, BusError: unknown robot or scheme, no calibration, no port.
        """
        scheme, robot = backends.split(name)
        spec = RobotSpec.load(robot)
        connect: Callable[[], backends.RobotBackend]
        if scheme:
            if port is not None:
                raise BusError(f"{name} brings its own port; port={port!r} belongs to hardware: {robot!r}")
            zeros = None if calibration is None else named_calibration(calibration, spec)
            connect = partial(backends.open_scheme, scheme, robot, **options)
        else:
            if options:
                first = sorted(options)[0]
                raise BusError(f"{robot} takes no option {first!r}; options belong to a scheme such as sim:")
            where = _checked_port(port, spec)
            zeros = find_calibration(calibration, where, spec)
            connect = partial(backends.Hardware, where, zeros)
        return cls(spec, connect, calibration=zeros, cameras=cameras)

    def __enter__(self) -> Self:
        if self._backend is not None:
            raise SafetyError(f"{self.spec.name} is open already")
        reserve_standard_descriptors()
        self._signals = SignalGuard()
        self._signals.install()
        try:
            self._connect()
            frames.await_first(self.spec, self.cameras)
            self._enable()
        except BaseException as error:
            self._leave(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(error)

    @property
    def control(self) -> ControlLoop:
        """The control thread. Raises SafetyError while the robot is not open."""
        if self._control is None:
            raise SafetyError(f"{self.spec.name} is not open: use it inside `with Robot.open(...) as robot:`")
        return self._control

    def _connect(self) -> None:
        self._backend = self._reach()
        self.port = self._backend.port
        self.world = self._backend.world
        self.cameras = {**self._backend.cameras, **self._own_cameras}
        calibration = self._calibration or self._backend.calibration
        with bus_errors():
            self._control = open_control(self.spec, self.port, calibration)
        atexit.register(self.close)
        advice = health.latency_advice(self.port, self._control.stats()["latency"])
        if advice:
            _log.warning("%s", advice)

    def _enable(self) -> None:
        control = self.control
        control.start()
        give_up = time.monotonic() + reconnecting.FIRST_STATE_S
        while health.unheard(self.spec, control.state()):
            if time.monotonic() > give_up:
                silent = ", ".join(health.unheard(self.spec, control.state()))
                raise BusError(
                    f"no reading from {silent} on {self.port}: check power and the cable before that joint"
                )
            time.sleep(0.005)
        advice = health.realtime_advice(control.stats()["realtime"])
        if advice and self.world is None:  # a simulated arm has no gears
            _log.warning("%s", advice)
        self.enable()

    def enable(self) -> None:
        """Self-check, then torque from where the arm is; returns when every servo has confirmed it.

        Entering the `with` block does this. It is needed again after `reset_estop`.

        Raises:
            SafetyError, BusError: a reading forbids it, a servo did not confirm (it is named), or a stop is latched.
        """
        control = self.control
        health.self_check(self.spec, control.state())
        if not control.enable():
            stats = control.stats()
            if stats["reason"] not in ("", "bus_errors"):
                self.check()
            time.sleep(2 * self.spec.control.max_state_age_s)  # nobody was read while torque was tried
            stale = health.stale_joints(self.spec, control.state(), time.monotonic_ns())
            raise health.not_powered(self.spec, stats, stale)
        motion.release_springs(self.spec, control)

    def reconnect(self, timeout_s: float = reconnecting.TIMEOUT_S) -> None:
        """After the cable or the adapter was pulled: wait for the port, and be ready for `enable`. See `reconnecting`.

        Raises:
            BusError: it did not come back. SafetyError: joints are elsewhere than before, or nothing was pulled.
        """
        reconnecting.reconnect(self.control, self.spec, self.port, timeout_s)

    def estop(self) -> None:
        """Emergency stop, from any thread: the arm stands still at once and goes limp after `estop_hold_s`.

        Latched: nothing moves again before `reset_estop`. Leaving the `with` block does not move the arm either.
        """
        self.control.estop()

    def reset_estop(self) -> None:
        """End an emergency stop. The arm stays limp until `enable`.

        Raises:
            SafetyError: it is not limp yet, or an input (a pedal, a button) still asks for a stop.
        """
        if not self.control.reset_estop():
            raise SafetyError("the emergency stop stays: release the button, and wait until the arm is limp")

    def watch_estop(self, input_: int | HasFileno, keys: bytes = b"") -> None:
        """An emergency stop whenever `input_` is readable, hangs up or fails; watched by the control thread.

        Args:
            input_: a file descriptor or an object that has one: a pipe, an eventfd, a GPIO line, a serial port.
            keys: only these bytes count (8 at most), others are read and forgotten; empty: anything counts.

        Raises:
            OSError: not a descriptor. ValueError: more than 4 inputs.
        """
        self.control.watch_estop(input_ if isinstance(input_, int) else input_.fileno(), keys)

    def check(self) -> None:
        """Raise BusError, SafetyError or the backend's error when the arm can no longer be commanded."""
        control = self.control
        if control.mode != "fault" and control.reason != "protection":
            return
        self._check_backend(LAST_WORDS_S)
        state = control.state()
        if control.reason == "protection":
            raise health.explain_protection(self.spec, state, control.stats())
        stale = health.stale_joints(self.spec, state, time.monotonic_ns())
        faults = health.servo_faults(self.spec, state)
        raise health.explain_fault(self.port, control.stats(), stale, faults, self.spec.joint_names)

    def _check_backend(self, patience_s: float = 0.0) -> None:
        """Let the backend name its own end: its port closes some time before it can be seen to be dead."""
        hardware = isinstance(self._backend, backends.Hardware)  # which has no last words to wait for
        end = time.monotonic() + (0.0 if hardware else patience_s)
        while self._backend is not None:
            self._backend.check()
            if time.monotonic() >= end:
                return
            time.sleep(0.01)

    def observe(self, task: str) -> Observation:
        """What cameras and joints saw at the newest moment all cameras share.

        Waits up to 0.2 s for a frame that is young enough; `max_age_s` of the specification says what that is.

        Args:
            task: the instruction, passed on.

        Raises:
            CameraError: a camera is silent, or no frame came that is as young as its specification asks.
            BusError, SafetyError: the arm is in fault.
        """
        self.check()
        try:
            seen, now_ns = frames.newest(self.spec, self.cameras)
        except CameraError:
            self._check_backend(LAST_WORDS_S)  # what is behind the cameras may have died
            raise
        t_ns = min((frame.t_ns for frame in seen.values()), default=now_ns)
        joints = self.control.state_at(t_ns)
        if joints is None:
            raise BusError(f"no joint state on {self.port} yet")
        skew = {role: frame.t_ns - t_ns for role, frame in seen.items()}
        skew["state"] = joints["t_ns"] - t_ns
        return Observation(
            t_ns=t_ns,
            state=self.slot_map.scatter(joints["position_rad"]),
            images={role: frame.image for role, frame in seen.items()},
            task=task,
            skew_ns=skew,
        )

    def move_to(
        self,
        pose: ArrayLike | Mapping[str, float],
        *,
        velocity_share: float = 0.0,
        timeout_s: float = motion.MOVE_TIMEOUT_S,
    ) -> None:
        """Slew in a straight line in joint space and wait for it.

        Args:
            pose: (J,) radians, or joint name -> radians; joints that are not named stay where they are.
            velocity_share: of every joint's velocity limit; 0 is the robot's approach share.
            timeout_s: for the whole motion.

        Raises:
            SpecError: an unknown joint name, or a number that is not finite.
            BusError, SafetyError: a fault, or the motion did not end in time.
        """
        control = self.control
        target = motion.target_pose(self.spec, control, pose)
        if not control.move_to(target, velocity_share, timeout_s):
            self.check()
            raise SafetyError(
                f"{self.spec.name} did not finish a motion in {timeout_s:.1f} s: mode {control.mode}"
            )

    def home(self, timeout_s: float = motion.MOVE_TIMEOUT_S) -> None:
        """Slew to the home pose of the specification. Raises as `move_to`."""
        self.move_to([joint.home_rad for joint in self.spec.joints], timeout_s=timeout_s)

    @property
    def position_rad(self) -> Float32:
        """(J,) measured joint positions."""
        return self.control.state()["position_rad"]

    def status(self) -> dict[str, Any]:
        """Plain values for JSON: mode, joints, cameras, counters of control, bus and gate."""
        stats = self.control.stats()
        return {
            "robot": self.spec.name,
            "port": self.port,
            "mode": stats["mode"],
            "reason": stats["reason"],
            "joints": health.joint_table(self.spec, self.control.state(), time.monotonic_ns()),
            "protection": {name: list(words) for name, words in health.protection(self.spec, stats).items()},
            "cameras": sorted(self.cameras),
            "control": stats,
            "planning": self.planning() if self.planning is not None else None,
        }

    def close(self) -> None:
        """Bring the arm to rest by its exit policy and give everything back; safe to call twice."""
        self._leave(None)

    def _leave(self, error: BaseException | None) -> None:
        signals = self._signals
        signals.shield()
        atexit.unregister(self.close)
        control, self._control = self._control, None
        backend, self._backend = self._backend, None
        problem: MotoriumError | None = None
        if control is not None:
            control.stop()
            problem = health.rest_problem(self.spec, self.port, control.stats())
        resources: list[Camera | backends.RobotBackend] = [*self._own_cameras.values()]
        resources += [backend] if backend is not None else []
        problems = [backends.closed(resource) for resource in resources]
        problem = problem or next((p for p in problems if p is not None), None)
        self.cameras, self.world = {}, None
        del control
        if problem is not None and error is not None:
            _log.error("%s", problem)  # the first error is the cause; this one must not hide it
        signals.lift()
        if problem is not None and error is None:
            raise problem


def _checked_port(port: str | Mapping[str, str] | None, spec: RobotSpec) -> str:
    if not spec.arms:
        return backends.check_port(
            port if port is None or isinstance(port, str) else join_ports(port), spec.name
        )
    for device in split_ports(port or "", spec):
        backends.check_port(device, spec.name)
    return join_ports(port or "")
