"""`move_to` says by measurement whether the arm arrived, holds it whenever it did not, and names the cause."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

from motorium._core import Mode, MoveEnd, Reason, ServoFault
from motorium.deprecated import OldAccessWarning
from motorium.errors import BusError, SafetyError, SpecError
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

LIFT = 1
AWAY = {"shoulder_lift": -1.2}
SLOW = 0.06
"""Of the velocity limit: the motion takes seconds."""


class Bench:
    """An open robot on virtual servos; `ready` makes it whole again between tests."""

    def __init__(self, robot: Robot, arm: VirtualArm) -> None:
        self.robot, self.arm = robot, arm
        self.gripper = robot.spec.joint_names.index("gripper")

    def ready(self) -> None:
        self.arm.blocked = None
        self.arm.sag_rad[:] = 0.0
        self.arm.emulator.set_fault(ServoFault.NONE)
        if self.robot.status().control.estop:
            self.robot.reset_estop()
        if self.robot.control.mode is Mode.FAULT:
            self.robot.control.release()
        if not self.robot.status().control.torque:
            self.robot.enable()
        rest = np.array([joint.rest_rad for joint in self.robot.spec.joints])
        if np.abs(self.robot.position_rad - rest).max() > 0.02:
            self.robot.move_to(rest, velocity_fraction=1.0)

    def stands(self, for_s: float = 0.15) -> bool:
        time.sleep(0.1)  # to come to rest
        before = self.robot.position_rad
        time.sleep(for_s)
        return bool(np.abs(self.robot.position_rad - before).max() < 0.005)

    def during_a_move(self, act: Callable[[], object]) -> None:
        """Move slowly, with `act` called by another thread meanwhile."""
        meanwhile = threading.Timer(0.15, act)
        meanwhile.start()
        try:
            self.robot.move_to(AWAY, velocity_fraction=SLOW)
        finally:
            meanwhile.join()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    spec = RobotSpec.load("so101")
    name = quick_robot(tmp_path_factory.mktemp("moves"))
    with VirtualArm(spec) as arm, Robot.open(name, port=arm.emulator.port, calibration="nominal") as robot:
        bench = Bench(robot, arm)
        yield bench
        bench.ready()


@pytest.fixture
def bench(opened: Bench) -> Bench:
    opened.ready()
    return opened


def test_the_result_says_where_the_arm_was_measured(bench: Bench) -> None:
    result = bench.robot.move_to({"elbow_flex": 1.2, "gripper": 0.4})
    assert result.goal_rad["elbow_flex"] == pytest.approx(1.2)
    assert result.position_rad["elbow_flex"] == pytest.approx(1.2, abs=0.07)
    assert result.contact == ()


def test_a_joint_that_something_stops_has_not_arrived(bench: Bench) -> None:
    bench.arm.blocked = LIFT
    with pytest.raises(SafetyError, match=r"did not arrive: shoulder_lift at -1\.7. rad, goal -1\.20"):
        bench.robot.move_to(AWAY)
    assert bench.robot.control.mode is Mode.HOLDING


def test_a_gripper_that_something_stops_has_arrived_and_says_so(bench: Bench) -> None:
    bench.robot.move_to({"gripper": 0.6})
    bench.arm.blocked = bench.gripper
    assert bench.robot.move_to({"gripper": 0.0}).contact == ("gripper",)


def test_a_gripper_without_force_has_not_arrived(bench: Bench) -> None:
    bench.arm.sag_rad[bench.gripper] = 0.5  # stands elsewhere and does not push
    with pytest.raises(SafetyError, match="did not arrive: gripper"):
        bench.robot.move_to({"gripper": 0.0})


def test_gravity_may_take_what_the_servo_declares_and_no_more(bench: Bench) -> None:
    bench.arm.sag_rad[LIFT] = 0.18
    bench.robot.move_to(AWAY)
    bench.arm.sag_rad[LIFT] = 0.25
    with pytest.raises(SafetyError, match=r"shoulder_lift at -0\.9. rad, goal -1\.20"):
        bench.robot.move_to(AWAY)


def test_a_time_out_holds_the_arm(bench: Bench) -> None:
    with pytest.raises(
        SafetyError, match=r"did not arrive in 0\.2 s: shoulder_lift at -1\.\d+ rad, goal -1\.20"
    ):
        bench.robot.move_to(AWAY, velocity_fraction=SLOW, timeout_s=0.2)
    assert bench.robot.control.mode is Mode.HOLDING
    assert bench.stands()


def test_the_old_name_of_the_fraction_warns(bench: Bench) -> None:
    with pytest.warns(OldAccessWarning, match="velocity_share of move_to.. is now called velocity_fraction"):
        bench.robot.move_to(AWAY, velocity_share=1.0)


def test_ctrl_c_holds_the_arm(bench: Bench) -> None:
    with pytest.raises(KeyboardInterrupt):
        bench.during_a_move(lambda: os.kill(os.getpid(), signal.SIGINT))
    assert wait(lambda: bench.robot.control.mode is Mode.HOLDING)
    assert bench.stands()


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        ("hold", "another caller made it hold"),
        ("park", "another caller parked it"),
        ("release", "another caller switched its torque off"),
        ("estop", "emergency stop"),
        ("move", "another motion was requested"),
    ],
)
def test_who_ended_a_motion_is_named(bench: Bench, request_: str, cause: str) -> None:
    control = bench.robot.control
    here = bench.robot.position_rad
    acts = {"park": lambda: control.park(5.0), "move": lambda: control.move_to(here, 1.0)}
    with pytest.raises(SafetyError, match=cause):
        bench.during_a_move(acts.get(request_, getattr(control, request_, None)))
    assert wait(lambda: control.mode is not Mode.MOVING)


@pytest.mark.parametrize("share", [0.0, -1.0, 2.0, math.inf, math.nan])
def test_a_share_outside_its_range_is_refused(bench: Bench, share: float) -> None:
    moves = bench.robot.control.stats().moves_done
    with pytest.raises(ValueError, match=r"velocity_fraction must be in \(0, 1\]"):
        bench.robot.move_to(AWAY, velocity_fraction=share)
    with pytest.raises(ValueError, match="velocity_share"):
        bench.robot.control.move_to(bench.robot.position_rad, share)
    assert bench.robot.control.stats().moves_done == moves


def test_a_motion_too_slow_to_compute_holds_the_arm(bench: Bench) -> None:
    before = bench.robot.position_rad
    with pytest.raises(SafetyError, match="such a slow motion cannot be computed"):
        bench.robot.move_to(AWAY, velocity_fraction=1e-12)
    assert (bench.robot.control.mode, bench.robot.control.reason) == (Mode.HOLDING, Reason.UNPLANNED)
    assert bench.stands()
    np.testing.assert_allclose(bench.robot.position_rad, before, atol=0.005)


def test_a_goal_in_degrees_moves_nothing(bench: Bench) -> None:
    with pytest.raises(
        SpecError, match=r"shoulder_lift cannot go to 45\.00 rad: its range is -1\.75 to 1\.75"
    ):
        bench.robot.move_to({"shoulder_lift": 45.0})
    assert bench.robot.control.mode is Mode.HOLDING


def test_replies_lost_for_a_moment_end_a_motion_with_their_cause(bench: Bench) -> None:
    def silence() -> None:
        bench.arm.emulator.set_fault(ServoFault.DROP)
        time.sleep(0.12)
        bench.arm.emulator.set_fault(ServoFault.NONE)

    began = time.monotonic()
    with pytest.raises(BusError, match=r"servos on /dev/pts/\d+ did not answer .*time-outs"):
        bench.during_a_move(silence)
    assert time.monotonic() - began < 3.0  # and not after the 15 s of the motion
    assert wait(
        lambda: bench.robot.control.mode is Mode.HOLDING and bench.robot.control.reason is Reason.NONE
    )
    bench.robot.move_to(AWAY)


@pytest.mark.parametrize(("stop", "mode"), [("hold", "holding"), ("release", "released")])
def test_a_flood_of_motions_keeps_no_stop_from_the_arm(bench: Bench, stop: str, mode: str) -> None:
    control, here = bench.robot.control, bench.robot.position_rad
    away = here.copy()
    away[LIFT] += 0.5
    for i in range(200):  # more than wait in the queue of one tick
        control.move_to(away if i % 2 else here, 0.3)
    getattr(control, stop)()
    assert control.mode.value == mode
    time.sleep(0.05)
    assert control.mode.value == mode
    assert bench.stands()


def test_a_motion_asked_for_in_a_moment_of_silence_is_made_after_it(bench: Bench) -> None:
    control = bench.robot.control
    bench.arm.emulator.set_fault(ServoFault.DROP)
    assert wait(lambda: control.reason is Reason.BUS_ERRORS)
    heard = threading.Timer(0.01, lambda: bench.arm.emulator.set_fault(ServoFault.NONE))
    heard.start()
    target = bench.robot.position_rad
    target[LIFT] = AWAY["shoulder_lift"]
    assert control.slew(target, 1.0) in {MoveEnd.ARRIVED, MoveEnd.FAULT}  # and never "held": nobody said so
    heard.join()


def test_an_exit_that_leaves_a_joint_away_from_rest_names_it(tmp_path: Path) -> None:
    spec = RobotSpec.load("so101")
    start = np.array([joint.rest_rad for joint in spec.joints])
    start[LIFT] += 0.4
    with VirtualArm(spec, start) as arm:
        robot = Robot.open(quick_robot(tmp_path), port=arm.emulator.port, calibration="nominal").__enter__()
        arm.blocked = LIFT
        with pytest.raises(
            SafetyError, match=r"did not reach its rest pose: shoulder_lift at -1\.3. rad, goal -1\.75"
        ):
            robot.close()
        assert not arm.torque.any()


def test_a_dynamixel_arm_is_judged_alike(tmp_path: Path) -> None:
    spec = RobotSpec.load("koch_follower")
    start = np.array([joint.home_rad for joint in spec.joints])
    with (
        VirtualArm(spec, start) as arm,
        Robot.open(
            quick_robot(tmp_path, "koch_follower"), port=arm.emulator.port, calibration="nominal"
        ) as robot,
    ):
        arm.blocked = spec.joint_names.index("elbow_flex")
        goal = float(start[arm.blocked]) + 0.5
        with pytest.raises(SafetyError, match=rf"did not arrive: elbow_flex at \S+ rad, goal {goal:.2f}"):
            robot.move_to({"elbow_flex": goal})
        arm.blocked = None
        robot.move_to({"elbow_flex": float(start[2])})
        robot.control.release()
