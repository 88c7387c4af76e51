"""Harms of keys that nobody hears."""

from __future__ import annotations

import os
import pty

import pytest
from virtual_arm import VirtualArm
from waiting import wait

from motorium._core import Mode, Reason
from motorium.operator.estop import stop_device, stop_keys
from motorium.robots.robot import Robot


@pytest.mark.parametrize("by", ["terminal", "device"])
def test_harm_25_keys_need_no_window_system(
    arm: VirtualArm, robot: Robot, by: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """Over ssh, on Wayland, on a board without a screen: a terminal, or any device with a descriptor."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"):
        monkeypatch.delenv(name, raising=False)
    if by == "terminal":
        keyboard, terminal = pty.openpty()
        with stop_keys(robot, terminal) as watched:
            assert watched
            os.write(keyboard, b"q")
            ticks = robot.control.stats().ticks
            assert wait(lambda: robot.control.stats().ticks > ticks + 3)
            assert robot.control.mode is Mode.HOLDING, "not every key is a stop"
            os.write(keyboard, b" ")
            assert wait(lambda: robot.control.reason is Reason.ESTOP, 1.0)
        os.close(keyboard)
        os.close(terminal)
    else:
        path = tmp_path / "pedal"
        os.mkfifo(path)
        with stop_device(robot, str(path)):
            pedal = os.open(path, os.O_WRONLY)
            os.write(pedal, b"\x01")
            assert wait(lambda: robot.control.reason is Reason.ESTOP, 1.0)
            os.close(pedal)
    assert wait(lambda: not arm.torque.any(), 2.0)
