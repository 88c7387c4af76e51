"""Compiled robots that version 1 wrote: every later version opens them, and they mean what they were made from."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_arm import VirtualArm
from waiting import wait

from motorium import _core
from motorium.robots.compiled import read_compiled
from motorium.specs.robot import RobotSpec

GOLDEN = Path(__file__).with_name("golden")
NAMES = ("so101", "pair")


def values(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{name}-1.json").read_text(encoding="ascii"))


def filled(kind: type[Any], table: dict[str, Any], **made: Any) -> Any:
    """An object of the core with the attributes of `table`; `made` instead of some."""
    one = kind()
    for name, value in {**table, **made}.items():
        setattr(one, name, value)
    return one


def setting(table: dict[str, Any]) -> _core.ServoSetting:
    parts = {
        "field": _core.FieldFormat(**table.get("field", {})),
        "bound": _core.SettingBound(**table.get("bound", {})),
        "words": _core.SettingWords(**table.get("words", {})),
    }
    return _core.ServoSetting(**{**table, **parts})


def bus(table: dict[str, Any]) -> _core.BusConfig:
    joints = [filled(_core.ServoJoint, servo) for servo in table["joints"]]
    return filled(_core.BusConfig, table, joints=joints, settings=[setting(one) for one in table["settings"]])


def masks(fault_names: list[str]) -> dict[str, int]:
    """What version 1 told of status bits by their names alone."""
    bits = {name: 1 << bit for bit, name in enumerate(fault_names) if name}
    lost = bits.get("torque lost", 0)
    return {"forbids_torque": sum(bits.values()) - bits.get("overload", 0), "torque_lost": lost}


def config(name: str) -> _core.RobotConfig:
    """What the file was made from, from the values noted beside it."""
    table = values(name)
    control = dict(table["control"])
    control["exit"], control["fallback"] = (
        _core.RestPolicy[control[key].upper()] for key in ("exit", "fallback")
    )
    control["guard"] = [_core.GuardJoint(**joint) for joint in control["guard"]]
    return filled(
        _core.RobotConfig,
        table,
        spec_hash=bytes.fromhex(table["spec_hash"]),
        control=_core.ControlConfig(**control),
        policy=filled(_core.PolicyTiming, table["policy"]),
        joints=[filled(_core.RobotJoint, joint, **masks(joint["fault_names"])) for joint in table["joints"]],
        buses=[bus(one) for one in table["buses"]],
        cameras=[filled(_core.RobotCamera, camera) for camera in table["cameras"]],
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_version_1_means_what_it_was_made_from(name):
    path = GOLDEN / f"{name}-1.robot"
    assert struct.unpack_from("<I", path.read_bytes(), 8) == (1,)
    assert read_compiled(path).to_bytes() == config(name).to_bytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["control"]["guard"][0].update(stall_time_s=9.0),
        lambda table: table["buses"][-1]["settings"][-1].update(value=1),
        lambda table: table["buses"][-1]["joints"][0].update(zero_ticks=2000.25),
        lambda table: table["joints"][1].update(home_rad=0.125),
    ],
    ids=["guard", "setting", "zero", "home"],
)
def test_a_number_that_differs_would_be_noticed(name, change, monkeypatch):
    table = values(name)
    change(table)
    monkeypatch.setitem(globals(), "values", lambda _: table)
    assert read_compiled(GOLDEN / f"{name}-1.robot").to_bytes() != config(name).to_bytes()


def test_an_arm_runs_from_a_file_of_version_1():
    spec = RobotSpec.load("so101")
    home = np.array([joint.home_rad for joint in spec.joints])
    arm = VirtualArm(spec, start_rad=home)
    arm.zero = np.array([servo["zero_ticks"] for servo in values("so101")["buses"][0]["joints"]])
    with arm:
        robot = _core.Robot(read_compiled(GOLDEN / "so101-1.robot"), [arm.emulator.port])
        robot.start()
        assert robot.wait_until_heard() == []
        assert robot.power_up() == []
        assert robot.move_to(home + 0.1, timeout_s=5.0)
        assert wait(lambda: np.allclose(arm.position_rad, home + 0.1, atol=0.03))
        robot.release()  # at the speed of its file it would park for two seconds
        assert wait(lambda: not arm.torque.any())
        robot.stop()
