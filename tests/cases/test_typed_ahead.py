"""What was typed before the keys are watched is not meant for the arm; what is typed afterwards is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from at_terminal import AtTerminal, program
from virtual_arm import VirtualArm, quick_robot

from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


@pytest.mark.parametrize(
    ("ahead", "key", "ends"),
    [
        ("motorium eval so101-pick --episodes 1\n", "\r", "over"),
        ("\x1b \n\n ", "\x1b", "emergency stop"),
    ],
    ids=["the next line of a paste", "an impatient hand"],
)
def test_it_is_dropped(arm: VirtualArm, tmp_path: Path, ahead: str, key: str, ends: str) -> None:
    command = program(tmp_path, quick_robot(tmp_path), arm.emulator.port)
    with AtTerminal(command.split(), session=False) as terminal:
        terminal.shows("starting")
        terminal.types(ahead)
        terminal.shows("Space or Escape stops the arm")
        terminal.shows("holding")
        time.sleep(0.2)
        assert arm.torque.all(), "nobody has stopped it"
        terminal.types(key)
        terminal.shows(ends)
    rest = np.array([joint.rest_rad for joint in SPEC.joints])
    assert not arm.torque.any()
    np.testing.assert_allclose(arm.position_rad, rest, atol=0.06)


def test_a_key_before_the_arm_has_torque_keeps_it_off(arm: VirtualArm, tmp_path: Path) -> None:
    command = program(tmp_path, quick_robot(tmp_path), arm.emulator.port)
    slow = tmp_path / "hold.py"
    slow.write_text(
        slow.read_text().replace("terminal.watching(robot), robot", "terminal.watching(robot), late(robot)")
    )
    slow.write_text(
        "import contextlib, time\n@contextlib.contextmanager\ndef late(robot):\n    time.sleep(0.5)\n"
        "    with robot: yield\n" + slow.read_text()
    )
    with AtTerminal(command.split(), session=False) as terminal:
        terminal.shows("Space or Escape stops the arm")
        assert not arm.torque.any()
        terminal.types(" ")
        terminal.shows("emergency stop")
    assert not arm.torque.any()
