"""Emergency stop: latched, from the API, a descriptor and a terminal; in bounded time, and nothing moves after it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from test_control_core import Bench
from virtual_arm import VirtualArm, quick_robot

import motorium
from motorium._core import Mode, PushStatus, Reason
from motorium.errors import SafetyError
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

QUICK = quick_robot(Path(tempfile.mkdtemp()), patient=True)
SPEC = RobotSpec.load(QUICK)
HOLD_S = SPEC.control.estop_hold_s
STILL_S, LIMP_S = 0.1, HOLD_S + 0.5
"""The bounds of docs/safety.md: from the press to a goal that stands still, and to no torque."""
FAULT = 4
"""Of `mode` in telemetry."""
RIGHT = np.array([joint.home_rad for joint in SPEC.joints]) + 1.2 * np.eye(6)[0]


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


@pytest.fixture
def robot(arm: VirtualArm) -> Iterator[Robot]:
    with Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as opened:
        yield opened


def seconds_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < timeout_s
        time.sleep(0.001)
    return time.monotonic() - begin


def stood_in_time(robot: Robot, pressed_s: float) -> None:
    """Judge the bound by the control thread's records: two ticks, and `STILL_S` beside what the machine held it up."""
    count = robot.control.stats().ticks
    seconds_until(lambda: robot.control.stats().ticks > count + 2)  # its tick is on record
    ticks = robot.control.telemetry()
    (stopped,) = np.flatnonzero(ticks["mode"] == FAULT)[:1]
    after = ticks[: stopped + 1]
    after = after[after["t_ns"] * 1e-9 > pressed_s]
    assert len(after) <= 2
    held_up_s = np.maximum(0.0, after["period_us"] * 1e-6 - 1 / SPEC.control.rate_hz).sum()
    assert ticks["t_ns"][stopped] * 1e-9 - pressed_s <= STILL_S + held_up_s


def stops(arm: VirtualArm, robot: Robot, press: Callable[[], object]) -> None:
    """Press while the arm moves: it must stand and then be limp, both in time, and stay so."""
    robot.control.move_to(RIGHT.astype(np.float32), velocity_share=0.25)
    seconds_until(lambda: arm.position_rad[0] > 0.1)
    robot.control.telemetry()
    press()
    pressed = time.monotonic()
    seconds_until(lambda: robot.control.reason is Reason.ESTOP)
    stood_in_time(robot, pressed)
    goal = robot.control.goal_rad
    seconds_until(lambda: not arm.torque.any(), LIMP_S)
    assert time.monotonic() - pressed >= 0.9 * HOLD_S
    np.testing.assert_array_equal(robot.control.goal_rad, goal)
    assert goal[0] < 1.0
    for moving in (
        lambda: robot.control.move_to(RIGHT),
        robot.control.park,
        lambda: robot.control.enable(0.3),
    ):
        moving()
        assert robot.control.reason is Reason.ESTOP
    assert not arm.torque.any()
    with pytest.raises(SafetyError, match="emergency stop"):
        robot.check()


def test_from_the_api_and_back(arm: VirtualArm, robot: Robot) -> None:
    stops(arm, robot, robot.estop)
    with pytest.raises(SafetyError, match="emergency stop"):
        robot.enable()
    robot.reset_estop()
    assert (robot.control.mode, robot.control.reason) == (Mode.RELEASED, Reason.NONE)
    assert not arm.torque.any(), "a reset moves nothing and powers nothing"
    robot.enable()
    assert arm.torque.all()
    robot.home()
    assert robot.status().control.estops == 1


def test_from_a_descriptor(arm: VirtualArm, robot: Robot) -> None:
    """A pedal that is still down after the stop cannot be reset away."""
    reader, writer = os.pipe()
    robot.watch_estop(reader)
    os.close(reader)  # the control thread has its own
    stops(arm, robot, lambda: os.write(writer, b"!"))
    robot.reset_estop()
    os.close(writer)  # the cable is cut
    seconds_until(lambda: robot.control.reason is Reason.ESTOP, STILL_S)
    with pytest.raises(SafetyError, match="release the button"):
        robot.reset_estop()


def test_only_the_named_keys_count(robot: Robot) -> None:
    reader, writer = os.pipe()
    robot.watch_estop(reader, b" \x1b")
    os.write(writer, b"hello")
    ticks = robot.control.stats().ticks
    seconds_until(lambda: robot.control.stats().ticks > ticks + 5)
    assert robot.control.mode is Mode.HOLDING
    os.write(writer, b"x y")
    seconds_until(lambda: robot.control.reason is Reason.ESTOP, STILL_S)
    os.close(reader)


def test_what_is_no_descriptor(robot: Robot) -> None:
    with pytest.raises(OSError, match="descriptor"):
        robot.watch_estop(9999)
    with pytest.raises(ValueError, match="keys"):
        robot.watch_estop(0, b"123456789")


def test_leaving_does_not_park(arm: VirtualArm) -> None:
    with Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot:
        robot.move_to({"shoulder_pan": 0.5})
        robot.estop()
        begin = time.monotonic()
    assert time.monotonic() - begin < LIMP_S
    assert not arm.torque.any()
    assert arm.position_rad[0] > 0.45


PROGRAM = """
import sys, time
from motorium.robots.robot import Robot
from motorium.operator.estop import stop_keys
with Robot.open(sys.argv[2], port=sys.argv[1], calibration="nominal") as robot, stop_keys(robot):
    print("up", flush=True)
    while True:
        robot.check()
        time.sleep(0.01)
"""


@pytest.mark.parametrize("end", ["key", "interrupt"])
def test_from_the_keyboard_with_the_terminal_given_back(arm: VirtualArm, end: str) -> None:
    keyboard, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, arm.emulator.port, QUICK],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(motorium.__file__).parents[1])},
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    assert not termios.tcgetattr(terminal)[3] & termios.ICANON
    if end == "key":
        os.write(keyboard, b"a ")
        seconds_until(lambda: not arm.torque.any(), LIMP_S)
    else:
        program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=30)
    assert ("emergency stop" if end == "key" else "KeyboardInterrupt") in errors
    assert termios.tcgetattr(terminal) == before
    os.close(keyboard)
    os.close(terminal)


@pytest.mark.parametrize("hold_s", [0.0, 0.3])
def test_in_virtual_time_the_goal_stands_in_the_same_tick(hold_s: float) -> None:
    bench = Bench(0.0, estop_hold_s=hold_s).enable()
    bench.push(np.linspace(0.0, 1.5, 16), delay=1)
    bench.run(300_000_000)
    before = bench.q
    bench.core.estop()
    begin = bench.t
    while bench.core.stats().torque:
        np.testing.assert_array_equal(bench.tick(), before)
    assert bench.t - begin == pytest.approx(hold_s * 1e9 + 5e6, abs=6e6)
    for wish in (bench.core.enable, bench.core.park, bench.core.hold, bench.core.release):
        wish()
        bench.tick()
        assert (bench.core.mode, bench.core.reason) == (Mode.FAULT, Reason.ESTOP)
    assert bench.push(np.linspace(0.0, 1.5, 16)) is PushStatus.NOT_RUNNING
    assert bench.core.reset_estop()
    bench.enable()


def test_a_stop_before_torque_keeps_it_off() -> None:
    bench = Bench()
    bench.core.estop()
    bench.core.enable()
    bench.tick()
    assert not bench.core.stats().torque
    assert bench.core.reset_estop()
    bench.enable()
