"""Motors are data: what ships is right, what contradicts itself is refused with the valid choices."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motorium import _core
from motorium.errors import BusError, SpecError
from motorium.motors.bus_errors import bus_errors
from motorium.robots.bus import bus_config
from motorium.specs import servo as motor_spec
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec
from motorium.specs.zero import JointZero

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STS = MotorSpec.load("sts3215")
TABLE = tomllib.loads((motor_spec.DATA / "sts3215.toml").read_text())


def changed(**edits):
    table = copy.deepcopy(TABLE)
    for path, value in edits.items():
        *parents, last = path.split("__")
        target = table
        for key in parents:
            target = target[int(key)] if isinstance(target, list) else target[key]
        target[last] = value
    return table


def test_declared_registers_match_the_virtual_servo(emulator):
    factory = emulator.registers(4)

    def value(name: str) -> int:
        register = STS.registers[name]
        return register.decode(factory[register.address : register.address + register.size])

    assert value("model_number") == STS.model_number == 777
    assert value("id") == 4
    assert value("max_position") == STS.ticks_per_turn - 1
    assert value("torque_limit") == value("max_torque") == 1000
    assert value("present_position") == 2048
    assert value("present_voltage") == 74


@given(st.integers(-40_000, 70_000))
def test_registers_round_trip_or_refuse(value):
    for register in STS.registers.values():
        most = 2 ** (register.sign_bit or 8 * register.size) - 1
        if (-most if register.sign_bit else 0) <= value <= most:
            assert register.decode(register.encode(value)) == value
        else:
            with pytest.raises(ValueError, match=register.name):
                register.encode(value)


def test_bytes_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"2 bytes, not 1"):
        STS.register("present_position").decode(b"\x00")


def test_faults_have_names():
    assert STS.fault_names(0) == ()
    assert STS.fault_names(0b0010_0100) == ("temperature", "overload")
    assert STS.fault_names(0b1000_0001) == ("voltage", "bit 7")


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"schema": 2}, "this version reads schema 1"),
        ({"colour": "red"}, "unknown key 'colour'.*valid keys: .*model_number"),
        ({"protocol": "canbus"}, "valid choices: feetech, dynamixel"),
        ({"ticks_per_turn": "many"}, "must be a int"),
        ({"model_number": 0}, "must be positive"),
        ({"registers__lock__address": 54.5}, "must be a int"),
        ({"registers__lock__address": 56}, "'present_position' overlaps 'lock' at address 56"),
        ({"registers__lock__address": 256}, "outside 0..255"),
        ({"registers__lock__size": 3}, "valid choices: 1, 2, 4"),
        ({"registers__present_load__signed": True}, "signed in two ways"),
        ({"registers__lock__access": "w"}, "valid choices: r, rw"),
        ({"registers__lock__sign_bit": 8}, "sign_bit 8 is outside"),
        ({"registers__lock__eeprom": 1}, "must be a bool"),
        ({"registers__lock__name": "lock"}, "unknown key 'name'"),
        ({"registers": []}, "needs the tables"),
        ({"faults__voltage": 8}, "outside 0..7"),
        ({"settings__0__register": "speed"}, "no register 'speed'; valid: .*torque_limit"),
        ({"settings__0__register": "status"}, "read-only"),
        ({"settings__0__value": 300}, "takes 0..255, not 300"),
        ({"settings__0__role": "thumb"}, "valid choices: any, body, gripper"),
        ({"settings": [3]}, "must be a table"),
    ],
    ids=str,
)
def test_contradictions_are_refused(edits, message):
    with pytest.raises(SpecError, match=message):
        motor_spec.parse(changed(**edits))


def test_missing_keys_are_listed():
    table = changed()
    del table["model_number"], table["protocol"]
    with pytest.raises(SpecError, match=r"lacks model_number, protocol; valid keys"):
        motor_spec.parse(table)


def test_unknown_motor_and_broken_file(tmp_path):
    with pytest.raises(SpecError, match=r"no motor 'sts9999'; known motors: .*sts3215"):
        MotorSpec.load("sts9999")
    broken = tmp_path / "broken.toml"
    broken.write_text("model = ")
    with pytest.raises(SpecError, match=r"broken.toml is not valid TOML"):
        MotorSpec.load(broken)


def test_robot_becomes_bus_configuration():
    robot = RobotSpec.load("so101")
    config = bus_config(robot)
    assert config.family == "feetech"
    assert [joint.id for joint in config.joints] == [1, 2, 3, 4, 5, 6]
    assert {joint.model_number for joint in config.joints} == {777}
    assert config.joints[0].ticks_per_rad == pytest.approx(651.8986)
    limit = STS.register("torque_limit").address
    limits = {s.joint: s.value for s in config.settings if s.address == limit}
    for i, joint in enumerate(robot.joints):
        assert limits[i] >= 1000 * joint.max_effort  # the gate acts before the servo does
        assert limits[i] <= 1000
    guarded = {s.joint for s in config.settings if s.address == STS.register("protection_current").address}
    assert guarded == {5}  # the gripper alone


def test_calibrated_zeros_take_the_place_of_nominal_ones():
    robot = RobotSpec.load("so101")
    config = bus_config(robot, [JointZero(2000.0 + i, -1) for i in range(6)])
    assert [joint.zero_ticks for joint in config.joints] == [2000, 2001, 2002, 2003, 2004, 2005]
    assert [joint.sign for joint in config.joints] == [-1] * 6
    with pytest.raises(ValueError, match=r"1 zeros for the 6 joints of so101"):
        bus_config(robot, [JointZero(2000.0, 1)])


def test_core_errors_become_motorium_errors():
    with pytest.raises(BusError, match=r"does not exist"), bus_errors():
        _core.ServiceBus("feetech", "/dev/ttyNONE")


def test_one_joint_may_have_registers_of_its_own():
    robot = RobotSpec.load("koch_follower")
    config = bus_config(robot)
    elbow = robot.joint_names.index("elbow_flex")
    gains = {s.joint: s.value for s in config.settings if s.address == 84}
    assert gains == {elbow: 1500}
    with_own = [replace(joint, settings=(("goal_pwm", 900_000),)) for joint in robot.joints]
    with pytest.raises(SpecError, match=r"shoulder_pan: goal_pwm takes -32768..32767, not 900000"):
        bus_config(replace(robot, joints=tuple(with_own)))
    read_only = [replace(joint, settings=(("present_position", 1),)) for joint in robot.joints]
    with pytest.raises(SpecError, match=r"xl430_w250 has no writable present_position"):
        bus_config(replace(robot, joints=tuple(read_only)))


def test_mixed_models_share_a_bus_and_others_are_refused():
    robot = RobotSpec.load("koch_follower")
    config = bus_config(robot)
    assert [joint.model_number for joint in config.joints] == [1060, 1060, 1200, 1200, 1200, 1200]
    assert [joint.effort_full_scale for joint in config.joints] == [1000, 1000, 1470, 1470, 1470, 1470]
    assert config.watchdog_units == 25
    mixed = tuple(replace(joint, motor="sts3215") for joint in robot.joints[:1]) + robot.joints[1:]
    with pytest.raises(SpecError, match=r"sts3215, which speaks feetech; its bus speaks dynamixel"):
        bus_config(replace(robot, joints=mixed))
    limp = tuple(replace(joint, passive=True) for joint in RobotSpec.load("so101").joints)
    with pytest.raises(SpecError, match=r"no passive joints on a feetech bus"):
        bus_config(replace(RobotSpec.load("so101"), joints=limp))


@pytest.mark.parametrize("name", motor_spec.names())
@given(value=st.integers(-(2**33), 2**33))
def test_registers_of_every_motor_round_trip_or_refuse(name, value):
    for register in MotorSpec.load(name).registers.values():
        try:
            data = register.encode(value)
        except ValueError:
            continue
        assert len(data) == register.size
        assert register.decode(data) == value
