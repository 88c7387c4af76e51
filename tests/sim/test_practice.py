"""What a person does to a simulated arm: other ids and speeds, hands, pulled cables, bad lines."""

from __future__ import annotations

import os
import select
import struct

import numpy as np
import pytest
from servo_arm import TICKS_PER_RAD

from motorium import _core
from motorium.errors import SimulationError
from motorium.motors.emulated import emulate
from motorium.sim.hand import SPEED_RAD_S, Hand
from motorium.sim.practice import LINE_FAULTS, Practice
from motorium.sim.servo_registers import ServoDrive
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
ID, LOCK, MODE = 5, 55, 33
GRIPPER, ROLL = 6, 5


@pytest.fixture
def practise(sim):
    yield sim.world.practise
    sim.world.practise("move off")
    sim.world.practise("fault none")
    sim.world.practise("connect all")


@pytest.fixture
def write(wire):
    """Write registers and wait for the acknowledgement."""

    def write(servo: int, address: int, *data: int) -> None:
        wire.send(servo, 3, bytes([address, *data]))
        reply = b""
        while len(reply) < 6:
            assert select.select([wire._fd], [], [], 2.0)[0], "no acknowledgement"
            reply += os.read(wire._fd, 6 - len(reply))

    return write


def answers(wire, servo, timeout_s=2.0) -> bool:
    try:
        return wire.read(servo, ID, 1, timeout_s) == bytes([servo])
    except AssertionError:
        return False


def test_a_changed_id_does_not_end_the_simulator(sim, wire, write):
    write(GRIPPER, LOCK, 0)
    write(GRIPPER, ID, 9)
    wire.read(9, ID, 1)
    sim.world.status()
    for _ in range(3):
        assert sim.world.reset(0, arm="home")["seed"] == 0  # which writes every goal register
    sim.check()
    write(9, ID, GRIPPER)
    assert wire.read(GRIPPER, ID, 1) == bytes([GRIPPER])


def test_servos_hear_the_speed_of_their_bus_alone(sim):
    assert not _core.ServiceBus("feetech", sim.port, 115_200, 50_000).ping(1)
    assert _core.ServiceBus("feetech", sim.port, 1_000_000, 500_000).ping(1)


def test_a_servo_in_wheel_mode_turns_until_its_speed_is_zero(wire, write, wait_until):
    write(ROLL, LOCK, 0)
    write(ROLL, MODE, 1)
    begin = wire.word(ROLL, wire.PRESENT)
    wire.sync_write(wire.SPEED, {ROLL: struct.pack("<H", 300)})
    write(ROLL, wire.TORQUE, 1)
    assert wait_until(lambda: wire.word(ROLL, wire.PRESENT) > begin + 200)
    wire.sync_write(wire.SPEED, {ROLL: struct.pack("<H", 300 | 1 << 15)})  # the other way round
    assert wait_until(lambda: wire.word(ROLL, wire.PRESENT) < begin + 100)
    wire.sync_write(wire.SPEED, {ROLL: b"\0\0"})
    write(ROLL, wire.TORQUE, 0)
    write(ROLL, MODE, 0)


def test_a_hand_moves_a_limp_joint_and_no_other(wire, practise, wait_until):
    before = wire.positions()
    assert "follow the hand" in practise("move wrist_roll 0.4 gripper 0.6")
    joint = SPEC.joints[ROLL - 1]
    goal = joint.zero_ticks + joint.sign * 0.4 * TICKS_PER_RAD
    assert wait_until(lambda: abs(wire.word(ROLL, wire.PRESENT) - goal) < 40)
    assert wire.positions()[1] == pytest.approx(before[1], abs=30)
    assert abs(wire.word(ROLL, wire.LOAD) & 0x3FF) == 0, "a limp servo measures no load"


def test_a_missing_servo_is_silent_until_it_is_connected(wire, practise):
    assert "silent" in practise("missing 4")
    assert not answers(wire, 4, timeout_s=0.5)
    assert answers(wire, 5)
    practise("connect all")
    assert answers(wire, 4)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("fly", "unknown command 'fly'; valid:\nmove JOINT"),
        ("move elbow 1", "no joint 'elbow'; joints: shoulder_pan"),
        ("move gripper", "sweep or off after move"),
        ("move gripper nan", "not to nan"),
        ("move gripper 9", "gripper turns from"),
        ("missing", "give joints or ids after missing"),
        ("missing 17", "no joint '17'"),
        ("fault lightning", "no fault 'lightning'; kinds: drop"),
        ("fault drop/0", "a whole number from 1"),
        ("fault drop/" + "9" * 100, "a whole number from 1"),
        ("x" * 300, "at most 200 characters"),
    ],
)
def test_nonsense_is_answered_with_what_is_valid(sim, line, complaint):
    with pytest.raises(SimulationError) as caught:
        sim.world.practise(line)
    assert complaint in str(caught.value)


def test_every_fault_that_is_offered_exists():
    servos = emulate([joint.id for joint in SPEC.joints], SPEC.motor_names)
    practice = Practice(SPEC, servos, Hand(SPEC))
    for kind in LINE_FAULTS:
        assert kind in practice.carry_out(f"fault {kind}:elbow_flex/3")
    for kind in ("overload", "overheat:2", "sag", "unplug:gripper", "none"):
        practice.carry_out(f"fault {kind}")
    servos.close()


def test_a_sweep_leads_every_joint_to_both_stops_and_torque_ends_it():
    hand = Hand(SPEC)
    position = np.array([joint.home_rad for joint in SPEC.joints])
    limp = ServoDrive(position, np.zeros(6))
    hand.sweep()
    assert hand.lifted
    seen = []
    for _ in range(round(90.0 / 0.05)):
        target, share = hand.take(position, limp, 0.05)
        assert np.abs(target - position).max() <= SPEED_RAD_S * 0.05 + 1e-9
        assert (share == 1.0).all()
        position = target
        seen.append(position)
    for j, joint in enumerate(SPEC.joints):
        track = np.array(seen)[:, j]
        assert (track.min(), track.max()) == pytest.approx((joint.lower_rad, joint.upper_rad), abs=1e-3)
    powered = ServoDrive(np.zeros(6), np.ones(6))
    target, share = hand.take(position, powered, 0.05)
    np.testing.assert_array_equal(target, np.zeros(6))
