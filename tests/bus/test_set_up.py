"""New servos get their ids and speed, one at a time; every way in which that can go wrong is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from families import ROBOTS

from motorium.cli.main import main
from motorium.errors import BusError, SpecError
from motorium.motors import set_up as set_ups
from motorium.motors.bauds import baud_code
from motorium.motors.diagnosis import Expected, expected_servos
from motorium.motors.emulated import connect_only, emulate, make_factory_new
from motorium.motors.set_up import ServoSetUp
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec
from motorium.specs.servo_family import FAMILIES

PAN, GRIPPER = 0, 5


class NewArm:
    """Six servos in a box, and what a person does with their cables."""

    def __init__(self, robot: str) -> None:
        self.spec = RobotSpec.load(robot)
        self.motors = [MotorSpec.load(name) for name in self.spec.motor_names]
        self.servos = emulate([joint.id for joint in self.spec.joints], self.spec.motor_names)
        make_factory_new(self.servos, self.spec.motor_names)
        self.connect()

    def connect(self, *places: int) -> None:
        n = len(self.motors)
        connect_only(self.servos, places, n)
        self.servos.update([100, 700, 1400, 2000, 2600, 3200][:n], [0] * n, [0] * n)

    def set_up(self, *speeds: int) -> ServoSetUp:
        """`speeds` are asked beside those of the arm and of new servos; all would take a second each time."""
        made = ServoSetUp(self.servos.port, expected_servos(self.spec), self.spec.bus.baud)
        made._rest = [57_600, *speeds]
        return made

    def value(self, place: int, name: str) -> int:
        register = self.motors[place].register(name)
        return register.decode(self.servos.table(place)[register.address : register.address + register.size])

    def program(self, place: int, name: str, value: int) -> None:
        register = self.motors[place].register(name)
        self.servos.program(place, register.address, register.encode(value))


@pytest.fixture(autouse=True)
def few_ids(monkeypatch):
    """A whole scan asks 253 ids at eight speeds; on a busy machine a virtual servo may take longer than a real one."""
    monkeypatch.setattr(set_ups, "ALL_IDS", range(12))
    monkeypatch.setattr(set_ups, "PATIENCE_S", 0.015)


@pytest.fixture
def so101():
    arm = NewArm("so101")
    yield arm
    arm.servos.close()


@pytest.fixture
def koch():
    arm = NewArm("koch_follower")
    yield arm
    arm.servos.close()


def give_next(set_up: ServoSetUp) -> str:
    entry, servo = set_up.choose(set_up.glance())
    set_up.give(entry, servo)
    return entry.joint


@pytest.mark.parametrize("robot", ROBOTS.values())
def test_an_arm_of_new_servos_comes_to_work(robot):
    arm = NewArm(robot)
    set_up, n = arm.set_up(), len(arm.motors)
    for place in reversed(range(1, n)):
        arm.connect(*range(place, n))  # those that have their id stay connected
        assert give_next(set_up) == arm.spec.joint_names[place]
    arm.connect(*range(n))
    if set_up.pending(set_up.glance()):  # a new Feetech servo has the id and speed of the first joint already
        assert give_next(set_up) == arm.spec.joint_names[0]
    survey = set_up.glance()
    assert set_up.pending(survey) == []
    assert not survey.new
    arm.servos.power_cycle()  # what was not kept in EEPROM is gone now
    for place, joint in enumerate(arm.spec.joints):
        assert arm.value(place, "id") == joint.id
        assert arm.value(place, "baud_rate") == baud_code(arm.motors[place].protocol, arm.spec.bus.baud)
        assert arm.motors[place].registers.get("lock") is None or arm.value(place, "lock") == 1
    arm.servos.close()


def test_two_new_servos_at_once_are_refused_and_nothing_is_written(so101):
    so101.connect(4, 5)
    set_up = so101.set_up()
    with pytest.raises(BusError, match=r"several servos with this id .* one new servo at a time"):
        set_up.choose(set_up.glance())
    assert [so101.value(place, "id") for place in (4, 5)] == [1, 1]


def test_two_servos_with_different_ids_are_refused(koch):
    koch.program(4, "id", 9)
    koch.connect(4, 5)
    set_up = koch.set_up()
    with pytest.raises(BusError, match=r"2 servos without a joint .*id 1 at 57600 baud, id 9 at 57600"):
        set_up.choose(set_up.sort(set_up.scan().servos))


def test_an_id_in_use_is_refused(so101):
    set_up = so101.set_up()
    so101.connect(GRIPPER)
    assert give_next(set_up) == "gripper"
    so101.connect(4, GRIPPER)
    with pytest.raises(BusError, match="id 6 is in use"):
        set_up.choose(set_up.glance(), "gripper")
    assert so101.value(4, "id") == 1


def test_a_servo_of_another_model_is_named(koch):
    koch.connect(PAN)  # an XL430 where the gripper's XL330 belongs
    set_up = koch.set_up()
    with pytest.raises(BusError, match=r"gripper needs a xl330_m288 .* connected is xl430_w250"):
        set_up.choose(set_up.glance())


def test_a_set_up_that_was_broken_off_goes_on_where_it_was(so101):
    so101.program(GRIPPER, "id", 6)  # done
    so101.program(3, "id", 4)  # broken off between id and speed
    so101.program(3, "baud_rate", baud_code("feetech", 115_200))
    so101.connect(3, GRIPPER)
    set_up = so101.set_up(115_200)
    survey = set_up.glance()
    assert list(survey.done) == ["gripper"]
    entry, servo = set_up.choose(survey)
    assert (entry.joint, servo.baud) == ("wrist_flex", 115_200)
    set_up.give(entry, servo)
    assert list(set_up.glance().done) == ["wrist_flex", "gripper"]


def test_a_servo_with_a_foreign_id_is_found_by_the_whole_scan(so101):
    so101.program(GRIPPER, "id", 11)
    so101.program(GRIPPER, "baud_rate", baud_code("feetech", 38_400))
    so101.connect(GRIPPER)
    set_up = so101.set_up(38_400)
    entry, servo = set_up.choose(set_up.look())
    assert (entry.joint, servo.id, servo.baud) == ("gripper", 11, 38_400)
    set_up.give(entry, servo)
    assert so101.value(GRIPPER, "id") == 6


def test_a_servo_under_torque_is_refused(so101):
    so101.connect(GRIPPER)
    so101.program(GRIPPER, "torque_enable", 1)
    set_up = so101.set_up()
    with pytest.raises(BusError, match="servo 1 has torque: switch its power off"):
        set_up.give(*set_up.choose(set_up.glance()))


def test_a_speed_that_no_such_servo_has_is_refused():
    with pytest.raises(SpecError, match="feetech servos cannot be set to 2000000 baud; valid: 1000000"):
        ServoSetUp("/dev/null", [Expected("gripper", 6, "sts3215")], 2_000_000)


def run(*words: str, typed: str = ""):
    return CliRunner().invoke(main, ["setup-motors", *words], input=typed)


@pytest.fixture
def few_speeds(monkeypatch):
    """Two of the eight of Feetech's servos, for a verb, which asks all."""
    family = FAMILIES["feetech"]
    rates = {rate: family.baud_codes[rate] for rate in (1_000_000, 57_600)}
    monkeypatch.setattr(set_ups, "FAMILIES", {"feetech": replace(family, baud_codes=rates)})


