"""Harms of the servo bus: bad bytes, sign bits, late adapters, exchanged ports, a cable that comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from servo_arm import IDS, TICKS_PER_RAD, Arm
from virtual_arm import VirtualArm
from waiting import wait

import motorium
from motorium import _core
from motorium._core import LatencySetting, Mode, Reason, ServoEmulator, ServoFault
from motorium.errors import CalibrationError
from motorium.motors.diagnosis import diagnose_latency, udev_rule
from motorium.motors.ports import SerialPort
from motorium.robots import calibration as store
from motorium.robots.calibration import Calibration, spec_hash
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec, names
from motorium.specs.zero import JointZero

SPEC = RobotSpec.load("so101")
LEADER = RobotSpec.load("so101_leader")
PEER_STALL_S = 0.051
"""What one lost reply costs LeRobot 0.6.1, measured."""


def test_harm_01_one_bad_byte_ends_nothing(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()

    def survives(fault: str, counter: str) -> bool:
        before = getattr(loop.stats().bus, counter)
        arm.emulator.set_fault(ServoFault(fault), 3, period=5)
        seen = wait(lambda: getattr(loop.stats().bus, counter) > before + 3)
        arm.emulator.set_fault(ServoFault.NONE)
        return seen

    assert survives("corrupt", "crc_errors")
    assert survives("drop", "timeouts")
    assert survives("garbage_before", "length_errors")  # of the false header in it
    assert (loop.mode, loop.reason) == (Mode.HOLDING, Reason.NONE)
    arm.emulator.set_fault(ServoFault.DROP, 3)
    assert wait(lambda: time.monotonic_ns() - loop.state().joint_t_ns[2] > 20_000_000)
    reading = loop.state()
    ages = reading.t_ns - reading.joint_t_ns
    assert ages[2] > 10_000_000
    assert (np.delete(ages, 2) == 0).all(), "the others are as fresh as ever"


def test_harm_01_a_lost_reply_costs_no_fifty_milliseconds() -> None:
    arm = Arm(ServoEmulator(IDS), reply_margin_s=0.004)

    def quickest(reads: int = 8) -> float:
        took = []
        for _ in range(reads):
            begin = time.monotonic()
            arm.read()
            took.append(time.monotonic() - begin)
        return min(took)

    whole = quickest()
    arm.emulator.set_fault(ServoFault.DROP, 6)
    assert quickest() - whole < PEER_STALL_S / 5


def test_harm_12_sign_bits_are_of_each_register() -> None:
    """A speed read as two's complement is 32768 too large; a load has its sign in bit 10."""
    arm = Arm(ServoEmulator(IDS))
    arm.emulator.update([2048] * 6, [-400, 400, 0, 0, 0, 0], [-300, 300, 0, 0, 0, 0])
    _, state = arm.read()
    assert state["velocity_rad_s"][0] == -state["velocity_rad_s"][1] < 0
    assert state["velocity_rad_s"][0] == pytest.approx(-400 / TICKS_PER_RAD, rel=1e-3)
    assert state["effort"][0] == -state["effort"][1] == pytest.approx(-0.3, abs=0.01)
    signed = 0
    for motor in names():
        for register in MotorSpec.load(motor).registers.values():
            if not (register.sign_bit or register.signed):
                with pytest.raises(ValueError, match="takes 0"):
                    register.encode(-1)
                continue
            signed += 1
            most = (1 << register.sign_bit) - 1 if register.sign_bit else (1 << 8 * register.size - 1) - 1
            for value in (-most, -1, 0, 1, most):
                assert register.decode(register.encode(value)) == value
            with pytest.raises(ValueError, match="takes"):
                register.encode(most + 1)
    assert signed > 20


ASK = """
import os, sys
from motorium import _core
_, line = os.openpty()
port = os.ttyname(line)
print(_core.ServiceBus("feetech", port).latency().setting)
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
def test_harm_17_an_adapter_is_asked_to_hold_nothing_back(tmp_path: Path) -> None:
    shim = tmp_path / "usb_adapter.so"
    source = Path(__file__).with_name("usb_adapter.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    here = {**os.environ, "PYTHONPATH": str(Path(motorium.__file__).parents[1]), "LD_PRELOAD": str(shim)}

    def setting(**more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", ASK], env={**here, **more}, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    assert setting() == "low"
    assert setting(ADAPTER_REFUSES="1") == "refused"
    port = SerialPort("/dev/ttyUSB0", "/dev/ttyUSB0", "A7", "FTDI", usable=True, advice="")
    (finding,) = diagnose_latency(port, SimpleNamespace(setting=LatencySetting.REFUSED, timer_ms=16))
    assert "for 16 ms" in finding.detail
    assert 'ATTR{latency_timer}="1"' in finding.fix


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Serial number of the adapter behind each port; a leader and a follower are calibrated."""
    serials = {"/dev/ttyACM0": "FOLLOWER", "/dev/ttyACM1": "LEADER", "/dev/ttyACM2": "NEW"}
    monkeypatch.setattr(store, "adapter_serial", serials.get)
    for spec, serial in ((SPEC, "FOLLOWER"), (LEADER, "LEADER")):
        joints = {name: JointZero(2000.0 + len(serial), 1, 5) for name in spec.joint_names}
        Calibration(spec.name, spec_hash(spec), joints, serial).save(store.directory() / f"{spec.name}.json")
    return serials


def test_harm_18_ports_that_swap_are_known_by_their_adapter(desk: dict[str, str]) -> None:
    assert Calibration.of_adapter("/dev/ttyACM0", SPEC).adapter == "FOLLOWER"
    desk["/dev/ttyACM0"], desk["/dev/ttyACM1"] = "LEADER", "FOLLOWER"  # plugged in the other way round
    assert Calibration.of_adapter("/dev/ttyACM1", SPEC).adapter == "FOLLOWER"
    with pytest.raises(
        CalibrationError, match=r"belongs to so101_leader, not to so101: are the ports .* exchanged"
    ):
        Robot.open("so101", port="/dev/ttyACM0")
    with pytest.raises(CalibrationError, match="was made on the adapter FOLLOWER"):
        Calibration.of_adapter("/dev/ttyACM2", SPEC)


def test_harm_18_one_rule_gives_the_port_to_its_user() -> None:
    port = SerialPort("/dev/ttyACM0", "/dev/ttyACM0", "A7", "adapter", usable=True, advice="")
    assert 'ATTRS{serial}=="A7", MODE="0660"' in udev_rule(port)


def test_harm_19_an_arm_that_comes_back_elsewhere_gets_no_torque(arm: VirtualArm, loop: _core.Robot) -> None:
    """The servo restarted and lost its turns, or the arm was moved while nothing was heard of it."""
    assert wait(lambda: loop.stats().ticks > 5)
    arm.emulator.set_fault(ServoFault.DROP)
    silent = loop.stats().bus.timeouts
    assert wait(lambda: loop.stats().bus.timeouts > silent + 3)
    arm.position_rad[5] += 1.0
    time.sleep(0.02)  # the virtual arm shows it
    arm.emulator.set_fault(ServoFault.NONE)
    assert wait(lambda: abs(float(loop.stats().jump_rad[5]) - 1.0) < 0.05)
    assert not loop.enable(0.2)
    assert loop.reason is Reason.POSITION_JUMP
    assert not arm.torque.any()
    loop.accept_position()
    assert wait(lambda: loop.reason is Reason.NONE)
    assert loop.enable()
    assert wait(lambda: abs(float(loop.goal_rad[5]) - arm.position_rad[5]) < 0.02), (
        "and it stands where it is"
    )
