"""Sessions on virtual arms over the real wire protocol, in real time."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from click.testing import CliRunner
from waiting import wait

from motorium._core import Mode, Reason
from motorium.cli.main import main
from motorium.errors import BindingError, BusError
from motorium.specs.robot import RobotSpec
from motorium.teleop.leader import open_leader
from motorium.teleop.mapping import JointMap
from motorium.teleop.report import SessionEnd
from motorium.teleop.session import Controls, Session
from motorium.teleop.sources import Replay, Stepper
from motorium.teleop.tracking import Track, lag_s

LEADER = RobotSpec.load("so101_leader")
HOME = np.array([joint.home_rad for joint in LEADER.joints])
AWAY = HOME + np.array([0.5, 0.3, -0.3, -0.4, 0.6, 0.4])


def still(_t: float) -> np.ndarray:
    return AWAY


PERIOD_S = 0.005


class Steps:
    """The largest change of the goal in one tick, over a session; rows that were missed count as ticks."""

    def __init__(self) -> None:
        self.t_ns: list[int] = []
        self.goals: list[np.ndarray] = []

    def __call__(self, ticks: np.ndarray) -> None:
        powered = ticks["mode"] > 0
        self.t_ns.extend(ticks["t_ns"][powered])
        self.goals.extend(ticks["goal_rad"][powered])

    @property
    def largest_rad(self) -> float:
        passed = np.maximum(1, np.rint(np.diff(self.t_ns) * 1e-9 / PERIOD_S))
        return float((np.abs(np.diff(self.goals, axis=0)).max(axis=1) / passed).max())


def test_the_follower_goes_to_its_leader_in_a_ramp_and_stays_with_it(robot):
    steps = Steps()
    with open_leader("sim:so101_leader", motion=still) as leader:
        report = Session(robot).follow(leader, seconds=1.6, watch=steps, max_age_s=1.0)
        np.testing.assert_allclose(robot.position_rad, AWAY, atol=0.02)
    fastest = max(joint.max_velocity_rad_s for joint in robot.spec.joints) * PERIOD_S
    assert 0.001 < steps.largest_rad <= 1.01 * fastest
    assert (report.streams, report.losses, report.reason) == (1, 0, SessionEnd.TIME)
    assert report.joints.moved == robot.spec.joint_names
    assert robot.control.mode is Mode.HOLDING


def test_the_goal_trails_a_moving_leader_by_a_few_ticks(robot):
    with open_leader("sim:so101_leader") as leader:
        report = Session(robot).follow(leader, seconds=2.4)
    assert report.tracking is not None
    assert report.tracking.command_lag_ms < 60
    assert report.tracking.rms_rad < 0.05
    assert report.tracking.moved_rad > 0.3


def test_a_leader_has_no_torque(robot):
    del robot
    with open_leader("sim:so101_leader") as leader:
        backend = leader._backend
        assert wait(lambda: not backend.torque.any())
        assert leader.control.mode is Mode.RELEASED


def test_letting_go_of_the_dead_man_holds_and_taking_it_again_ramps(robot):
    held = threading.Event()
    held.set()
    seen, steps = [], Steps()

    def watch(ticks) -> None:
        steps(ticks)
        seen.append(robot.control.stats().streaming)
        if len(seen) == 12:
            held.clear()
        elif len(seen) == 26:
            held.set()

    controls = Controls(engaged=held.is_set, ended=lambda: len(seen) >= 38)
    with open_leader("sim:so101_leader") as leader:
        report = Session(robot, controls=controls).follow(leader, seconds=30.0, watch=watch, max_age_s=1.0)
    assert report.streams == 2
    assert report.losses == 0
    assert not any(seen[20:25])
    assert steps.largest_rad < 0.021


def test_a_silent_leader_is_noticed_and_the_arm_holds(robot):
    goals = []
    with open_leader("sim:so101_leader") as leader:
        calls = 0

        def watch(_ticks) -> None:
            nonlocal calls
            calls += 1
            if calls == 10:
                leader._backend.freeze()
            if calls > 14:
                goals.append(robot.control.goal_rad)

        with pytest.raises(BusError, match="gets no answer from its servos"):
            Session(robot).follow(leader, seconds=3.0, watch=watch)
    assert robot.control.mode is Mode.HOLDING
    assert robot.control.stats().streams_lost == 1
    assert not goals or np.ptp(goals, axis=0).max() < 5e-3


def test_the_stop_button_stops(robot):
    presses = iter([False] * 8 + [True] * 100)
    with open_leader("sim:so101_leader") as leader:
        report = Session(robot, controls=Controls(stopped=lambda: next(presses))).follow(leader, seconds=5.0)
    assert report.reason is SessionEnd.STOPPED
    assert report.seconds < 2.0
    stats = robot.control.stats()
    assert (stats.mode, stats.reason) == (Mode.FAULT, Reason.ESTOP)  # latched, and not a mere hold
    assert not stats.streaming


def test_a_recorded_trajectory_is_approached_and_played(robot):
    steps = Steps()
    t = np.linspace(0, 1.0, 21)
    q = AWAY + 0.2 * np.sin(2 * np.pi * t)[:, None]
    report = Session(robot).play(Replay(t, q), name="replay", watch=steps)
    assert report.reason is SessionEnd.SOURCE
    assert wait(lambda: np.abs(robot.position_rad - q[-1]).max() < 0.03)
    assert steps.largest_rad < 0.021


def test_a_function_moves_the_arm(robot):
    start = robot.position_rad.copy()
    report = Session(robot).play(Stepper(lambda t, _q: start + 0.2 * min(1.0, t)), seconds=1.5)
    assert report.reason is SessionEnd.TIME
    np.testing.assert_allclose(robot.position_rad, start + 0.2, atol=0.03)


def test_a_paused_trajectory_goes_on_where_it_was(robot):
    calls = iter([True] * 6 + [False] * 10 + [True] * 1000)
    t = np.linspace(0, 0.6, 13)
    q = HOME + 0.1 * t[:, None]
    report = Session(robot, controls=Controls(engaged=lambda: next(calls))).play(Replay(t, q))
    assert report.reason is SessionEnd.SOURCE
    assert report.seconds > 0.9
    np.testing.assert_allclose(robot.control.goal_rad, q[-1], atol=0.02)


def test_following_needs_a_map_that_fits(robot):
    with open_leader("sim:so101_leader") as leader:
        good = JointMap.between(leader.spec, robot.spec).as_dict()
        for change in ({"source": [0]}, {"source": [0, 1, 2, 3, 4, 9]}, {"scale": [1.0] * 5}):
            with pytest.raises(ValueError, match=r"one entry per joint|no joint 9"):
                robot.control.follow(leader.control, {**good, **change})
        with pytest.raises(ValueError, match="cannot follow itself"):
            robot.control.follow(robot.control, good)
        assert not robot.control.engage()  # nobody to follow


def test_hold_ends_the_stream_at_once_and_for_good(robot):
    with open_leader("sim:so101_leader") as leader:
        robot.control.follow(leader.control, JointMap.between(leader.spec, robot.spec).as_dict())
        assert robot.control.engage()
        assert wait(lambda: robot.control.stats().streaming)
        robot.control.hold()
        assert wait(lambda: not robot.control.stats().streaming)
        before, ticks = robot.control.goal_rad, robot.control.stats().ticks
        assert wait(lambda: robot.control.stats().ticks > ticks + 20)
        np.testing.assert_allclose(robot.control.goal_rad, before, atol=5e-3)  # braking


def test_the_lag_is_measured():
    t = (np.arange(400) * 5_000_000).astype(np.int64)
    leader = np.sin(2 * np.pi * t / 1e9)[:, None]
    follower = np.sin(2 * np.pi * (t / 1e9 - 0.042))[:, None]
    assert lag_s(t[100:], follower[100:], t, leader) == pytest.approx(0.042, abs=0.0011)
    assert len(Track(6).since(0)[0]) == 0


def test_the_verb_moves_a_simulated_arm():
    def call(*options: str) -> dict:
        result = CliRunner().invoke(main, ["teleop", "sim:so101", *options, "--json"])
        return {"exit": result.exit_code, **(json.loads(result.stdout) if result.stdout else {})}

    report = call("--leader", "sim:so101_leader", "--seconds", "1.5")
    assert report["reason"] == "time"
    assert report["streams"] >= 1
    assert 150 < report["rate_hz"] < 210
    assert call("--leader", "sim:r2d2")["error"]["kind"] == "SpecError"
    assert (
        call("--leader", "sim:koch_leader", "--map", "gripper=elbow_flex")["error"]["kind"] == "BindingError"
    )
    assert call("--source", "keys")["error"]["message"].startswith("keys need a terminal")
    assert call()["exit"] == 2


def test_units_that_differ_are_refused_before_anything_is_powered():
    with pytest.raises(BindingError):
        JointMap.between(LEADER, RobotSpec.load("so101"), {"gripper": "wrist_roll"})
