"""Two arms as one robot: joints, slots, two buses at once, one control thread."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot

from motorium import Robot, _core
from motorium._core import Mode, ServoFault
from motorium.errors import BusError, SpecError
from motorium.robots.config import robot_config
from motorium.specs import robot as specs
from motorium.specs.composition import split_ports
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map

SINGLE = RobotSpec.load("so101")
PAIR = RobotSpec.load("bi_so101_follower")


def test_joints_carry_their_side_and_the_slots_of_their_arm():
    assert PAIR.joint_names[:2] == ("left_shoulder_pan", "left_shoulder_lift")
    assert PAIR.joint_names[6:] == tuple(f"right_{name}" for name in SINGLE.joint_names)
    assert [joint.slot for joint in PAIR.joints] == [57, 58, 59, 60, 61, 19, 50, 51, 52, 53, 54, 18]
    assert [arm.side for arm in PAIR.arms] == ["left", "right"]


def test_a_right_arm_alone_has_the_same_slots():
    right = [joint.slot for joint in PAIR.arms[1].joints]
    assert right == [joint.slot for joint in SINGLE.joints]


def test_slots_of_both_arms_go_through_the_map():
    q = np.linspace(-0.5, 0.5, 12).astype(np.float32)
    mapped = slot_map(PAIR)
    assert mapped.gather(mapped.scatter(q)) == pytest.approx(q, abs=1e-6)


def test_every_pair_is_a_valid_robot():
    assert specs.pairs() == ["bi_so101_follower"]
    for name in specs.pairs():
        assert RobotSpec.load(name).name == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("slots = [57, 58, 59, 60, 61, 19]", "slots = [57]"), "1 slots for the 6 joints"),
        (("slots = [57, 58, 59, 60, 61, 19]", "slots = [50, 51, 52, 53, 54, 18]"), "slot"),
        (('side = "left"', 'side = "right"'), "joint name"),
        (('robot = "so101"', 'robot = "koch_follower"'), "differ"),
        (('[[arms]]\nside = "left"', '[[arms]]\nhand = "left"'), "exactly the keys"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, change: tuple[str, str], message: str):
    text = (specs.PAIRS / "bi_so101_follower.toml").read_text(encoding="utf-8")
    path = tmp_path / "pair.toml"
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        RobotSpec.load(path)


def test_ports_are_named_by_side():
    assert split_ports("right=/dev/b, left=/dev/a", PAIR) == ["/dev/a", "/dev/b"]
    assert split_ports({"left": "/dev/a", "right": "/dev/b"}, PAIR) == ["/dev/a", "/dev/b"]
    for wrong in ("/dev/a", "left=/dev/a", "left=/dev/a,middle=/dev/b", "left=/dev/a,right=/dev/a"):
        with pytest.raises(BusError, match=r"left|twice"):
            split_ports(wrong, PAIR)


@pytest.fixture
def arms():
    home = np.array([joint.home_rad for joint in SINGLE.joints])
    with VirtualArm(SINGLE, start_rad=home) as left, VirtualArm(SINGLE, start_rad=home * 0.9) as right:
        yield left, right


def open_pair(arms: tuple[VirtualArm, VirtualArm], folder: Path) -> Robot:
    """Two quick arms."""
    left, right = arms
    text = (specs.PAIRS / "bi_so101_follower.toml").read_text(encoding="utf-8")
    pair = folder / "pair.toml"
    pair.write_text(text.replace('robot = "so101"', f'robot = "{quick_robot(folder)}"'), encoding="utf-8")
    return Robot.open(
        str(pair),
        port={"left": left.emulator.port, "right": right.emulator.port},
        calibration="nominal",
        cameras={},
    )


def test_both_arms_move_at_once_and_rest_at_the_end(arms, tmp_path):
    left, right = arms
    with open_pair(arms, tmp_path) as robot:
        assert left.torque.all()
        assert right.torque.all()
        start = robot.position_rad
        goal = start.copy()
        goal[0] += 0.3
        goal[6] -= 0.3
        robot.move_to(goal)
        time.sleep(0.2)
        assert left.position_rad[0] == pytest.approx(goal[0], abs=0.05)
        assert right.position_rad[0] == pytest.approx(goal[6], abs=0.05)
        assert robot.status().joints["right_gripper"].age_s < 0.5
    assert not left.torque.any()
    assert not right.torque.any()
    rest = [joint.rest_rad for joint in SINGLE.joints]
    assert right.position_rad == pytest.approx(rest, abs=0.1)


def pair_loop(arms: tuple[VirtualArm, VirtualArm], margin_s: float = 0.3, **control) -> _core.Robot:
    config = robot_config(PAIR, park_timeout_s=0.3, **control)
    buses = config.buses
    for bus in buses:
        bus.reply_margin_s = margin_s
    config.buses = buses
    loop = _core.Robot(config, [arm.emulator.port for arm in arms])
    loop.start()
    return loop


def test_two_buses_take_no_longer_than_one(arms):
    """Each bus answers after 30 ms: one after the other would need 60 of the 50 ms of a tick."""
    loop = pair_loop(arms, rate_hz=20.0)
    for arm in arms:
        arm.emulator.set_fault(ServoFault.DELAY, 6, delay_s=0.03)
    time.sleep(0.2)
    before = loop.stats()
    time.sleep(2.0)
    after = loop.stats()
    for arm in arms:
        arm.emulator.set_fault(ServoFault.NONE)
    loop.stop()
    assert after.ticks - before.ticks > 30
    assert after.missed - before.missed < 10


def test_one_dead_bus_lets_the_other_arm_go(arms):
    left, right = arms
    loop = pair_loop(arms, margin_s=0.004)
    assert loop.enable()
    left.emulator.unplug(1)
    give_up = time.monotonic() + 10
    while loop.mode is not Mode.FAULT and time.monotonic() < give_up:
        time.sleep(0.01)
    assert loop.mode is Mode.FAULT
    loop.stop()
    assert not right.torque.any()
