"""USB serial numbers that tell nothing choose no zeros: a second arm never moves by those of the first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial.tools.list_ports
from click.testing import CliRunner

from motorium._core import ServoEmulator
from motorium.cli.main import main
from motorium.doctor import check_serial
from motorium.errors import CalibrationError
from motorium.motors.ports import adapter_serial, list_ports, shared_name, usb_path
from motorium.robots import calibration as store
from motorium.robots.arm_calibrations import find_calibration
from motorium.robots.bus import bus_config, open_joints
from motorium.robots.calibration import Calibration
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.specs.zero import JointZero
from motorium.usb import is_placeholder

SPEC = RobotSpec.load("so101")
PAIR = RobotSpec.load("bi_so101_follower")
Plug = Callable[..., None]


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plug:
    """Plugs adapters in, as (device, serial number, USB path), instead of what this machine has."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("motorium.motors.ports.permission_advice", lambda _device: "")

    def present(*adapters: tuple[str, str | None, str | None]) -> None:
        ports = [
            SimpleNamespace(
                device=device,
                serial_number=number,
                location=place,
                manufacturer="Silicon Labs",
                product="CP2102",
                description="",
                hwid="USB VID:PID=10C4:EA60",
            )
            for device, number, place in adapters
        ]
        monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: ports)

    return present


def calibrated(port: str, name: str, robot: str = "so101", zero: float = 2000.0) -> None:
    """As `motorium calibrate` leaves an arm on `port`."""
    spec = RobotSpec.load(robot)
    nominal = Calibration.nominal(spec)
    joints = {joint: replace(place, zero_ticks=zero) for joint, place in nominal.joints.items()}
    made = replace(nominal, joints=joints, adapter=adapter_serial(port), usb_path=usb_path(port))
    made.save(store.directory() / f"{name}.json")


def zero_on(port: str) -> float:
    return Calibration.of_adapter(port, SPEC).joints["gripper"].zero_ticks


@pytest.mark.parametrize("number", ["0001", "000000000000", "", "0123456789ABCDEF", "AC5F-9911", None])
def test_of_two_adapters_alike_the_second_gets_nothing_of_the_first(plug: Plug, number: str | None) -> None:
    plug(("/dev/ttyUSB0", number, "1-1.2"), ("/dev/ttyUSB1", number, "1-1.3"))
    assert adapter_serial("/dev/ttyUSB0") is None
    calibrated("/dev/ttyUSB0", "so101", zero=1900.0)
    assert zero_on("/dev/ttyUSB0") == 1900.0, "its cable is where it was"
    with pytest.raises(CalibrationError, match=r"made on USB path 1-1\.2.*is on 1-1\.3.*--calibration so101"):
        Robot.open("so101", port="/dev/ttyUSB1")
    calibrated("/dev/ttyUSB1", "second", zero=2100.0)
    assert (zero_on("/dev/ttyUSB0"), zero_on("/dev/ttyUSB1")) == (1900.0, 2100.0)


def test_a_moved_cable_asks_and_a_name_answers(plug: Plug) -> None:
    plug(("/dev/ttyUSB0", "0001", "1-1.2"))
    calibrated("/dev/ttyUSB0", "bench")
    plug(("/dev/ttyUSB0", "0001", "1-1.4"))
    with pytest.raises(CalibrationError, match=r"known: bench.*the serial number 0001 .*--calibration"):
        Calibration.of_adapter("/dev/ttyUSB0", SPEC)
    assert find_calibration("bench", "/dev/ttyUSB0", SPEC).joints["gripper"].zero_ticks == 2000.0


def test_a_number_of_its_own_follows_the_arm_through_all_sockets(plug: Plug) -> None:
    plug(("/dev/ttyACM0", "58CD177682", "1-1.2:1.0"), ("/dev/ttyACM1", "5A68012345", "1-1.3:1.0"))
    calibrated("/dev/ttyACM0", "left", zero=1900.0)
    calibrated("/dev/ttyACM1", "right", zero=2100.0)
    plug(("/dev/ttyACM0", "5A68012345", "1-1.2:1.0"), ("/dev/ttyACM1", "58CD177682", "1-1.3:1.0"))
    assert (zero_on("/dev/ttyACM0"), zero_on("/dev/ttyACM1")) == (2100.0, 1900.0)


