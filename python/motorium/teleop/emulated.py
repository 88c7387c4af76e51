"""`sim:` leaders: a chain of virtual servos on a pseudo-terminal whose joints a script moves, as a hand would."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from .._core import ServoFault
from ..motors.emulated import emulate
from ..robots.calibration import Calibration
from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec
from ..types import Camera

Float64 = NDArray[np.float64]
Motion = Callable[[float], Float64]
"""Seconds since the start -> (J,) radians."""

PERIOD_S = 0.004
SWAY_SHARE = 0.08
"""Of each joint's range, to either side of its home pose."""
EASE_S = 1.0


def sway(spec: RobotSpec, period_s: float = 4.0) -> Motion:
    """Return a slow sway of every joint about its home pose, each at its own rate, starting at rest."""
    home = np.array([joint.home_rad for joint in spec.joints])
    lower = np.array([joint.lower_rad for joint in spec.joints])
    upper = np.array([joint.upper_rad for joint in spec.joints])
    amplitude = np.minimum(SWAY_SHARE * (upper - lower), np.minimum(upper - home, home - lower))
    rates = 2 * math.pi / period_s * (1.0 + 0.13 * np.arange(len(home)))

    def motion(t_s: float) -> Float64:
        eased = min(1.0, t_s / EASE_S)
        return np.asarray(home + eased * eased * (3 - 2 * eased) * amplitude * np.sin(rates * t_s))

    return motion


class EmulatedLeader:
    """A RobotBackend: virtual servos that speak the real protocol, moved by `motion` in a thread of its own."""

    def __init__(self, spec: RobotSpec, motion: Motion | None = None) -> None:
        """Start moving. Raises SpecError for motors that cannot be emulated."""
        self._spec = spec
        self._motion = motion or sway(spec)
        motors = [MotorSpec.load(name) for name in spec.motor_names]
        self._ticks_per_rad = np.array([motor.ticks_per_turn / (2 * math.pi) for motor in motors])
        self._zero = np.array([float(joint.zero_ticks) for joint in spec.joints])
        self._sign = np.array([joint.sign for joint in spec.joints])
        self._voltage_dv = np.array([round(10 * motor.supply_v) for motor in motors], dtype=np.int32)
        self._emulator = emulate([joint.id for joint in spec.joints], spec.motor_names)
        self._stop = threading.Event()
        self._start_s = time.monotonic()
        self._publish()
        self._thread = threading.Thread(target=self._run, name="emulated-leader", daemon=True)
        self._thread.start()

    @property
    def port(self) -> str:
        """The pseudo-terminal of its bus."""
        return self._emulator.port

    @property
    def cameras(self) -> Mapping[str, Camera]:
        """None."""
        return {}

    @property
    def calibration(self) -> Calibration | None:
        """None: assembled exactly as its specification says."""
        return None

    @property
    def world(self) -> None:
        """None."""
        return

    @property
    def torque(self) -> NDArray[np.bool_]:
        """(J,) whether each virtual servo has torque."""
        return np.asarray(self._emulator.goals().torque_enable, dtype=np.bool_)

    def check(self) -> None:
        """Return nothing: a thread of this process cannot die alone."""

    def freeze(self) -> None:
        """Answer nothing from now on, as after a pulled plug."""
        self._emulator.set_fault(ServoFault.DROP)

    def close(self) -> None:
        """End the thread and the bus; safe to call twice."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            self._emulator.close()

    def _publish(self) -> None:
        now = time.monotonic() - self._start_s
        q, later = self._motion(now), self._motion(now + 1e-3)
        ticks = np.rint(self._zero + self._sign * q * self._ticks_per_rad).astype(np.int32)
        speed = np.rint(self._sign * (later - q) * 1e3 * self._ticks_per_rad).astype(np.int32)
        self._emulator.update(ticks, speed, np.zeros(len(ticks), np.int32), self._voltage_dv)

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self._publish()
