"""The whole chain: Robot, control thread, bus driver, pseudo-terminal, virtual servos, physics, cameras."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import quick_robot

from motorium.errors import SimulationError
from motorium.robots.robot import Robot


def test_a_robot_moves_sees_and_comes_to_rest(tmp_path):
    with Robot.open(f"sim:{quick_robot(tmp_path)}", seed=2) as robot:
        robot.home()
        home = np.array([joint.home_rad for joint in robot.spec.joints])
        np.testing.assert_allclose(robot.position_rad, home, atol=0.05)
        reply = robot.world.reset(5)
        seen = robot.observe(reply["task"])
        assert seen.t_ns > reply["t_ns"]
        np.testing.assert_allclose(robot.slot_map.gather(seen.state), home, atol=0.05)
        robot.move_to({"shoulder_pan": 0.5})
        moved = robot.observe(reply["task"])
        assert robot.slot_map.gather(moved.state)[0] == pytest.approx(0.5, abs=0.05)
        assert all((moved.images[role] != seen.images[role]).any() for role in ("front", "wrist"))
        stats, pid = robot.control.stats(), robot._backend.pid
    assert stats.bus.crc_errors == 0
    assert stats.bus.timeouts < 0.5 * stats.bus.cycles, "0 on an idle machine; some on a busy one"
    assert stats.safety.trips == 0
    assert not Path(f"/proc/{pid}").exists()


def test_death_of_the_simulator_names_itself_not_the_cable():
    with pytest.raises(SimulationError, match="killed by signal 9"):
        _watch_it_die()


def _watch_it_die() -> None:
    with Robot.open("sim:so101") as robot:
        os.kill(robot._backend.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            robot.observe("anything")


PROGRAM = """
import time
from motorium.robots.robot import Robot
with Robot.open("sim:so101") as robot:
    robot.home()
    try:
        print(robot._backend.pid, flush=True)
        time.sleep(600)
    finally:
        print("leaving", flush=True)
print("never")
"""


@pytest.mark.nightly
def test_ctrl_c_parks_the_arm_and_leaves_nothing(wait_until):
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE) as process:  # fmt: skip
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert out == "leaving\n"
    assert error.rstrip().endswith("KeyboardInterrupt")
    assert "did not" not in error, "the arm reached its rest pose and let go"
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists())