def test_a_twin_that_appears_later_takes_the_choice_away_from_the_number(plug: Plug) -> None:
    plug(("/dev/ttyUSB0", "AC5F9911", "1-1.2"))
    calibrated("/dev/ttyUSB0", "so101", zero=1900.0)
    plug(("/dev/ttyUSB0", "AC5F9911", "1-1.2"), ("/dev/ttyUSB1", "AC5F9911", "1-1.3"))
    assert zero_on("/dev/ttyUSB0") == 1900.0
    with pytest.raises(CalibrationError, match="does not tell adapters apart"):
        Calibration.of_adapter("/dev/ttyUSB1", SPEC)


def test_exchanged_cables_are_told_by_what_the_servos_keep(plug: Plug) -> None:
    ids = [joint.id for joint in SPEC.joints]
    with contextlib.closing(ServoEmulator(ids)) as one, contextlib.closing(ServoEmulator(ids)) as other:
        plug((one.port, "0001", "1-1.2"), (other.port, "0001", "1-1.3"))
        for servos, name, offset in ((one, "one", 100), (other, "other", -200)):
            joints = {joint.name: JointZero(2000.0, 1, offset) for joint in SPEC.joints}
            open_joints(servos.port, bus_config(SPEC, list(joints.values())))  # writes the offsets
            made = replace(Calibration.nominal(SPEC), joints=joints, usb_path=usb_path(servos.port))
            made.save(store.directory() / f"{name}.json")
        assert Calibration.of_adapter(one.port, SPEC).joints["gripper"].homing_offset == 100
        plug((one.port, "0001", "1-1.3"), (other.port, "0001", "1-1.2"))
        with pytest.raises(
            CalibrationError, match=r"gripper keeps the offset 100, the calibration -200.*swapped"
        ):
            Robot.open("so101", port=one.port)
        assert find_calibration("one", one.port, SPEC).joints["gripper"].homing_offset == 100


def test_four_ports_of_one_adapter_are_four_arms(plug: Plug) -> None:
    """An FT4232H has one serial number and four buses."""
    ports = [(f"/dev/ttyUSB{i}", "FT6S9QXZ", f"1-1.2:1.{i}") for i in range(4)]
    plug(*ports)
    for i, (device, _, _) in enumerate(ports):
        calibrated(device, f"arm{i}", zero=2000.0 + i)
    assert [zero_on(device) for device, _, _ in ports] == [2000.0, 2001.0, 2002.0, 2003.0]


def test_a_placeholder_in_a_calibration_of_before_selects_nothing(plug: Plug) -> None:
    plug(("/dev/ttyUSB1", "0001", "1-1.3"))
    old = replace(Calibration.nominal(SPEC), adapter="0001")
    old.save(store.directory() / "so101.json")
    with pytest.raises(CalibrationError, match=r"adapter 0001, but the serial number 0001 does not tell"):
        Calibration.of_adapter("/dev/ttyUSB1", SPEC)
    replace(old, adapter=None).save(store.directory() / "so101.json")  # made without any: as it always was
    assert Calibration.of_adapter("/dev/ttyUSB1", SPEC).robot == "so101"


def test_an_exchanged_leader_is_told_by_its_socket_too(plug: Plug) -> None:
    plug(("/dev/ttyUSB0", "0001", "1-1.2"), ("/dev/ttyUSB1", "0001", "1-1.3"))
    calibrated("/dev/ttyUSB0", "so101")
    calibrated("/dev/ttyUSB1", "so101_leader", robot="so101_leader")
    with pytest.raises(
        CalibrationError,
        match=r"USB path 1-1\.3 on /dev/ttyUSB1 belongs to so101_leader, not to so101: .*exchang",
    ):
        Calibration.of_adapter("/dev/ttyUSB1", SPEC)


