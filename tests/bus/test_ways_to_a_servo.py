"""Every way to write to a servo, and what guards it: a new one has to be decided on here and in docs/safety.md."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest
from dynamixel_arm import make_config as dynamixel_config
from servo_arm import make_config as feetech_config

from motorium import _core
from motorium.errors import SpecError
from motorium.robots.bus import bus_config, servo_settings
from motorium.specs.joint import JointSpec
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec, Register, Setting
from motorium.specs.zero import JointZero

SAFETY = Path(__file__).parents[2] / "docs" / "safety.md"
READING = {"ping", "read", "sync_read", "counters", "latency", "read_state", "fast"}
WAYS = {
    "ServiceBus": {"configure", "reboot"},
    "FeetechBus": {"write_goal", "set_torque"},
    "DynamixelBus": {"write_goal", "set_torque", "reboot"},
}
"""Class -> what it can write with. FeetechBus and DynamixelBus are unguarded; no public name leads to them."""
BEHIND_THE_GATE = {"Robot"}
OPENS_ONE_OF_THEM = {"open_bus"}
"""Functions: they give FeetechBus or DynamixelBus, by the family that a robot's configuration names."""


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def opening_ports() -> set[str]:
    """Classes of the core that are made on serial ports, and functions that take one."""
    made_by = {
        name: found.__init__.__doc__ if inspect.isclass(found) else found.__doc__
        for name, found in vars(_core).items()
        if inspect.isclass(found) or inspect.isroutine(found)
    }
    return {
        name for name, text in made_by.items() if re.search(r"\bports?: [\w.]*(str|Sequence)", text or "")
    }


def test_every_class_that_opens_a_port_is_decided_on():
    assert opening_ports() == set(WAYS) | BEHIND_THE_GATE | OPENS_ONE_OF_THEM
    for name, writing in WAYS.items():
        assert public(getattr(_core, name)) - READING == writing


def test_the_documentation_names_each_way():
    text = SAFETY.read_text(encoding="utf-8")
    assert [
        name
        for name in [*WAYS, *BEHIND_THE_GATE, *OPENS_ONE_OF_THEM, "Relay", "ServoSetting"]
        if f"`{name}" not in text
    ] == []


def test_no_goal_is_made_without_a_gate():
    with pytest.raises(TypeError, match="No constructor"):
        _core.GatedGoal()
    makers = [
        f"{name}.{method}"
        for name, cls in vars(_core).items()
        if inspect.isclass(cls)
        for method in public(cls)
        if "-> tuple[motorium._core.GatedGoal" in (getattr(cls, method).__doc__ or "")
        or "-> motorium._core.GatedGoal" in (getattr(cls, method).__doc__ or "")
    ]
    assert makers == ["SafetyGate.apply"]


FEETECH_KEPT = [33, *range(40, 48), *range(49, 55), *range(56, 256)]


def test_a_lock_is_opened_and_closed_and_takes_no_other_value(emulator):
    raw = _core.ServiceBus("feetech", emulator.port, reply_margin_us=300_000)
    limit = emulator.registers(1)[48:50]
    for address in (48, 55):  # of the SCS series; of the others
        assert raw.configure(1, address, b"\x00")
        assert raw.configure(1, address, b"\x01")
        for data in (b"\x02", b"\xff", b"\x00\x03"):
            with pytest.raises(ValueError, match="what moves a motor"):
                raw.configure(1, address, data)
    after = emulator.registers(1)[48:50]
    assert int.from_bytes(after, "little") <= int.from_bytes(limit, "little") + 1


@pytest.mark.parametrize("size", [1, 2, 4])
def test_raw_feetech_writes_touch_nothing_that_moves(emulator, size):
    raw = _core.ServiceBus("feetech", emulator.port, reply_margin_us=300_000)
    before = emulator.registers(1)
    for address in {at - k for at in FEETECH_KEPT for k in range(size) if at >= k}:
        with pytest.raises(ValueError, match="what moves a motor"):
            raw.configure(1, address, bytes(size))
    assert emulator.registers(1) == before


@pytest.mark.parametrize("size", [1, 2, 4])
def test_raw_dynamixel_writes_touch_nothing_that_moves(dynamixels, size):
    """Modes, secondary id, goals, torque; indirect addresses and their data from 168 on, in both blocks."""
    raw = _core.ServiceBus("dynamixel", dynamixels.port, reply_margin_us=300_000)
    before = dynamixels.registers(1)
    kept = [10, 11, 12, *range(24, 1024)]
    for address in {at - k for at in kept for k in range(size) if at >= k}:
        with pytest.raises(ValueError, match="what moves a motor"):
            raw.configure(1, address, bytes(size))
    assert dynamixels.registers(1) == before


