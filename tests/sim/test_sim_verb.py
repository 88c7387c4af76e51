"""`motorium sim`: what it says, what is typed into it, and how it judges a program that it does not know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
import threading

import pytest

from motorium import _core
from motorium.motors import set_up as set_ups
from motorium.motors.diagnosis import expected_servos
from motorium.motors.set_up import ServoSetUp
from motorium.sim.how_to import how_to
from motorium.sim.judging import Contest, judge_episodes
from motorium.sim.scene import TRAINING_SEEDS_FROM
from motorium.specs.robot import RobotSpec, names


class Verb(subprocess.Popen):
    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "motorium", "sim", *words]
        super().__init__(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def said(self) -> dict:
        return json.loads(self.stdout.readline())

    def typed(self, line: str) -> dict:
        self.stdin.write(line + "\n")
        self.stdin.flush()
        return self.said()

    def __exit__(self, *error: object) -> None:
        self.terminate()
        super().__exit__(*error)


@pytest.mark.parametrize(
    ("robot", "right", "wrong"),
    [
        ("so101", ["scservo_sdk", "1000000 baud", "SO101FollowerConfig(", 'Robot.open("so101"'], "Leader"),
        (
            "so101_leader",
            ["scservo_sdk", "SO101LeaderConfig(", "teleop sim:so101 --leader so101_leader"],
            "Robot.open",
        ),
        ("koch_follower", ["dynamixel_sdk", "protocol 2.0", "KochFollowerConfig("], "scservo"),
        ("koch_leader", ["dynamixel_sdk", "KochLeaderConfig(", "--leader-port /dev/pts/7"], "Follower"),
    ],
)
def test_hints_are_those_of_the_arm(robot, right, wrong):
    text = how_to(RobotSpec.load(robot), "/dev/pts/7", {"front": "/proc/1/fd/2"})
    assert [word for word in right if word not in text] == []
    assert wrong not in text


def test_every_robot_of_one_arm_has_a_hint():
    for name in names():
        spec = RobotSpec.load(name)
        assert spec.arms or "/dev/pts/7" in how_to(spec, "/dev/pts/7", {})


@pytest.mark.nightly
def test_new_servos_are_set_up_on_the_simulated_arm(monkeypatch):
    """As a person does it: connect one, give it its id, connect the next; at the end the arm answers as so101."""
    monkeypatch.setattr(set_ups, "PATIENCE_S", 0.03)  # of a simulator on a busy machine
    spec = RobotSpec.load("so101")
    with Verb("so101", "--factory-new", "--json") as arm:
        port = arm.said()["port"]
        assert not _core.ServiceBus("feetech", port, 1_000_000, 100_000).ping(1)
        set_up = ServoSetUp(port, expected_servos(spec), spec.bus.baud)
        set_up._rest = []  # one speed: the whole scan is tested on a bare chain
        for joint in ("gripper", "wrist_roll"):
            assert joint in arm.typed(f"connect {joint}")["said"]
            entry, servo = set_up.choose(set_up.glance())
            assert entry.joint == joint
            set_up.give(entry, servo)
        assert "error" in arm.typed("connect elbow")
        arm.typed("connect all")
        survey = set_up.glance()
    assert sorted(survey.done) == ["gripper", "wrist_roll"]
    assert [servo.id for servo in survey.new] == [1]  # the four others, over each other


@pytest.mark.nightly
def test_two_arms_are_one_robot_of_two_ports():
    with Verb("bi_so101_follower", "--json", "--missing", "6") as arms:
        facts = arms.said()
        ports = dict(part.split("=") for part in facts["port"].split(","))
        assert set(ports) == set(facts["arms"]) == {"left", "right"}
        assert "connected" in arms.typed("left: connect all")["said"]
        answers = {
            side: _core.ServiceBus("feetech", port, 1_000_000, 100_000).ping(6)
            for side, port in ports.items()
        }
    assert answers == {"left": True, "right": False}


class World:
    """A world whose episodes end as `script` says: what `status` shows, once each."""

    def __init__(self, *script: dict) -> None:
        self.script, self.scenes = list(script), []

    def reset(self, seed: int, task: str | None) -> dict:
        self.scenes.append((seed, task))
        return {"task": task or f"task of {seed}"}

    def status(self) -> dict:
        now = self.script.pop(0)
        return {
            "torque": True,
            "success": now.get("success", False),
            "judge": {"wrong_in_tray": now.get("wrong", False)},
        }


def test_scenes_and_outcomes_are_told_in_order():
    told: list[dict] = []
    world = World({}, {"success": True}, {"wrong": True}, *[{}] * 40)
    over, skip = threading.Event(), threading.Event()
    assert judge_episodes(world, Contest(7, 3, None, 0.12), told.append, over, skip) == 1
    assert world.scenes == [(7, None), (8, None), (9, None)]
    assert [line["event"] for line in told] == ["scene", "outcome"] * 3 + ["summary"]
    assert [line["reason"] for line in told[1:6:2]] == ["done", "wrong cube in the tray", "not done in time"]
    assert told[0] == {"event": "scene", "episode": 0, "seed": 7, "task": "task of 7"}
    assert told[-1] == {"event": "summary", "episodes": 3, "successes": 1}


def test_a_program_is_judged_on_the_scenes_of_the_seeds():
    """The program is the driver of this test: it gives torque, and time runs from then on; Enter skips."""
    task = "put the green cube in the tray"
    with Verb("so101", "--episodes", "2", "--seed", "3", "--task", task, "--limit", "0.3") as arm:
        port = arm.said()["port"]
        assert arm.said() == {"event": "scene", "episode": 0, "seed": 3, "task": task}
        outcome = arm.typed("")
        assert (outcome["reason"], outcome["time_s"]) == ("skipped", 0.0)
        assert arm.said()["seed"] == 4
        line = os.open(port, os.O_RDWR | os.O_NOCTTY)
        mode = termios.tcgetattr(line)
        mode[4] = mode[5] = termios.B1000000
        termios.tcsetattr(line, termios.TCSANOW, mode)
        body = bytes([1, 4, 3, 40, 1])  # write 1 to the torque register of id 1
        os.write(line, b"\xff\xff" + body + bytes([~sum(body) & 0xFF]))
        outcome = arm.said()
        os.close(line)
        assert (outcome["success"], outcome["reason"]) == (False, "not done in time")
        assert 0.3 <= outcome["time_s"] < 5.0
        assert arm.said() == {"event": "summary", "episodes": 2, "successes": 0}
        assert arm.wait(10) == 0


@pytest.mark.nightly
def test_a_pair_is_not_judged():
    with Verb("bi_so101_follower", "--episodes", "1") as arms:
        assert arms.wait(30) == 2
        assert "tables of their own" in arms.stderr.read()


def test_scene_numbers_are_those_of_the_demo():
    world = World({"success": True}, {"success": True})
    contest = Contest(TRAINING_SEEDS_FROM - 1, 2, None, 1.0)
    judge_episodes(world, contest, lambda _line: None, threading.Event(), threading.Event())
    assert [seed for seed, _ in world.scenes] == [TRAINING_SEEDS_FROM - 1, 0]