def test_two_arms_of_one_robot_never_share_zeros(plug: Plug) -> None:
    ports = "left=/dev/ttyUSB0,right=/dev/ttyUSB1"
    plug(("/dev/ttyUSB0", None, None), ("/dev/ttyUSB1", None, None))
    calibrated("/dev/ttyUSB0", "so101", zero=1900.0)
    calibrated("/dev/ttyUSB1", "other", zero=2100.0)
    with pytest.raises(
        CalibrationError, match=r"left and right arm would both.*--calibration left=NAME,right=NAME"
    ):
        find_calibration(None, ports, PAIR)
    named = find_calibration("left=so101,right=other", ports, PAIR)
    assert named.joints["left_gripper"].zero_ticks == 1900.0
    assert named.joints["right_gripper"].zero_ticks == 2100.0
    with pytest.raises(CalibrationError, match="needs a calibration for each arm"):
        find_calibration("left=so101", ports, PAIR)


def test_a_name_made_of_a_shared_number_is_given_to_no_port(plug: Plug, tmp_path: Path) -> None:
    """udev's by-id links collide then: whichever adapter came last has the name."""
    plug(("/dev/ttyUSB0", "0001", "1-1.2"), ("/dev/ttyUSB1", "0001", "1-1.3"))
    for folder, names in (("by-id", ["CP2102_0001"]), ("by-path", ["usb-0:1.2", "usb-0:1.3"])):
        (tmp_path / folder).mkdir()
        for i, name in enumerate(names):
            (tmp_path / folder / name).symlink_to(f"/dev/ttyUSB{i}")
    found = [port.device for port in list_ports(tmp_path / "by-id", tmp_path / "by-path")]
    assert found == [str(tmp_path / "by-path" / name) for name in ("usb-0:1.2", "usb-0:1.3")]
    assert "serial numbers that several adapters share: /dev/ttyUSB0 (0001), " in check_serial().detail
    shown = CliRunner().invoke(main, ["ports"]).output
    assert "(0001)" in shown
    assert "1-1.3" in shown


def test_such_a_name_opens_no_arm(plug: Plug, tmp_path: Path) -> None:
    name = tmp_path / "usb-CP2102_0001-if00"
    name.symlink_to("/dev/ttyUSB1")
    plug(("/dev/ttyUSB1", "0001", "1-1.3"))
    assert shared_name(str(name), tmp_path) == []
    plug(("/dev/ttyUSB0", "0001", "1-1.2"), ("/dev/ttyUSB1", "0001", "1-1.3"))
    assert shared_name(str(name), tmp_path) == ["/dev/ttyUSB0", "/dev/ttyUSB1"]
    plug(("/dev/ttyUSB0", "FT6S9QXZ", "1-1.2:1.0"), ("/dev/ttyUSB1", "FT6S9QXZ", "1-1.2:1.1"))
    assert shared_name(str(name), tmp_path) == [], (
        "one adapter, whose names end in the number of the interface"
    )


def test_the_second_arm_does_not_replace_the_file_of_the_first(plug: Plug) -> None:
    plug(("/dev/ttyUSB0", "0001", "1-1.2"), ("/dev/ttyUSB1", "0001", "1-1.3"))
    calibrated("/dev/ttyUSB0", "so101")
    result = CliRunner().invoke(main, ["calibrate", "so101", "--port", "/dev/ttyUSB1", "--yes"])
    assert result.exit_code == 2
    assert (
        "the arm on USB path 1-1.2: give the one on /dev/ttyUSB1 a name of its own (--name)" in result.output
    )


@pytest.mark.parametrize(
    "number", ["SN0001", "1234567890", "FFFFFFFF", "n/a", "To be filled by O.E.M.", None, "  "]
)
def test_what_makers_write_who_number_nothing(number: str | None) -> None:
    assert is_placeholder(number)


@pytest.mark.parametrize("number", ["58CD177682", "A7", "AB0KLM3F", "00012F", "FT6S9QXZ", "1024"])
def test_numbers_that_are_somebodys_own(number: str) -> None:
    assert not is_placeholder(number)
