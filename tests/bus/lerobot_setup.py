"""LeRobot's own motor set-up, run by `test_lerobot_setup.py`: `lerobot_setup.py so101 PORT koch_follower PORT`.

Says on stdout which servo is to be connected alone, as LeRobot does in its dialogue, and goes on at the next line of
stdin. At the end, with all servos connected, LeRobot's own handshake looks for every id and model.
"""

from __future__ import annotations

import sys

from lerobot.motors import Motor, MotorNormMode
from lerobot.motors.dynamixel import DynamixelMotorsBus
from lerobot.motors.feetech import FeetechMotorsBus

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
MOTORS = {
    "so101": {name: Motor(i + 1, "sts3215", MotorNormMode.DEGREES) for i, name in enumerate(JOINTS)},
    "koch_follower": {  # one of each model: LeRobot waits seconds for each speed at which nobody answers
        "shoulder_pan": Motor(1, "xl430-w250", MotorNormMode.DEGREES),
        "gripper": Motor(6, "xl330-m288", MotorNormMode.DEGREES),
    },
}


def set_up(robot: str, port: str) -> None:
    motors = MOTORS[robot]
    bus = (FeetechMotorsBus if robot == "so101" else DynamixelMotorsBus)(port, motors)
    for name in reversed(motors):  # the order of its own dialogue: id 1 is the factory's
        print(name, flush=True)
        input()
        bus.setup_motor(name)
    print("all", flush=True)
    input()
    bus.disconnect(disable_torque=False)
    bus.connect()
    bus.disconnect()
    print("handshake", flush=True)


for at in range(1, len(sys.argv), 2):
    set_up(sys.argv[at], sys.argv[at + 1])
