"""Real-time wishes: granted where the system permits, else told with what would grant them; control goes on."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from virtual_arm import VirtualArm, quick_robot

from motorium import _core
from motorium._core import Mode
from motorium.errors import SpecError
from motorium.robots.config import robot_config
from motorium.robots.health import realtime_advice
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
ABSENT = 900


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


def control_thread_cpus(before: set[str]) -> list[set[int]]:
    """Affinity of every thread that was not there before."""
    tasks = {path.name for path in Path("/proc/self/task").iterdir()} - before
    return [os.sched_getaffinity(int(task)) for task in tasks]


def run_on(arm: VirtualArm, cpu: int) -> tuple[dict, list[set[int]]]:
    before = {path.name for path in Path("/proc/self/task").iterdir()}
    loop = _core.Robot(robot_config(SPEC, cpu=cpu, exit="release"), [arm.emulator.port])
    loop.start()
    give_up = time.monotonic() + 10
    while loop.stats().ticks < 5 and time.monotonic() < give_up:
        time.sleep(0.002)
    stats, cpus = loop.stats(), control_thread_cpus(before)
    loop.stop()
    assert stats.ticks >= 5, "control goes on, whatever was refused"
    return stats.realtime, cpus


def test_the_control_thread_runs_on_its_processor(arm: VirtualArm) -> None:
    mine = max(os.sched_getaffinity(0))
    granted, cpus = run_on(arm, mine)
    assert (granted.cpu, granted.pinned) == (mine, True)
    assert {mine} in cpus
    assert os.sched_getaffinity(0) != {mine} or len(os.sched_getaffinity(0)) == 1, "and nobody else does"


def test_a_processor_that_is_not_there_is_refused_and_told(arm: VirtualArm) -> None:
    granted, _ = run_on(arm, ABSENT)
    assert not granted.pinned
    assert f"cpu {ABSENT} refused" in granted.note
    assert f"processor {ABSENT}" in realtime_advice(granted)


def test_everything_refused_says_how_to_grant_it() -> None:
    nothing = {"fifo": False, "memory_locked": False, "pinned": False, "cpu": -1}
    advice = realtime_advice(SimpleNamespace(**nothing))
    assert "rtprio 80" in advice
    assert "memlock" in advice
    assert "processor" not in advice, "none was asked for"
    assert realtime_advice(SimpleNamespace(fifo=True, memory_locked=True, pinned=True, cpu=2)) == ""


def test_opening_an_arm_warns_of_what_was_refused(
    arm: VirtualArm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(quick_robot(tmp_path))
    path.write_text(path.read_text().replace("rate_hz = 200.0", f"rate_hz = 200.0\ncpu = {ABSENT}", 1))
    with (
        caplog.at_level(logging.WARNING),
        Robot.open(str(path), port=arm.emulator.port, calibration="nominal") as robot,
    ):
        assert robot.status().mode is Mode.HOLDING
    assert f"without processor {ABSENT}" in caplog.text
    path.write_text(path.read_text().replace(f"cpu = {ABSENT}", "cpu = -7"))
    with pytest.raises(SpecError, match="cpu must be a CPU number"):
        RobotSpec.load(str(path))