def test_what_a_goal_means_does_not_change_under_torque(emulator):
    raw = _core.ServiceBus("feetech", emulator.port, reply_margin_us=300_000)
    emulator.poke(1, 40, b"\x01")
    for address, data in ((31, b"\x64\x00"), (9, b"\x00\x08"), (5, b"\x07"), (18, b"\x80")):
        with pytest.raises(_core.BusError, match=r"servo 1 .* is under torque"):
            raw.configure(1, address, data)
    assert raw.configure(2, 31, b"\x64\x00")


@pytest.mark.parametrize("protocol", ["feetech", "dynamixel"])
def test_raw_access_does_not_broadcast(emulator, dynamixels, protocol):
    raw = (
        _core.ServiceBus("feetech", emulator.port)
        if protocol == "feetech"
        else _core.ServiceBus("dynamixel", dynamixels.port)
    )
    with pytest.raises(ValueError, match="one servo at a time"):
        raw.configure(254, 9, b"\x00")


def setting(address: int, value: int, size: int = 1, mask: int = 0xFFFFFFFF) -> _core.ServoSetting:
    return _core.ServoSetting(joint=0, address=address, size=size, value=value, mask=mask)


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        (setting(40, 1), "torque_enable"),
        (setting(42, 3000, 2), "goal_position"),
        (setting(43, 8), "goal_position"),
        (setting(39, 0x100, 2), "torque_enable"),
        (setting(41, 0, 4), "goal_position"),
        (setting(33, 1), r"operating_mode: must be 0\.\.0"),
        (setting(32, 0x0300, 2), "operating_mode"),
    ],
)
def test_a_feetech_setting_moves_nothing(emulator, wanted, named):
    before = emulator.registers(1)
    with pytest.raises(ValueError, match=named):
        _core.FeetechBus(emulator.port, feetech_config(settings=[wanted]))
    assert emulator.registers(1) == before
    _core.FeetechBus(emulator.port, feetech_config(settings=[setting(32, 0x0300, 2, 0xFF), setting(41, 9)]))


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        (setting(64, 1), "torque_enable"),
        (setting(116, 3000, 4), "goal_position"),
        (setting(118, 1, 2), "goal_position"),
        (setting(113, 0, 4), "goal_position"),
        (setting(98, 0), "bus_watchdog"),
        (setting(168, 116, 2), "indirect"),
        (setting(166, 0, 4), "indirect"),
        (setting(224, 5, 4), "indirect"),
        (setting(634, 5, 4), "indirect"),
        (setting(11, 1), r"operating_mode: must be 3\.\.5"),
        (setting(12, 3), "shadow_id"),
    ],
)
def test_a_dynamixel_setting_moves_nothing(dynamixels, wanted, named):
    before = dynamixels.registers(1)
    with pytest.raises(ValueError, match=named):
        _core.DynamixelBus(dynamixels.port, dynamixel_config(settings=[wanted]))
    assert dynamixels.registers(1) == before


FORBIDDEN = {
    "so101": [("goal_position", 3000, "goal_position"), ("torque_enable", 1, "torque_enable"),
              ("operating_mode", 1, "operating_mode 1")],
    "koch_follower": [("goal_position", 3000, "goal_position"), ("bus_watchdog", 0, "bus_watchdog"),
                      ("operating_mode", 1, "operating_mode 1"), ("torque_enable", 1, "torque_enable")],
}  # fmt: skip


def with_setting(robot: str, name: str, value: int) -> RobotSpec:
    spec = RobotSpec.load(robot)
    joints: list[JointSpec] = [replace(spec.joints[0], settings=((name, value),)), *spec.joints[1:]]
    return replace(spec, joints=tuple(joints))


@pytest.mark.parametrize(("robot", "rows"), FORBIDDEN.items())
def test_a_robot_file_moves_nothing_by_a_setting(robot, rows):
    for name, value, told in rows:
        with pytest.raises(SpecError, match=f"shoulder_pan: .*{told}"):
            bus_config(with_setting(robot, name, value))


def test_a_motor_table_reaches_nothing_by_another_name_either():
    """Settings are judged by address; the vendor's kit writes the same ones (`tests/robots/test_vendor_kit.py`)."""
    spec = RobotSpec.load("koch_follower")
    motors = [MotorSpec.load(name) for name in spec.motor_names]
    for address in (116, 118, 98, 168, 224):
        registers = {**motors[0].registers, "lamp": Register("lamp", address, 1, "rw")}
        crafted = replace(motors[0], registers=registers, settings=(Setting("lamp", 1),))
        with pytest.raises(SpecError, match="shoulder_pan"):
            servo_settings(spec, [crafted, *motors[1:]], [JointZero(2048.0, 1)] * len(motors))
