"""A setting that a servo refuses is named: joint, setting and what it is for, wanted and allowed value, what to do."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from servo_memory import Servos

from motorium.errors import BusError, SpecError
from motorium.foreign import parse_toml
from motorium.robots.vendor_kit import VendorKit
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import DATA as MOTORS
from motorium.specs.servo import MotorSpec, parse

CASES = [
    (
        "gripper",
        "current_limit",
        300,
        r"goal_current \(limit of the torque\) = 735 mA, .*current_limit allows 300 mA",
    ),
    (
        "elbow_flex",
        "pwm_limit",
        500,
        r"goal_pwm \(limit of the torque\) = 885 x 0.113 %, .*pwm_limit allows 500",
    ),
]


@pytest.mark.parametrize(("joint", "register", "value", "message"), CASES)
def test_a_servo_that_allows_less_is_named_with_both_values(joint, register, value, message):
    servos = Servos("koch_follower")
    servos.remember(joint, register, value)
    said = servos.refusal()
    assert re.search(rf"^{joint} \(servo \d on [^)]+\) should have {message}", said), said
    assert f"Lower max_effort of {joint}" in said
    assert f"settings = {{ {register} = " in said


def test_both_ways_out_lead_out():
    servos = Servos("koch_follower")
    servos.remember("gripper", "current_limit", 300)
    spec = servos.spec
    servos.spec = replace(spec, joints=(*spec.joints[:-1], replace(spec.joints[-1], max_effort=0.15)))
    servos.open()
    assert servos.memory("gripper", "goal_current") == round(1470 * 0.15 * 1.25)
    raised = replace(spec.joints[-1], settings=(("current_limit", 735),))
    servos.spec = replace(spec, joints=(*spec.joints[:-1], raised))
    servos.open()
    assert servos.memory("gripper", "goal_current") == 735


def test_any_other_refusal_names_the_setting_too():
    spec = RobotSpec.load("koch_follower")
    pan = replace(spec.joints[0], settings=(("operating_mode", 5),))  # an XL430 has no current control
    said = Servos(replace(spec, joints=(pan, *spec.joints[1:]))).refusal()
    assert re.search(
        r"shoulder_pan \(servo 1 on .*\) refused to write operating_mode \(.*\) = 5 \(error 4\)", said
    )
    assert "settings = { operating_mode = ... }" in said


def test_the_vendors_kit_says_the_same():
    pytest.importorskip("dynamixel_sdk", reason="comes with dynamixel-sdk")
    for joint, register, value, message in CASES:
        servos = Servos("koch_follower")
        servos.remember(joint, register, value)
        with pytest.raises(BusError, match=rf"{joint} \(servo \d on .*should have {message}"):
            VendorKit(servos.chain.port, servos.spec, servos.zeros())
    servos = Servos("koch_follower")
    servos.remember("wrist_flex", "homing_offset", 9)
    with pytest.raises(BusError, match=r"wrist_flex .* has homing_offset .* = 9 ticks, needed is 0 ticks"):
        VendorKit(servos.chain.port, servos.spec, servos.zeros())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'within = "pwm_limit"',
            'within = "speed"',
            "goal_pwm names the register 'speed', which is not there",
        ),
        ("mask = 0x01", "mask = 0x100", "mask 0x100 is outside its register"),
        (
            '[reverse]\nregister = "drive_mode"',
            '[reverse]\nregister = "way"',
            "reverse names the register 'way'",
        ),
    ],
)
def test_a_table_that_names_what_is_not_there_is_refused(old, new, message):
    text = (MOTORS / "xl330_m288.toml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(SpecError, match=message):
        parse(parse_toml(text.replace(old, new, 1)))
    assert MotorSpec.load("xl330_m288").reverse is not None
