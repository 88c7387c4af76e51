"""A bus that is pulled and plugged in again at the same name, under a live Robot."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import quick_robot

from motorium._core import Mode, Reason, ServoEmulator
from motorium.errors import BusError, SafetyError
from motorium.motors.emulated import emulate
from motorium.robots.bus import open_joints
from motorium.robots.calibration import Calibration
from motorium.robots.config import bus_config
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec

KINDS = ["so101", "koch_follower"]


class Cable:
    """An adapter with a stable name, as /dev/serial/by-id gives it, and the arm behind it."""

    def __init__(self, name: Path, robot: str) -> None:
        self.name, self.spec = name, RobotSpec.load(robot)
        self.offset_rad = np.zeros(len(self.spec.joints))
        self.emulator: ServoEmulator | None = None

    def plug(self) -> None:
        """Servos that have had no power: limp."""
        spec = self.spec
        emulator = emulate([joint.id for joint in spec.joints], spec.motor_names)
        home = np.array([joint.home_rad for joint in spec.joints]) + self.offset_rad
        zero = np.array([joint.zero_ticks for joint in spec.joints])
        sign = np.array([joint.sign for joint in spec.joints])
        turns = np.array([MotorSpec.load(name).ticks_per_turn for name in spec.motor_names])
        ticks = np.rint(zero + sign * home * turns / (2 * math.pi)).astype(np.int32)
        supply = [round(10 * MotorSpec.load(name).supply_v) for name in spec.motor_names]
        emulator.update(ticks, [0] * len(ticks), [0] * len(ticks), supply)
        self.name.symlink_to(emulator.port)
        self.emulator = emulator

    def pull(self) -> None:
        assert self.emulator is not None
        self.emulator.close()
        self.name.unlink()
        self.emulator = None

    def torque(self) -> list[int]:
        assert self.emulator is not None
        return [int(on) for on in self.emulator.goals().torque_enable]


@pytest.fixture(params=KINDS)
def cable(request, tmp_path) -> Iterator[Cable]:
    robot = quick_robot(tmp_path) if request.param == "so101" else request.param
    cable = Cable(tmp_path / "usb-arm", robot)
    cable.plug()
    yield cable
    if cable.emulator is not None:
        cable.emulator.close()


@pytest.fixture
def robot(cable, tmp_path) -> Iterator[Robot]:
    name = str(tmp_path / "so101.toml") if cable.spec.name == "so101" else cable.spec.name
    live = Robot.open(name, port=str(cable.name), calibration="nominal")
    try:
        with live:
            yield live
            live.control.release()
    except (BusError, SafetyError):
        pass  # an arm whose cable is off cannot be parked


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.002)


def test_an_arm_comes_back_limp_and_is_enabled_when_asked(robot, cable):
    with pytest.raises(SafetyError, match="nothing to reconnect"):
        robot.reconnect()
    cable.pull()
    until(lambda: robot.status().reason is Reason.BUS_CLOSED)
    with pytest.raises(BusError, match=r"robot\.reconnect\(\)"):
        robot.check()
    with pytest.raises(BusError, match="does not exist"):
        robot.reconnect(timeout_s=0.0)
    assert robot.status().reason is Reason.BUS_CLOSED
    cable.plug()
    robot.reconnect()
    assert robot.status().mode is Mode.RELEASED
    ticks = robot.status().control.ticks
    until(lambda: robot.status().control.ticks > ticks + 20)
    assert cable.torque() == [0] * 6
    assert robot.control.move_to(robot.position_rad, timeout_s=0.2) is False
    assert cable.torque() == [0] * 6
    robot.enable()
    assert cable.torque() == [1] * 6
    robot.check()


def test_an_interrupt_ends_the_wait_and_nothing_comes_of_it(robot, cable):
    cable.pull()
    until(lambda: robot.status().reason is Reason.BUS_CLOSED)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        robot.reconnect(timeout_s=20.0)
    assert time.monotonic() - began < 5
    cable.plug()
    time.sleep(0.6)
    assert robot.status().reason is Reason.BUS_CLOSED
    assert cable.torque() == [0] * 6
    robot.reconnect()
    robot.enable()
    assert cable.torque() == [1] * 6


def test_a_joint_moved_meanwhile_is_named_and_gets_no_torque(robot, cable):
    cable.pull()
    until(lambda: robot.status().reason is Reason.BUS_CLOSED)
    cable.offset_rad[2] = 0.9
    cable.plug()
    moved = cable.spec.joint_names[2]
    with pytest.raises(SafetyError, match=rf"{moved} reads another place than before: by \+0\.9") as refusal:
        robot.reconnect()
    assert not [name for name in cable.spec.joint_names if name != moved and name in str(refusal.value)]
    with pytest.raises(SafetyError, match=moved):
        robot.enable()
    assert cable.torque() == [0] * 6
    robot.control.accept_position()
    robot.enable()
    assert cable.torque() == [1] * 6


def test_servos_that_kept_their_power_go_on_holding(tmp_path):
    cable = Cable(tmp_path / "usb-arm", quick_robot(tmp_path))
    cable.plug()
    robot = Robot.open(str(tmp_path / "so101.toml"), port=str(cable.name), calibration="nominal")
    with robot:
        cable.pull()
        until(lambda: robot.status().reason is Reason.BUS_CLOSED)
        cable.plug()
        # As if only the adapter had been pulled: the servos have their settings, and torque.
        open_joints(str(cable.name), bus_config(cable.spec, Calibration.nominal(cable.spec)))
        for joint in cable.spec.joints:
            cable.emulator.poke(joint.id, 40, b"\x01")
        robot.reconnect()
        assert cable.torque() == [1] * 6
        robot.enable()
        robot.control.release()
