"""A robot in a notebook: opened in one cell, used in the next ones, closed in the last, or with the kernel."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

import motorium
from motorium._core import Mode
from motorium.errors import BusError, SafetyError
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
REST = np.array([joint.rest_rad for joint in SPEC.joints])
QUICK = quick_robot(Path(tempfile.mkdtemp()))
SOURCES = str(Path(motorium.__file__).parents[1])


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


def at_rest(arm: VirtualArm) -> bool:
    return not arm.torque.any() and bool(np.abs(arm.position_rad - REST).max() < 0.06)


class Notebook:
    """A kernel of its own process, as Jupyter starts it."""

    def __init__(self) -> None:
        start = pytest.importorskip("jupyter_client.manager").start_new_kernel
        pytest.importorskip("ipykernel")
        self.manager, self.client = start(
            kernel_name="python3", env={**os.environ, "PYTHONPATH": SOURCES}, startup_timeout=60
        )

    def run(self, cell: str, timeout_s: float = 30.0) -> str:
        """What the cell printed, or its error."""
        self.asked = self.client.execute(cell)
        return self.answer(timeout_s)

    def answer(self, timeout_s: float = 30.0) -> str:
        said = ""
        while True:
            message = self.client.get_iopub_msg(timeout=timeout_s)
            if message["parent_header"].get("msg_id") != self.asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                said += content["text"]
            elif kind == "error":
                said += f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return said

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@pytest.mark.nightly
def test_cells_of_a_notebook(arm: VirtualArm) -> None:
    opening = f"robot = mt.Robot.open({QUICK!r}, port={arm.emulator.port!r}, calibration='nominal')"
    notebook = Notebook()
    try:
        assert notebook.run(f"import motorium as mt\n{opening}") == ""
        assert notebook.run("print(len(robot.position_rad))").endswith("6\n")
        assert not arm.torque.any(), "reading gives no torque"
        assert "Error" not in notebook.run("robot.move_to({'elbow_flex': 1.2})")
        assert arm.torque.all()
        again = notebook.run(opening)
        assert "in use by this process" in again
        assert "close()" in again
        assert notebook.run("print(round(robot.position_rad[2], 1))") == "1.2\n", (
            "the first robot is still there"
        )
        assert notebook.run("robot.close()") == ""
        assert at_rest(arm)
        assert "Error" not in notebook.run(f"{opening}\nrobot.home()")
        notebook.asked = notebook.client.execute(
            "while True:\n    robot.move_to({'elbow_flex': 1.2})\n    robot.move_to({'elbow_flex': 1.0})"
        )
        time.sleep(0.3)
        notebook.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in notebook.answer()
        assert notebook.run("print(len(robot.position_rad))") == "6\n", "outside `with` it stays open"
        assert arm.torque.all()
    finally:
        notebook.end()
    assert wait(lambda: at_rest(arm), 10.0), "the end of the kernel closes it"


def test_first_use_connects_and_the_first_motion_gives_torque(arm: VirtualArm) -> None:
    robot = Robot.open(QUICK, port=arm.emulator.port, calibration="nominal")
    assert robot.status().mode is Mode.IDLE
    assert dict(robot.cameras) == {}
    assert robot.world is None
    assert not arm.torque.any()
    robot.move_to({"elbow_flex": 1.2})
    assert arm.torque.all()
    with pytest.raises(SafetyError, match="open already"), robot:
        pass
    with pytest.raises(BusError, match=r"in use by this process.*so101.*close\(\)"):
        Robot.open(QUICK, port=arm.emulator.port, calibration="nominal")
    motorium.close_all()
    assert at_rest(arm)
    for use in (lambda: robot.position_rad, robot.home, robot.connect):
        with pytest.raises(SafetyError, match="open it again"):
            use()
    assert dict(robot.cameras) == {}


def test_a_cell_that_is_run_twice_says_that_there_are_two(
    arm: VirtualArm, caplog: pytest.LogCaptureFixture
) -> None:
    with VirtualArm(SPEC) as second:
        for virtual in (arm, second):
            Robot.open(QUICK, port=virtual.emulator.port, calibration="nominal").connect()
        assert "another so101 is open in this process" in caplog.text
        motorium.close_all()


def test_a_robot_that_was_only_read_is_let_go_without_motion_and_with_gives_it_torque(tmp_path: Path) -> None:
    begin = REST + np.array([0.6, 0.4, -0.5, 0.0, 0.3, 0.2])
    with VirtualArm(SPEC, start_rad=begin) as arm:
        link = tmp_path / "arm"
        link.symlink_to(arm.emulator.port)
        robot = Robot.open(QUICK, port=str(link), calibration="nominal").connect()
        np.testing.assert_allclose(robot.position_rad, begin, atol=0.01)
        with pytest.raises(BusError, match="in use by this process"):
            Robot.open(QUICK, port=arm.emulator.port, calibration="nominal")
        robot.close()
        np.testing.assert_allclose(arm.position_rad, begin, atol=0.01)
        robot = Robot.open(QUICK, port=str(link), calibration="nominal")
        assert len(robot.position_rad) == 6
        with robot:
            assert arm.torque.all()
        assert at_rest(arm)
