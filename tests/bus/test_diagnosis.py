"""`motorium doctor --port`: every cause it knows, brought about on virtual servos, is named with its fix."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from families import ROBOTS

from motorium import doctor
from motorium._core import LatencySetting, ServoEmulator, ServoFault
from motorium.cli.doctor import command
from motorium.errors import BusError
from motorium.motors.diagnosis import BusTrouble, Finding, diagnose_latency, diagnose_port, udev_rule
from motorium.motors.emulated import emulate
from motorium.motors.ports import SerialPort
from motorium.motors.scan import scan
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec

PATIENT = {"patience_s": 0.03}
IDS = range(9)


def supply(robot: str) -> list[int]:
    """Right for every servo, in tenths of a volt."""
    motors = map(MotorSpec.load, RobotSpec.load(robot).motor_names)
    return [round(10 * motor.supply_v) for motor in motors]


def register(robot: str, place: int, name: str) -> int:
    """The address of a register of one joint's servo."""
    return MotorSpec.load(RobotSpec.load(robot).motor_names[place]).register(name).address


@pytest.fixture(params=ROBOTS.values())
def chain(request) -> Iterator[tuple[str, ServoEmulator]]:
    """Servos of a robot of each family."""
    spec = RobotSpec.load(request.param)
    emulator = emulate([joint.id for joint in spec.joints], spec.motor_names)
    n = len(spec.joints)
    emulator.update([2048] * n, [0] * n, [0] * n, supply(request.param))
    yield request.param, emulator
    emulator.close()


def report(chain: tuple[str, ServoEmulator], **options) -> doctor.BusReport:
    robot, emulator = chain
    protocol = RobotSpec.load(robot).bus.protocol
    options = {"bauds": (1_000_000,), "protocols": (protocol,), **PATIENT, **options}
    return doctor.check_bus(emulator.port, robot, IDS, **options)


def causes(found: doctor.BusReport) -> list[str]:
    return [str(finding.cause) for finding in found.findings]


def test_a_healthy_chain_has_no_findings(chain):
    found = report(chain)
    assert causes(found) == []
    assert found.scan is not None
    spec = RobotSpec.load(chain[0])
    assert [servo.id for servo in found.scan.servos] == [joint.id for joint in spec.joints]
    assert [servo.model for servo in found.scan.servos] == list(spec.motor_names)


def test_a_loose_cable_is_located(chain):
    before, behind = RobotSpec.load(chain[0]).joints[2:4]
    chain[1].unplug(behind.id)
    (finding,) = report(chain).findings
    assert finding.cause is BusTrouble.LOOSE_CABLE
    assert f"{before.name} (id {before.id})" in finding.detail
    assert f"from {before.name} to {behind.name}" in finding.fix


def test_no_power(chain):
    chain[1].unplug(1)
    (finding,) = report(chain).findings
    assert finding.cause is BusTrouble.NO_POWER
    assert "power" in finding.fix


def test_one_servo_with_another_id(chain):
    robot, emulator = chain
    emulator.poke(3, register(robot, 2, "id"), b"\x08")
    assert sorted(causes(report(chain))) == ["missing_servo", "stray_servo"]


def test_two_servos_with_one_id(chain):
    robot, emulator = chain
    n = len(supply(robot))
    emulator.update([1000 + 100 * i for i in range(n)], [0] * n, [0] * n, supply(robot))
    last = RobotSpec.load(robot).joints[-1].id
    emulator.poke(last - 1, register(robot, n - 2, "id"), bytes([last]))  # of the same model
    found = {str(finding.cause): finding for finding in report(chain).findings}
    assert "duplicate_id" in found
    assert "unplug all but one" in found["duplicate_id"].fix


def test_servos_that_listen_at_another_speed(chain):
    chain[1].set_baud(57_600)
    found = report(chain, bauds=(1_000_000, 57_600))
    assert set(causes(found)) == {"wrong_baud"}
    assert len(found.findings) == len(supply(chain[0]))
    assert "listens at 57600 baud, not 1000000" in found.findings[0].detail
    assert "set its speed to 1000000 baud" in found.findings[0].fix
    assert causes(report(chain)) == ["no_power"]  # where nobody looks, nobody is found


