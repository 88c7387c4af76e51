"""Robot: the only path to an arm. Enter the `with` block and it stands under torque; leave it and it is at rest."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from .. import _core
from .._core import Cause
from ..deprecated import renamed_keyword
from ..errors import BusError, CameraError, MotoriumError, SafetyError
from ..files import reserve_standard_descriptors
from ..logs import logger
from ..motors.bus_errors import bus_errors
from ..specs.robot import RobotSpec
from ..specs.slots import slot_map
from ..timeline.pairing import pair
from ..types import Camera, Float32, HasFileno, Observation
from . import backends, frames, health, motion, opening, reconnecting
from .calibration import Calibration
from .config import open_control
from .identity import Identity
from .last_states import with_last_states
from .signals import GUARD
from .status import PlanningStatus, RobotStatus, status_of

if TYPE_CHECKING:
    from typing_extensions import Self

LAST_WORDS_S = 0.5
"""A backend that closed its port can be seen to be dead within this."""

_log = logger(__name__)


class Robot:
    """One arm with its cameras, between `with` and the end of the block.

    On entry: connect, self-check, goal := present, torque on. On exit, whatever the reason (the end of the block, an
    exception, Ctrl-C, SIGTERM): the exit policy of the specification, carried out by the control thread.

    Attributes:
        spec: what the robot is.
        slot_map: its joints in the 200 slots.
        port: the serial port, while open.
        entered: whether a `with` block holds it, which will close it.
        planning: what a runner says of its latency and committed rows, for `status`.
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
        self.port = ""
        self._reach = connect
        self._calibration = calibration
        self._own_cameras = dict(cameras or {})
        self._backend: backends.RobotBackend | None = None
        self._control: _core.Robot | None = None
        self._cameras: Mapping[str, Camera] = {}
        self._world: Any = None
        self._life = threading.RLock()
        self.entered = self._closed = self._unpowered = False
        self._owner = os.getpid()
        self.planning: Callable[[], PlanningStatus] | None = None

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
        """Return a robot by name, ready to be entered by `with`; nothing is connected or powered yet (see `connect`).

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
        spec, connect, zeros = opening.resolve(name, port, calibration, options)
        opening.check_not_held(connect, GUARD.arms)
        return cls(spec, connect, calibration=zeros, cameras=cameras)

    def __enter__(self) -> Self:
        with self._life:
            if self._backend is not None and not self._unpowered:
                raise SafetyError(f"{self.spec.name} is open already")
            steps = [self._power] if self._backend is not None else [self._open, self._power]
            self.entered = True
            self._start(steps)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(error)

    def connect(self) -> Self:
        """Open without a `with` block, as for a notebook: connect, check, no torque yet; `close` gives everything back.

        The first use of a robot outside `with` does this. Torque comes with `enable`, or the first `move_to` or `home`.
        A robot that is never closed is brought to rest when the interpreter ends. Raises as entering the block.
        """
        if self._control is None and self._closed:
            raise SafetyError(f"{self.spec.name} is no longer open: open it again")
        with self._life:
            if self._backend is None:
                opening.tell_of_twin(self.spec.name, GUARD.arms)
                self._start([self._open])
        return self

    @property
    def control(self) -> _core.Robot:
        """The control thread; the first use outside a `with` block connects.

        Raises:
            SafetyError: the robot is closed, or this process is a fork of the one that opened it.
        """
        if self._control is None:
            self.connect()
        elif os.getpid() != self._owner:  # a fork has no control thread: nothing asked here would be heard
            raise SafetyError(f"{self.spec.name} belongs to process {self._owner}: a fork cannot command it")
        if self._control is None:
            raise SafetyError(f"{self.spec.name} is not open")
        return self._control

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """Role -> camera; the first use outside a `with` block connects, and a closed robot has none."""
        self._first_use()
        return self._cameras

    @property
    def world(self) -> Any:
        """The simulated scene, or None; the first use outside a `with` block connects."""
        self._first_use()
        return self._world

    def _first_use(self) -> None:
        if self._backend is None and not self._closed:
            self.connect()

    def _start(self, steps: list[Callable[[], None]]) -> None:
        """Take these steps; what fails in one of them, Ctrl-C too, ends without motion and with everything closed."""
        try:
            for step in steps:
                step()
        except BaseException as error:
            self._leave(error, starting=True)
            raise

    def _open(self) -> None:
        reserve_standard_descriptors()
        self._closed, self._unpowered, self._owner = False, True, os.getpid()
        unguarded = GUARD.take(self)
        if unguarded:
            _log.warning("%s: %s", self.spec.name, unguarded)
        self._connect()
        frames.await_first(self.spec, self._cameras)
        self._listen()

    def _connect(self) -> None:
        self._backend = self._reach()
        self.port = self._backend.port
        self._world = self._backend.world
        self._cameras = {**self._backend.cameras, **self._own_cameras}
        calibration = self._calibration or self._backend.calibration
        with bus_errors():
            self._control = open_control(self.spec, self.port, calibration)
        atexit.register(self.close)
        advice = health.latency_advice(self.port, self._control.stats().latency)
        if advice:
            _log.warning("%s", advice)

    def _listen(self) -> None:
        control = self.control
        control.start()
        opening.wait_until_heard(control, self.spec, self.port)
        advice = health.realtime_advice(control.stats().realtime)
        if advice and self._world is None:  # a simulated arm has no gears
            _log.warning("%s", advice)

    def _power(self) -> None:
        self.enable()

    def enable(self) -> None:
        """Check the arm, then switch torque on where it is; returns when every servo has confirmed.

        Entering the `with` block does this, and outside one the first motion. It is needed again after `reset_estop`.

        Raises:
            SafetyError, BusError: a reading forbids it, a servo did not confirm (it is named), or a stop is latched.
        """
        control = self.control
        problems = control.power_up()
        if problems:
            if problems[0].cause == Cause.REFUSED:
                self.check()
            raise health.no_torque(self.spec, problems, control.stats())
        self._unpowered = False

    def reconnect(self, timeout_s: float = reconnecting.TIMEOUT_S) -> None:
        """Wait for the port of a cable or adapter that was unplugged, and be ready for `enable`. See `reconnecting`.

        Raises:
            BusError: it did not come back. SafetyError: joints are elsewhere than before, or nothing was pulled.
        """
        reconnecting.reconnect(self.control, self.spec, self.port, timeout_s)

    def estop(self) -> None:
        """Stop in an emergency, from any thread: at once, with torque off after `estop_hold_s`.

        Latched: nothing moves again before `reset_estop`. Leaving the `with` block does not move the arm either.
        """
        self.control.estop()

    def reset_estop(self) -> None:
        """End an emergency stop. Torque stays off until `enable`.

        Raises:
            SafetyError: its torque is still on, or an input (a pedal, a button) still asks for a stop.
        """
        if not self.control.reset_estop():
            raise SafetyError(
                "the emergency stop stays latched: release the button, and wait until torque is off"
            )

    def watch_estop(self, input_: int | HasFileno, keys: bytes = b"") -> None:
        """Stop at once whenever `input_` is readable, hangs up or fails; the control thread watches it.

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
        if not control.why_stopped():
            return
        self._check_backend(LAST_WORDS_S)
        problems = control.why_stopped()
        if problems:
            error = health.explain_stop(self.spec, self.port, problems, control.stats())
            raise with_last_states(error, control, self.spec.joint_names)

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
        """Return what cameras and joints saw at the newest moment all cameras share (see `timeline.pairing`).

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
        paired = pair({role: frame.t_ns for role, frame in seen.items()}, self.control.state_at, now_ns)
        if paired is None:
            raise BusError(f"no joint state on {self.port} yet")
        return Observation(
            t_ns=paired.t_ns,
            state=self.slot_map.scatter(paired.joints.position_rad),
            images={role: frame.image for role, frame in seen.items()},
            task=task,
            skew_ns=paired.skew_ns,
        )

    def identity(self) -> Identity:
        """Return what recordings are known by: the declaration, and the calibration in use."""
        own = self._calibration or (self._backend.calibration if self._backend is not None else None)
        return Identity.of(self.spec, own)

    @renamed_keyword(velocity_share="velocity_fraction")
    def move_to(
        self,
        pose: ArrayLike | Mapping[str, float],
        *,
        velocity_fraction: float | None = None,
        timeout_s: float = motion.MOVE_TIMEOUT_S,
    ) -> motion.MoveResult:
        """Slew in a straight line in joint space and wait until the arm is measured to be there.

        A time-out or an interrupt (Ctrl-C) holds the arm.

        Args:
            pose: (J,) radians, or joint name -> radians; joints that are not named stay where they are.
            velocity_fraction: of every joint's velocity limit, in (0, 1]; None is the robot's approach speed.
            timeout_s: for the whole motion.

        Raises:
            SpecError: an unknown joint name, or a number that is not finite or far beyond a joint's limits.
            ValueError: `velocity_fraction` outside (0, 1], not J numbers, or no time at all.
            BusError, SafetyError: the arm did not arrive; the joint and the cause are named.
        """
        _ = self.control  # the first use connects
        if self._unpowered:
            self._power()
        return motion.move(self, pose, velocity_fraction, timeout_s)

    def home(self, timeout_s: float = motion.MOVE_TIMEOUT_S) -> motion.MoveResult:
        """Slew to the home pose of the specification. Raises as `move_to`."""
        return self.move_to([joint.home_rad for joint in self.spec.joints], timeout_s=timeout_s)

    @property
    def position_rad(self) -> Float32:
        """(J,) measured joint positions."""
        return self.control.state().position_rad

    def status(self) -> RobotStatus:
        """Return mode, joints, cameras, counters of control, bus and gate; `as_dict` gives plain values for JSON."""
        planning = self.planning() if self.planning is not None else None
        return status_of(self.spec, self.port, self.control, self.cameras, planning)

    def close(self) -> None:
        """Bring the arm to rest by its exit policy and give everything back; from any thread, safe to call twice."""
        self._leave(None)

    def _leave(self, error: BaseException | None, *, starting: bool = False) -> None:
        problem: MotoriumError | None = None
        with GUARD.shield(error), self._life:
            self._closed, self.entered = True, False
            try:
                problem = self._come_to_rest(starting=starting)
            finally:
                self._backend, self._cameras, self._world = None, {}, None
                GUARD.release(self)
                atexit.unregister(self.close)  # last: the end of the program waits for a thread that closes
        if problem is not None and error is None:
            raise problem
        if problem is not None:
            _log.error("%s", problem)  # the first error is the cause; this one must not hide it

    def _come_to_rest(self, *, starting: bool) -> MotoriumError | None:
        control, self._control = self._control, None
        if os.getpid() != self._owner:  # a forked child has no right to move or close anything
            return None
        problem: MotoriumError | None = None
        try:
            if control is not None:
                if starting and self.spec.exit.policy == "park":
                    control.release()  # it had no torque a moment ago: what fails at the start moves nothing
                control.stop()
                problem = health.rest_problem(self.spec, self.port, control.stats())
        finally:
            untidy = backends.close_all(self._own_cameras, self._backend)
        return problem or untidy
