"""The control thread against the same loop written in Python: both beside a thread that holds the GIL and two encoders.

Each loop drives its own arm of emulated servos over the real protocol: read all joints, gate, write all goals, at
absolute deadlines. They take turns, so that both meet the same machine. A tick is missed when its work ends after the
next deadline. The encoders are two processes that compress noise without a pause; the thread holds the interpreter for
`sys.getswitchinterval()` at a time, as a Python program that computes does.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..children import python_code
from ..runtime.priority import SERVO_PRIORITY, real_time

RATES_HZ = (200, 1000)
ENCODER = "import os, zlib\nblock = os.urandom(1 << 20)\nwhile True: zlib.compress(block, 6)"
ENCODERS = 2


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Run two encoder processes and a thread that never releases the GIL on its own."""
    encoders = [subprocess.Popen(python_code(ENCODER)) for _ in range(ENCODERS)]
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            sum(range(20_000))

    burner = threading.Thread(target=burn, name="gil-holder", daemon=True)
    burner.start()
    try:
        yield
    finally:
        stop.set()
        burner.join()
        for encoder in encoders:
            encoder.kill()
            encoder.wait()


def _native(rate_hz: int, seconds: float) -> tuple[int, int, list[float]]:
    """(ticks, missed, period errors in us) of the control thread."""
    from .. import _core
    from ..robots.config import robot_config
    from ..specs.robot import RobotSpec

    spec = RobotSpec.load("so101")
    emulator = _emulated(spec)
    config = robot_config(spec, rate_hz=float(rate_hz), exit="release")
    loop = _core.Robot(config, [emulator.port])
    loop.start()
    try:
        loop.enable()
        loop.telemetry()
        before = loop.stats()
        time.sleep(seconds)
        after, ticks = loop.stats(), loop.telemetry()
    finally:
        loop.stop()
        emulator.close()
    errors = np.abs(ticks["period_us"].astype(float) - 1e6 / rate_hz)
    return after.ticks - before.ticks, after.missed - before.missed, errors.tolist()


def _python(rate_hz: int, seconds: float) -> tuple[int, int, list[float]]:
    """Return the same of a loop in Python around the same bus and gate."""
    from .._core import FeetechBus, JointState, LimitsConfig, SafetyGate
    from ..robots.config import bus_config
    from ..specs.robot import RobotSpec

    spec = RobotSpec.load("so101")
    emulator = _emulated(spec)
    bus, readings = FeetechBus(emulator.port, bus_config(spec)), JointState()
    names = {"max_velocity_rad_s", "max_acceleration_rad_s2", "max_effort", "lower_rad", "upper_rad"}
    limits: dict[str, Any] = {name: [getattr(joint, name) for joint in spec.joints] for name in names}
    period_ns = round(1e9 / rate_hz)
    gate = SafetyGate(
        LimitsConfig(**limits, dt_s=1 / rate_hz, max_state_age_s=0.1, max_command_age_s=0.5, trip_after=20)
    )
    bus.read_state(readings)
    goal = readings.position_rad
    gate.arm(goal)
    bus.set_torque(True)
    count, missed, errors = 0, 0, []
    deadline = last = time.monotonic_ns()
    end = deadline + round(seconds * 1e9)
    while deadline < end:
        deadline += period_ns
        time.sleep(max(0, deadline - time.monotonic_ns()) * 1e-9)
        woke = time.monotonic_ns()
        errors.append(abs(woke - last - period_ns) * 1e-3)
        last = woke
        bus.read_state(readings)
        state = readings
        gated, _, _ = gate.apply(goal, state.position_rad, state.effort, woke, woke, woke)
        bus.write_goal(gated)
        count += 1
        over = time.monotonic_ns() - deadline - period_ns
        if over > 0:
            skipped = 1 + over // period_ns
            missed += skipped
            deadline += skipped * period_ns
    bus.set_torque(False)
    emulator.close()
    return count, missed, errors[1:]


def _emulated(spec: Any) -> Any:
    from ..motors.emulated import emulate

    with real_time(SERVO_PRIORITY):
        emulator = emulate([joint.id for joint in spec.joints], spec.motor_names)
    ticks = [joint.zero_ticks for joint in spec.joints]
    emulator.update(ticks, [0] * len(ticks), [0] * len(ticks))
    return emulator


def measure(seconds: float = 20.0, rounds: int = 4) -> dict[str, Any]:
    """Measure both loops at every rate, in turns.

    Returns:
        `{"machine": ..., "rates": {"200": {"ticks", "missed", "ticks_python", "missed_python", "period_error_us",
        "period_error_us_python"}, ...}}`: sums over the rounds, and medians of |period - wanted| in us.
    """
    from .machine import machine

    rates: dict[str, Any] = {}
    with busy():
        for rate_hz in RATES_HZ:
            figures = {"native": [0, 0, []], "python": [0, 0, []]}  # type: dict[str, list[Any]]
            for _ in range(rounds):
                for name, loop in (("native", _native), ("python", _python)):
                    ticks, missed, errors = loop(rate_hz, seconds / rounds)
                    figures[name][0] += ticks
                    figures[name][1] += missed
                    figures[name][2] += errors
            native, python = figures["native"], figures["python"]
            rates[str(rate_hz)] = {
                "ticks": native[0],
                "missed": native[1],
                "ticks_python": python[0],
                "missed_python": python[1],
                "period_error_us": round(float(np.median(native[2])), 1),
                "period_error_us_python": round(float(np.median(python[2])), 1),
            }
    return {"machine": machine(), "rates": rates}
