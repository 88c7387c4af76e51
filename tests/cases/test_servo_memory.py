"""What a servo keeps in its own memory never changes what a goal or a reading means: it is set, or refused by name."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from servo_memory import MARGIN_TICKS, Servos, swept
from virtual_arm import VirtualArm, quick_robot

from motorium._core import BusStatus, ServiceBus
from motorium.errors import SafetyError
from motorium.robots.bus import bus_config
from motorium.robots.robot import Robot
from motorium.specs.robot import DATA as ROBOTS
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import DATA as MOTORS
from motorium.specs.servo import MotorSpec
from motorium.specs.zero import JointZero

SO101 = RobotSpec.load("so101")
LIFT = SO101.joint_names.index("shoulder_lift")


def test_an_arm_whose_servo_remembers_other_limits_stays_where_it_is(tmp_path):
    start = np.zeros(6)
    start[LIFT] = 1.6
    with VirtualArm(SO101, start) as arm:
        for address, ticks in ((9, 1360), (11, 2500)):  # what another calibration left there
            arm.emulator.program(LIFT, address, ticks.to_bytes(2, "little"))
        with Robot.open(quick_robot(tmp_path), port=arm.emulator.port, calibration="nominal") as robot:
            time.sleep(0.3)
            assert arm.torque.all()
            np.testing.assert_allclose(arm.position_rad, start, atol=0.01)
            robot.move_to({"shoulder_lift": 1.4})
            assert arm.position_rad[LIFT] == pytest.approx(1.4, abs=0.02)
            robot.control.release()


def test_position_limits_become_the_travel_and_are_written_once():
    servos = Servos("so101")
    servos.remember("shoulder_lift", "min_position", 1360)
    servos.remember("gripper", "min_position", 0)
    servos.remember("gripper", "max_position", 0)  # with both 0 it takes goals in other turns
    servos.open()
    travel = 1.74533 * 4096 / (2 * np.pi)
    assert servos.memory("shoulder_lift", "min_position") == pytest.approx(
        2048 - travel - MARGIN_TICKS, abs=2
    )
    assert servos.memory("shoulder_lift", "max_position") == pytest.approx(
        2048 + travel + MARGIN_TICKS, abs=2
    )
    assert servos.memory("gripper", "max_position") == pytest.approx(2048 + travel + MARGIN_TICKS, abs=2)
    before = servos.chain.stats().requests
    servos.open()
    reads = servos.chain.stats().requests - before
    kinds = len({setting.address for setting in bus_config(servos.spec).settings})
    assert reads == 6 + kinds + 6  # models, one read of all for each register, return delays: no write


def test_a_calibrated_joint_gets_limits_about_its_own_zero():
    servos = Servos("so101")
    servos.open(servos.zeros(shoulder_lift=JointZero(1800.0, -1)))
    travel = 1.74533 * 4096 / (2 * np.pi)
    assert servos.memory("shoulder_lift", "min_position") == pytest.approx(
        1800 - travel - MARGIN_TICKS, abs=2
    )
    assert servos.memory("shoulder_lift", "max_position") == pytest.approx(
        1800 + travel + MARGIN_TICKS, abs=2
    )


def test_a_joint_outside_of_where_goals_may_be_gets_no_torque():
    servos = Servos("so101")
    bus = servos.open()
    servos.place(
        [2048, 3900, 2048, 2048, 2048, 2048]
    )  # shoulder_lift 2.8 rad: its servo would drive back by itself
    assert bus.set_torque(True) == BusStatus.IO_ERROR
    assert not servos.chain.goals().torque_enable.any()


@pytest.mark.parametrize(
    ("register", "found", "wanted"),
    [
        ("angular_resolution", 3, 1),
        ("phase", 0x1C, 0x0C),
        ("phase", 0x00, 0x0C),
        ("operating_mode", 3, 0),
        ("dead_zone_cw", 32, 1),
        ("response_level", 0, 1),
    ],
)
def test_what_counts_mean_is_set_in_feetech_servos(register, found, wanted):
    servos = Servos("so101")
    servos.remember("elbow_flex", register, found)
    servos.place([2148] * 6)
    bus = servos.open()
    assert servos.memory("elbow_flex", register) == wanted
    assert servos.read(bus, "elbow_flex") == pytest.approx(100 * 2 * np.pi / 4096, abs=1e-3)
    assert bus.set_torque(True) == BusStatus.OK
    assert servos.chain.goals().goal_position_ticks.tolist() == [2148] * 6


@pytest.mark.parametrize(
    ("register", "found", "wanted"),
    [
        ("shadow_id", 2, 255),
        ("startup_configuration", 3, 0),
        ("drive_mode", 0x0C, 0),
        ("operating_mode", 3, 4),
        ("status_return_level", 0, 2),
        ("status_return_level", 1, 2),
        ("bus_watchdog", 255, 0),
    ],
)
def test_what_goals_mean_is_set_in_dynamixel_servos(register, found, wanted):
    servos = Servos("koch_follower")
    servos.remember("elbow_flex", register, found)
    if register in ("status_return_level", "bus_watchdog"):  # these are in RAM
        field = servos.motors[2].register(register)
        servos.chain.poke(3, field.address, bytes([found]))
    servos.open()
    assert servos.memory("elbow_flex", register) == wanted


def test_a_servo_with_a_shadow_id_would_obey_another_joints_goals():
    servos = Servos("koch_follower")
    servos.remember("elbow_flex", "shadow_id", servos.spec.joints[0].id)
    delay = servos.motors[0].register("return_delay").address

    def tell(units: int) -> list[int]:
        assert ServiceBus("dynamixel", servos.chain.port, 1_000_000, 300_000).configure(
            1, delay, bytes([units])
        )
        return [servos.chain.registers(i)[delay] for i in (1, 3)]

    assert tell(60) == [60, 60]
    servos.open()
    assert tell(61) == [61, 0]


@pytest.mark.parametrize(("name", "joint"), [("so101", "wrist_flex"), ("koch_leader", "elbow_flex")])
def test_an_offset_that_the_calibration_does_not_know_is_refused_before_torque(name, joint):
    servos = Servos(name)
    servos.remember(joint, "homing_offset", 700)
    message = servos.refusal()
    assert re.search(
        rf"{joint} \(servo \d on .*\) has homing_offset .* = 700 ticks, needed is 0 ticks", message
    )
    assert "Calibrate the arm" in message
    assert servos.memory(joint, "homing_offset") == 700  # LeRobot's own calibration may rest on it
    place = servos.spec.joint_names.index(joint)
    zeros = [replace(zero, homing_offset=0) for zero in servos.zeros()]
    zeros[place] = replace(zeros[place], homing_offset=700)
    servos.open(zeros)  # one that knows it
    servos.remember(joint, "homing_offset", 0)
    servos.open(zeros)
    assert servos.memory(joint, "homing_offset") == 700


def test_memory_that_a_restart_brings_back_is_set_again_before_torque():
    servos = Servos("so101")
    servos.remember("shoulder_pan", "max_position", 2300)
    bus = servos.open()
    travel_end = servos.memory("shoulder_pan", "max_position")
    servos.remember("shoulder_pan", "max_position", 2300)  # exchanged for a spare servo, the port still open
    servos.chain.power_cycle()
    servos.place([3000, 2048, 2048, 2048, 2048, 2048])
    assert bus.set_torque(True) == BusStatus.OK
    assert servos.memory("shoulder_pan", "max_position") == travel_end
    assert servos.chain.goals().goal_position_ticks[0] == 3000


def test_a_spare_servo_with_an_offset_of_its_own_is_refused_by_name_when_torque_is_given_anew(tmp_path):
    with (
        VirtualArm(SO101) as arm,
        Robot.open(quick_robot(tmp_path), port=arm.emulator.port, calibration="nominal") as robot,
    ):
        robot.control.release()
        assert robot.control.torque_problem() == ""
        arm.emulator.program(LIFT, 31, (90).to_bytes(2, "little"))
        time.sleep(0.1)  # its reading is another now
        with pytest.raises(SafetyError, match=r"shoulder_lift \(servo 2 .*offset .* = 90 ticks, needed is 0"):
            robot.enable()
        assert not arm.torque.any()


def little(folder: Path) -> RobotSpec:
    """so101 on servos of the SCS series, whose counts end at 1023."""
    text = (ROBOTS / "so101.toml").read_text(encoding="utf-8")
    text = text.replace('motor = "sts3215"', 'motor = "scs0009"').replace(
        "zero_ticks = 2048", "zero_ticks = 512"
    )
    text = text.replace("upper_rad = 2.84121", "upper_rad = 2.5").replace(
        "lower_rad = -2.74385", "lower_rad = -2.5"
    )
    path = folder / "little.toml"
    path.write_text(text, encoding="utf-8")
    return RobotSpec.load(path)


def test_the_scs_series_does_not_stay_a_wheel(tmp_path):
    servos = Servos(little(tmp_path))
    for register in ("min_position", "max_position"):
        servos.remember("elbow_flex", register, 0)
    servos.open()
    travel, margin = 1.69 * 1229 / (2 * np.pi), 0.25 * 1229 / (2 * np.pi)
    assert servos.memory("elbow_flex", "min_position") == pytest.approx(512 - travel - margin, abs=2)
    assert servos.memory("elbow_flex", "max_position") == pytest.approx(512 + travel + margin, abs=2)
    assert servos.memory("wrist_roll", "max_position") == 1023  # as far as the encoder goes


def test_servos_that_keep_no_offset_calibrate_too(tmp_path):
    servos = Servos(little(tmp_path))
    found = swept(servos)
    assert {zero.homing_offset for zero in found.joints.values()} == {None}
    assert found.joints["elbow_flex"].zero_ticks == pytest.approx(512, abs=5)
    servos.place([612] * 6)
    bus = servos.open([found.joints[name] for name in servos.spec.joint_names])
    assert servos.read(bus, "elbow_flex") == pytest.approx(100 * 2 * np.pi / 1229, abs=0.03)


def test_a_robots_file_may_say_otherwise_for_one_servo():
    joints = tuple(
        replace(joint, settings=(("dead_zone_cw", 5), ("min_position", 1000))) if i == LIFT else joint
        for i, joint in enumerate(SO101.joints)
    )
    servos = Servos(replace(SO101, joints=joints))
    servos.open()
    assert servos.memory("shoulder_lift", "dead_zone_cw") == 5
    assert servos.memory("shoulder_lift", "min_position") == 1000


@pytest.mark.parametrize("name", sorted(path.stem for path in MOTORS.glob("*.toml")))
def test_every_register_of_every_table_has_been_thought_about(name):
    """docs/bus.md has the table; a register that is new to a motor needs its line there."""
    audit = (Path(__file__).parents[2] / "docs" / "bus.md").read_text(encoding="utf-8")
    section = audit.split("## What a servo remembers")[1].split("\n## ")[0]
    listed = set(re.findall(r"`([a-z0-9_]+)`", section))
    writable = {r.name for r in MotorSpec.load(name).registers.values() if r.access == "rw"}
    assert writable <= listed, sorted(writable - listed)
