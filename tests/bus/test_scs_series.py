"""The SCS series: the high byte first, no sync read, registers elsewhere; the vendor's kit as the second opinion."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from servo_arm import make_gate

from motorium import _core
from motorium._core import ServoFault
from motorium.motors.emulated import emulate
from motorium.motors.scan import scan
from motorium.robots.bus import bus_config
from motorium.specs.robot import DATA, RobotSpec
from motorium.specs.servo import MotorSpec

MOTOR = MotorSpec.load("scs0009")
IDS = [1, 2, 3, 4, 5, 6]


@pytest.fixture
def emulator() -> Iterator[_core.ServoEmulator]:
    chain = emulate(IDS, ["scs0009"] * 6)
    yield chain
    chain.close()


@pytest.fixture
def robot(tmp_path: Path) -> RobotSpec:
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    path = tmp_path / "little.toml"
    text = text.replace('motor = "sts3215"', 'motor = "scs0009"').replace(
        "zero_ticks = 2048", "zero_ticks = 512"
    )
    text = text.replace("upper_rad = 2.84121", "upper_rad = 2.6").replace(
        "lower_rad = -2.74385", "lower_rad = -2.6"
    )
    path.write_text(text.replace("reply_margin_s = 0.004", "reply_margin_s = 0.3"), encoding="utf-8")
    return RobotSpec.load(path)


def test_registers_are_encoded_high_byte_first():
    assert MOTOR.register("goal_position").encode(0x0123) == b"\x01\x23"
    assert MOTOR.register("present_position").decode(b"\x01\x23") == 0x0123
    assert MOTOR.register("present_load").decode(b"\x04\x64") == -100
    assert MotorSpec.load("sts3215").register("goal_position").encode(0x0123) == b"\x23\x01"


def test_the_driver_reads_and_writes(emulator, robot):
    bus = _core.FeetechBus(emulator.port, bus_config(robot))
    ticks = [259, 400, 512, 600, 700, 600]
    emulator.update(ticks, [0, -50, 50, 0, 0, 0], [0, 100, -100, 0, 0, 0], [60] * 6)
    readings = _core.JointState()
    assert bus.read_state(readings) == _core.BusStatus.OK
    state = readings.as_dict()
    per_rad = 1229 / (2 * np.pi)
    assert state["position_rad"] == pytest.approx((np.array(ticks) - 512) / per_rad, abs=1e-4)
    assert state["velocity_rad_s"][1:3] == pytest.approx([-50 / per_rad, 50 / per_rad], abs=1e-4)
    assert state["effort"][1:3] == pytest.approx([0.1, -0.1])
    assert bus.set_torque(True) == _core.BusStatus.OK
    assert emulator.goals().torque_enable.all()
    assert list(emulator.goals().goal_position_ticks) == ticks
    gate = make_gate()
    gate.arm(state["position_rad"])
    now = time.monotonic_ns()
    goal, _, _ = gate.apply([0.1] * 6, state["position_rad"], [0.0] * 6, now, now, now)
    assert bus.write_goal(goal) == _core.BusStatus.OK
    bus.read_state(readings)
    assert list(emulator.goals().goal_position_ticks) == [round(512 + 0.1 * per_rad)] * 6


def test_the_torque_limit_is_written_at_connect_though_it_is_in_eeprom(emulator, robot):
    _core.FeetechBus(emulator.port, bus_config(robot))
    limits = list(emulator.goals().torque_limit_permille)
    assert limits == [round(1000 * min(1.0, joint.max_effort * 1.25)) for joint in robot.joints]
    assert emulator.registers(1)[48] == 1  # locked again


def test_a_silent_servo_is_one_stale_joint(emulator, robot):
    bus = _core.FeetechBus(emulator.port, bus_config(robot))
    readings = _core.JointState()
    bus.read_state(readings)
    before = readings.joint_t_ns
    emulator.set_fault(ServoFault.DROP, 3)
    assert bus.read_state(readings) == _core.BusStatus.STALE_JOINTS
    after = readings.joint_t_ns
    assert [a > b for a, b in zip(after, before, strict=True)] == [True, True, False, True, True, True]


def test_another_series_is_refused(emulator):
    sts = RobotSpec.load("so101")
    with pytest.raises(_core.BusError, match="model"):
        _core.FeetechBus(emulator.port, bus_config(sts))


def test_a_scan_names_it(emulator):
    found = scan(emulator.port, protocols=("feetech",), bauds=(1_000_000,), ids=range(8), patience_s=0.03)
    assert {(servo.model, servo.model_number) for servo in found.servos} == {("scs0009", 1284)}


def test_the_vendors_kit_agrees(emulator):
    sdk = pytest.importorskip("scservo_sdk", reason="comes with ftservo-python-sdk")
    port = sdk.PortHandler(emulator.port)
    assert port.openPort()
    assert port.setBaudRate(1_000_000)
    kit = sdk.scscl(port)
    emulator.update([300, 400, 512, 600, 700, 259], [0] * 6, [0] * 6)

    def patiently(call, *arguments):
        for _ in range(20):
            answer = call(*arguments)
            if answer[-2] == sdk.COMM_SUCCESS:
                return answer
        raise AssertionError(answer)

    assert patiently(kit.ping, 2)[0] == 1284
    assert patiently(kit.ReadPos, 2)[0] == 400
    patiently(kit.WritePos, 2, 777, 0, 0)
    assert emulator.goals().goal_position_ticks[1] == 777
    port.closePort()
