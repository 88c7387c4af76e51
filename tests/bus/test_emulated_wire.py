"""Servos on a virtual wire: their own speeds, cables of single servos, ids that two have, wheel mode."""

from __future__ import annotations

import pytest
from families import ROBOTS

from motorium import _core
from motorium.motors.bauds import baud_code, factory_baud
from motorium.motors.emulated import assemble, connect_only, emulate, make_factory_new
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec
from motorium.specs.servo_family import SCANNED

WHEEL = {"feetech": -300, "dynamixel": round(-300 * 0.229 * 4096 / 60)}
"""Of servos with a wheel mode: a goal velocity of -300 in ticks per second. Dynamixel X counts 0.229 turns a minute."""


@pytest.fixture(params=SCANNED)
def motors(request):
    """Motors of the first three joints of a family's robot; of Dynamixel two models."""
    named = RobotSpec.load(ROBOTS[request.param]).motor_names
    return [named[0], named[-1], named[-1]]


@pytest.fixture
def servos(motors):
    chain = emulate([1, 2, 3], motors)
    chain.update([100, 2000, 3000], [0] * 3, [0] * 3)
    yield chain
    chain.close()


def link(servos, motors, baud):
    return _core.ServiceBus(MotorSpec.load(motors[0]).protocol, servos.port, baud, 20_000, fresh=False)


def test_a_servo_answers_at_its_own_speed_alone(servos, motors):
    assemble(servos, motors, 1_000_000)
    for baud, answers in ((115_200, False), (1_000_000, True), (57_600, False)):
        assert [link(servos, motors, baud).ping(i) for i in (1, 2, 3)] == [answers] * 3


def test_a_changed_speed_counts_at_once_and_after_a_power_cycle(servos, motors):
    assemble(servos, motors, 1_000_000)
    spec = MotorSpec.load(motors[0])
    bus = link(servos, motors, 1_000_000)
    if "lock" in spec.registers:
        assert bus.configure(2, spec.register("lock").address, b"\0")
    code = baud_code(spec.protocol, 115_200)
    assert bus.configure(2, spec.register("baud_rate").address, bytes([code]))
    assert [bus.ping(i) for i in (1, 2, 3)] == [True, False, True]
    del bus
    servos.power_cycle()
    assert [link(servos, motors, 115_200).ping(i) for i in (1, 2, 3)] == [False, True, False]


def test_new_servos_answer_over_each_other_and_one_alone_does_not(servos, motors):
    make_factory_new(servos, motors)
    spec = MotorSpec.load(motors[0])
    baud = factory_baud(spec.protocol)
    position = spec.register("present_position")
    bus = link(servos, motors, baud)
    assert bus.read(1, position.address, 6) is None  # two bytes could be an echo of the request
    assert bus.counters().crc_errors > 0
    connect_only(servos, [1], 3)
    assert bus.ping(1)
    assert not bus.ping(2)
    servos.update([100, 2000, 3000], [0] * 3, [0] * 3)
    assert position.decode(bus.read(1, position.address, position.size)) == 2000


def test_a_missing_servo_is_silent_and_those_behind_it_are_not(servos, motors):
    servos.connect(1, on=False)
    bus = link(servos, motors, 1_000_000)
    assert [bus.ping(i) for i in (1, 2, 3)] == [True, False, True]
    servos.connect(1, on=True)
    assert bus.ping(2)


def test_in_wheel_mode_a_servo_is_told_a_signed_speed(servos, motors):
    spec = MotorSpec.load(motors[0])
    if spec.protocol not in WHEEL:
        return
    mode, speed = spec.register("operating_mode"), spec.register("goal_velocity")
    assert not servos.goals().turning.any()
    servos.program(1, mode.address, mode.encode(1))
    servos.program(1, speed.address, speed.encode(-300))
    goals = servos.goals()
    assert goals.turning.tolist() == [False, True, False]
    assert goals.turn_speed_ticks_s[1] == WHEEL[spec.protocol]


def test_places_outside_the_chain_are_refused(servos):
    for call in (
        lambda: servos.table(3),
        lambda: servos.program(3, 5, b"\1"),
        lambda: servos.connect(3, on=True),
    ):
        with pytest.raises(IndexError, match="place 3"):
            call()
