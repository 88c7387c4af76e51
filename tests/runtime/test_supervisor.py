"""After the supervisor took a frozen program's torque; how soon it does: tests/safe_state.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm

import motorium
from motorium.robots.robot import Robot
from motorium.robots.spec import RobotSpec

SPEC = RobotSpec.load("so101")
SOURCES = str(Path(motorium.__file__).parents[1])
PROGRAM = """
import sys, time
from motorium.robots.robot import Robot
with Robot.open("so101", port=sys.argv[1], calibration="nominal") as robot:
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


@pytest.fixture
def program(arm: VirtualArm) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, arm.emulator.port],
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


def guards() -> set[str]:
    return {
        path.parent.name for path in Path("/proc").glob("[0-9]*/comm") if name_of(path) == "motorium-guard"
    }


def name_of(comm: Path) -> str:
    try:
        return comm.read_text().strip()
    except OSError:  # it ended meanwhile
        return ""


def test_a_program_that_wakes_up_again_is_told_and_may_start_anew(
    arm: VirtualArm, program: subprocess.Popen[str]
) -> None:
    program.send_signal(signal.SIGSTOP)
    seconds_until(lambda: not arm.torque.any())
    program.send_signal(signal.SIGCONT)
    _, error = program.communicate(timeout=30)
    assert program.returncode == 1
    assert "stood still for more than 0.3 s" in error
    assert not arm.torque.any()
    with Robot.open("so101", port=arm.emulator.port, calibration="nominal"):
        assert arm.torque.all()
        assert (limits(arm) > 300).all(), "the torque limit is back"


def test_ctrl_c_is_none_of_its_business(arm: VirtualArm, program: subprocess.Popen[str]) -> None:
    before = limits(arm)
    os.kill(program.pid, signal.SIGINT)
    program.communicate(timeout=30)
    assert not arm.torque.any()
    np.testing.assert_array_equal(limits(arm), before)


def test_nothing_stays_behind(arm: VirtualArm) -> None:
    before = guards()
    with Robot.open("so101", port=arm.emulator.port, calibration="nominal"):
        assert len(guards() - before) == 1
    assert not guards() - before