def test_every_speed_that_such_servos_can_have_is_asked():
    made = ServoSetUp("/dev/null", [Expected("gripper", 6, "sts3215")], 1_000_000)
    assert {made.baud, *made._rest} == set(FAMILIES["feetech"].baud_codes)


@pytest.mark.usefixtures("few_speeds")
def test_the_verb_sets_up_one_servo_for_a_script(so101):
    so101.connect(2)
    done = run("so101", "--port", so101.servos.port, "--joint", "elbow_flex", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["found_ids"] == [1]
    assert told["given"] == [{"joint": "elbow_flex", "id": 3, "was_id": 1, "was_baud": 1_000_000}]
    assert told["pending"] == ["gripper", "wrist_roll", "wrist_flex", "shoulder_lift", "shoulder_pan"]
    assert so101.value(2, "id") == 3


@pytest.mark.usefixtures("few_speeds")
def test_the_verb_shows_the_bus_asks_and_says_what_is_wrong(so101):
    so101.connect(1, GRIPPER)
    done = run("so101", "--port", so101.servos.port, typed="\nq\n")
    assert done.exit_code == 0, done.output
    assert "several servos with this id" in done.output
    assert done.output.count("Connect the servo of gripper (sts3215, becomes id 6)") == 2


@pytest.mark.parametrize(
    ("robot", "remedy"),
    [
        ("sim:so101", "motorium sim so101 --factory-new"),
        ("bi_so101_follower", "set up each arm on its own port"),
    ],
)
def test_the_verb_names_the_way_for_what_it_does_not_set_up(robot, remedy):
    done = run(robot, "--port", "/dev/null")
    assert done.exit_code == 2
    assert remedy in done.output