def test_a_noisy_line_is_not_called_a_duplicate(chain):
    chain[1].set_fault(ServoFault.CORRUPT, period=2)
    found = causes(report(chain))
    assert "noise" in found
    assert "duplicate_id" not in found


def test_a_supply_that_sags_or_is_too_high(chain):
    chain[1].set_condition(2, sag_dv=70)
    (low,) = report(chain).findings
    assert low.cause is BusTrouble.WRONG_SUPPLY
    assert "stronger supply" in low.fix
    chain[1].set_condition(2, sag_dv=-60)
    (high,) = report(chain).findings
    assert high.cause is BusTrouble.WRONG_SUPPLY
    assert "variant" in high.fix


def test_a_hot_servo(chain):
    chain[1].set_condition(2, overheat=True)
    assert causes(report(chain)) == ["hot"]


def test_the_wrong_robot():
    leader = RobotSpec.load("koch_leader")
    emulator = emulate([1, 2, 3, 4, 5, 6], leader.motor_names)
    emulator.update([2048] * 6, [0] * 6, [0] * 6, [50] * 6)
    found = causes(report(("koch_follower", emulator), protocols=("dynamixel",)))
    assert set(found) == {"wrong_model"}


def test_an_unknown_protocol_and_model_are_found():
    emulator = ServoEmulator([7], 4242)
    found = scan(emulator.port, bauds=(1_000_000,), ids=IDS, **PATIENT)
    (servo,) = found.servos
    assert (servo.id, servo.model_number, servo.model, servo.protocol) == (7, 4242, "", "feetech")
    assert servo.voltage_v is None


ADAPTER = SerialPort("/dev/ttyUSB0", "/dev/ttyUSB0", "FT4NOPE", "FTDI", usable=True, advice="")


def test_permission(monkeypatch, tmp_path):
    tty = tmp_path / "ttyACM0"
    tty.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = doctor.check_bus(str(tty))
    assert [str(finding.cause) for finding in found.findings] == ["permission"]
    assert "usermod" in found.findings[0].fix


def test_a_missing_udev_rule_and_its_text(monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: True)
    (finding,) = diagnose_port(ADAPTER)
    assert finding.cause is BusTrouble.UDEV_RULE
    assert "FT4NOPE" in finding.fix
    assert "udevadm" in finding.fix
    assert udev_rule(ADAPTER).count("latency_timer") == 1


def test_latency_timer():
    assert diagnose_latency(ADAPTER, SimpleNamespace(setting=LatencySetting.LOW, timer_ms=1)) == []
    (finding,) = diagnose_latency(ADAPTER, SimpleNamespace(setting=LatencySetting.REFUSED, timer_ms=16))
    assert finding.cause is BusTrouble.LATENCY_TIMER
    assert "16 ms" in finding.detail
    assert 'latency_timer}="1"' in finding.fix


def test_a_port_that_is_not_there():
    with pytest.raises(BusError, match="does not exist"):
        doctor.check_bus("/dev/ttyNONE")


def test_the_verb_prints_causes_and_sets_the_exit_code(chain, monkeypatch):
    robot, emulator = chain
    real = doctor.check_bus
    quick = {"bauds": (1_000_000,), **PATIENT}
    monkeypatch.setattr(doctor, "check_bus", lambda *args: real(*args, **quick))
    arguments = ["--port", emulator.port, "--robot", robot, "--ids", "1-6"]
    good = CliRunner().invoke(command, arguments)
    assert good.exit_code == 0, good.output
    assert "nothing wrong" in good.output
    emulator.unplug(RobotSpec.load(robot).joints[-1].id)
    bad = CliRunner().invoke(command, [*arguments, "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["findings"][0]["cause"] == "loose_cable"


def test_findings_are_plain_values():
    assert Finding(BusTrouble.HOT, "b", "c").as_dict() == {"cause": "hot", "detail": "b", "fix": "c"}
