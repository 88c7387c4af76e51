"""LeRobot's own motor set-up brings a simulated arm of factory-new servos to work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lerobot_folder import lerobot_folder

from motorium.motors.bauds import baud_code
from motorium.motors.emulated import connect_only, emulate, make_factory_new
from motorium.motors.scan import scan
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def lerobot_path():
    folder = lerobot_folder("motors are", "scservo_sdk")
    return os.pathsep.join([str(HERE.parent / "data" / "lerobot_stand_ins"), str(folder)])


ROBOTS = {"so101": (0, 1, 2, 3, 4, 5), "koch_follower": (0, 5)}
"""Robot -> the joints that are set up."""


@pytest.fixture(scope="module")
def chains():
    """Robot -> its servos, all as they leave the factory."""
    made = {}
    for robot in ROBOTS:
        spec = RobotSpec.load(robot)
        made[robot] = emulate([joint.id for joint in spec.joints], spec.motor_names)
        make_factory_new(made[robot], spec.motor_names)
    yield made
    for servos in made.values():
        servos.close()


@pytest.fixture(scope="module")
def dialogues(chains, lerobot_path):
    """Robot -> what LeRobot asked for; one process, for importing it takes seconds."""
    ports = [word for robot, servos in chains.items() for word in (robot, servos.port)]
    command = [sys.executable, str(HERE / "lerobot_setup.py"), *ports]
    environment = {**os.environ, "PYTHONPATH": lerobot_path}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=environment) as program:  # fmt: skip
        said = {robot: _serve(program, servos, ROBOTS[robot]) for robot, servos in chains.items()}
        error = program.communicate(timeout=60)[1]
    assert program.returncode == 0, error[-2000:]
    return said


def _serve(program, servos, joints) -> list[str]:
    """Connect what is asked for, until LeRobot has found all or given up."""
    names = [joint.name for joint in RobotSpec.load("so101").joints]
    said: list[str] = []
    while (line := program.stdout.readline().strip()) in {*names, "all"}:
        said.append(line)
        connect_only(servos, joints if line == "all" else [names.index(line)], 6)
        program.stdin.write("\n")
        program.stdin.flush()
    return [*said, line]


@pytest.mark.nightly
@pytest.mark.parametrize("robot", ROBOTS)
def test_lerobot_gives_new_servos_their_ids_and_speed(robot, chains, dialogues):
    spec, servos = RobotSpec.load(robot), chains[robot]
    joints = [(place, spec.joints[place], spec.motor_names[place]) for place in ROBOTS[robot]]
    assert dialogues[robot] == [*(joint.name for _, joint, _ in reversed(joints)), "all", "handshake"]
    servos.power_cycle()  # what was not kept in EEPROM would be gone
    for place, joint, name in joints:
        motor, table = MotorSpec.load(name), servos.table(place)
        assert table[motor.register("id").address] == joint.id
        assert table[motor.register("baud_rate").address] == baud_code(motor.protocol, spec.bus.baud)
    found = scan(servos.port, protocols=[spec.bus.protocol], bauds=[spec.bus.baud], ids=range(1, 9))
    assert [(servo.id, servo.model) for servo in found.servos] == [(j.id, name) for _, j, name in joints]
