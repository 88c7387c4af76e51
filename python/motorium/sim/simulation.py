"""The simulated robot at work: world, servos on their bus, cameras, and the two threads that run them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from ..errors import MotoriumError, SimulationError
from ..motors.emulated import assemble, emulate, make_factory_new
from ..runtime.priority import SERVO_PRIORITY, real_time
from ..specs.robot import RobotSpec
from .camera_loop import CameraLoop
from .physics_loop import PhysicsLoop
from .practice import Practice
from .protocol import CameraAddress, Handshake, Request
from .rig import WorldRig
from .world import World

FRAME_TIMEOUT_S = 5.0
WATCH_S = 0.25
EXIT_TIMEOUT_S = 3.0


class Simulation:
    """Everything of one simulated robot. `stop` is set when it has ended or was asked to."""

    def __init__(self, robot: str, seed: int, task: str | None, *, factory_new: bool = False) -> None:
        """Build world, servos and frame memory; nothing moves yet.

        Servos hear their bus's speed alone; with `factory_new` they have the id and speed of new ones and none is
        connected. Raises MotoriumError.
        """
        self.spec = RobotSpec.load(robot)
        self._world = World(self.spec, seed=seed)
        self._world.reset(seed, task)
        self._world.set_joints(np.array([joint.rest_rad for joint in self.spec.joints]))
        with real_time(SERVO_PRIORITY):
            self._emulator = emulate([joint.id for joint in self.spec.joints], self.spec.motor_names)
        if factory_new:
            make_factory_new(self._emulator, self.spec.motor_names)
        else:
            assemble(self._emulator, self.spec.motor_names, self.spec.bus.baud)
        self._physics = PhysicsLoop(self._world, self._emulator, self.spec)
        self._practice = Practice(self.spec, self._emulator, self._physics.hand)
        if factory_new:
            self._practice.carry_out("connect none")
        self._cameras = CameraLoop(self.spec.cameras, lambda: WorldRig(self._world, self._physics))
        self.stop = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._guard, args=(loop.run,), name=name, daemon=True)
            for name, loop in (("physics", self._physics), ("cameras", self._cameras))
        ]

    def start(self) -> None:
        """Start both threads; returns when every camera has rendered once. Raises what stopped a thread."""
        physics, cameras = self._threads
        cameras.start()  # alone first: creating an OpenGL context holds up every other thread for a while
        while not self.stop.is_set() and not self._cameras.wait_newer(0, WATCH_S):
            pass
        # Those frames bear the time at which the world was made: compiling shaders since has taken up to a second.
        # Readers therefore wait for one that is newer than their own arrival (`SharedFrameCamera`).
        physics.start()
        self.check()

    def check(self) -> None:
        """Raise what stopped a thread, if anything did."""
        if isinstance(self._failure, MotoriumError):
            raise self._failure
        if self._failure is not None:
            raise SimulationError(f"a simulator thread failed: {self._failure!r}") from self._failure

    def close(self) -> None:
        """Stop the threads and release everything; safe to call twice."""
        self.stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(EXIT_TIMEOUT_S)
        self._emulator.close()
        self._cameras.close()

    def handshake(self) -> dict[str, Any]:
        """Return what a client needs to use the robot."""
        cameras = {
            camera.role: CameraAddress(
                self._cameras.writers[camera.role].path, camera.height, camera.width, camera.fps
            )
            for camera in self.spec.cameras
        }
        return asdict(Handshake(self.spec.name, self._emulator.port, os.getpid(), self._world.task, cameras))

    def answer(self, request: Request) -> dict[str, Any]:
        """Carry out one request. Raises MotoriumError when it cannot be done."""
        if request.op == "reset":
            return self._reset(**request.options)
        if request.op == "status":
            return {**self._physics.status(), "bus": self._emulator.stats().as_dict()}
        if request.op == "truth":
            return {"truth": self._physics.truth()}
        if request.op == "practise":
            with self._physics.lock:
                return {"said": self._practice.carry_out(request.options.get("words", ""))}
        self.stop.set()
        return {}

    def _reset(self, seed: int = 0, task: str | None = None, arm: str = "keep") -> dict[str, Any]:
        with self._cameras.scene_lock:
            t_ns = self._physics.reset(seed, task, keep_arm=arm == "keep")
        if not self._cameras.wait_newer(t_ns, FRAME_TIMEOUT_S):
            raise SimulationError(f"the cameras delivered no frame for {FRAME_TIMEOUT_S:g} s after the reset")
        return {"task": self._world.task, "seed": seed, "t_ns": t_ns}

    def _guard(self, run: Callable[[threading.Event], None]) -> None:
        try:
            run(self.stop)
        except BaseException as error:  # noqa: BLE001 - a dead thread ends the process: half a robot must not go on
            self._failure = error
            self.stop.set()
