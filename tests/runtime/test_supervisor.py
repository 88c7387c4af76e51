"""After the supervisor took a frozen program's torque; how soon it does: tests/support/safe_state.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safe_state import supervisor_of
from virtual_arm import VirtualArm, quick_robot

import motorium
from motorium._core import Mode, Reason, WatchedBy
from motorium.errors import SafetyError
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
REST = np.array([joint.rest_rad for joint in SPEC.joints])
SOURCES = str(Path(motorium.__file__).parents[1])
PROGRAM = """
import sys, time
from motorium.robots.robot import Robot
with Robot.open(sys.argv[2], port=sys.argv[1], calibration="nominal") as robot:
    robot.home()
    print("up", flush=True)
    while True:
        robot.check()
        time.sleep(0.01)
"""


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    home = np.array([joint.home_rad for joint in SPEC.joints])
    with VirtualArm(SPEC, start_rad=home) as virtual:
        yield virtual


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> str:
    return quick_robot(tmp_path_factory.mktemp("quick"))


@pytest.fixture
def program(arm: VirtualArm, quick: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, arm.emulator.port, quick],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCES},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def limits(arm: VirtualArm) -> np.ndarray:
    return np.array([int.from_bytes(arm.emulator.registers(j.id)[48:50], "little") for j in SPEC.joints])


def seconds_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < timeout_s
        time.sleep(0.002)
    return time.monotonic() - begin


def guards() -> list[int]:
    """Supervisors of this process."""
    mine = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it ended meanwhile
            text = status.read_text()
            if "Name:\tmotorium-guard\n" in text and f"PPid:\t{os.getpid()}\n" in text:
                mine.append(int(status.parent.name))
    return mine


def test_a_program_that_wakes_up_again_is_told_and_may_start_anew(
    arm: VirtualArm, program: subprocess.Popen[str], quick: str
) -> None:
    program.send_signal(signal.SIGSTOP)
    seconds_until(lambda: not arm.torque.any())
    program.send_signal(signal.SIGCONT)
    _, error = program.communicate(timeout=30)
    assert program.returncode == 1
    assert "while its control thread stood still" in error
    assert not arm.torque.any()
    with Robot.open(quick, port=arm.emulator.port, calibration="nominal"):
        assert arm.torque.all()
        assert (limits(arm) > 300).all(), "the torque limit is back"


def test_ctrl_c_is_none_of_its_business(arm: VirtualArm, program: subprocess.Popen[str]) -> None:
    before = limits(arm)
    os.kill(program.pid, signal.SIGINT)
    program.communicate(timeout=30)
    assert not arm.torque.any()
    np.testing.assert_array_equal(limits(arm), before)


def test_no_signal_that_can_be_blocked_reaches_it(arm: VirtualArm, quick: str) -> None:
    """Whoever signals a whole session, or every process of a user, ends the program first."""
    with Robot.open(quick, port=arm.emulator.port, calibration="nominal") as robot:
        guard = supervisor_of(os.getpid())
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            os.kill(guard, number)
        assert os.getsid(guard) == guard, "and it is of no terminal"
        time.sleep(0.1)
        robot.check()
        assert robot.status().watchdog is WatchedBy.SUPERVISOR
        os.kill(guard, 0)


def test_without_a_supervisor_nothing_moves_until_the_robot_is_opened_anew(
    arm: VirtualArm, quick: str
) -> None:
    with Robot.open(quick, port=arm.emulator.port, calibration="nominal") as robot:
        os.kill(supervisor_of(os.getpid()), signal.SIGKILL)
        seconds_until(lambda: robot.control.reason is Reason.UNSUPERVISED)
        assert arm.torque.all(), "a raised arm is brought to rest, not dropped"
        with pytest.raises(SafetyError, match="lost its supervisor"):
            robot.home()
        seconds_until(lambda: not arm.torque.any())
        assert np.abs(arm.position_rad - REST).max() < 0.1
        assert (robot.status().mode, robot.status().reason) == (Mode.RELEASED, Reason.UNSUPERVISED)
        assert robot.status().watchdog is WatchedBy.NOBODY
        with pytest.raises(SafetyError, match="lost its supervisor"):
            robot.enable()
        robot.estop()
        seconds_until(lambda: robot.control.reason is Reason.ESTOP)
        robot.reset_estop()
        assert not robot.control.enable(0.3)
        assert not arm.torque.any()
    with Robot.open(quick, port=arm.emulator.port, calibration="nominal") as robot:
        robot.home()
        assert robot.status().watchdog is WatchedBy.SUPERVISOR


def test_a_supervisor_that_was_killed_first_does_not_leave_a_killed_program_under_torque(
    arm: VirtualArm, program: subprocess.Popen[str]
) -> None:
    os.kill(supervisor_of(program.pid), signal.SIGKILL)
    _, error = program.communicate(timeout=30)
    assert program.returncode == 1
    assert "lost its supervisor" in error
    assert not arm.torque.any()
    assert np.abs(arm.position_rad - REST).max() < 0.1


def test_an_exit_does_not_wait_for_a_stopped_supervisor(arm: VirtualArm, quick: str) -> None:
    robot = Robot.open(quick, port=arm.emulator.port, calibration="nominal")
    with robot:
        guard = supervisor_of(os.getpid())
        os.kill(guard, signal.SIGSTOP)
        robot.control.release()
        begin = time.monotonic()
    assert 0.9 < time.monotonic() - begin < 5.0, "a second of patience"
    assert not Path(f"/proc/{guard}").exists()
    assert not arm.torque.any()


def test_nothing_stays_behind(arm: VirtualArm, quick: str) -> None:
    before = guards()
    with Robot.open(quick, port=arm.emulator.port, calibration="nominal"):
        assert len(guards()) == len(before) + 1
    assert guards() == before
