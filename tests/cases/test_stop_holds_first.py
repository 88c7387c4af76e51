"""Whatever ends a run, the arm holds first; who thinks, sees or asks slowly is not waited for."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from turning_policy import Turn
from waiting import wait

import motorium as mt
from motorium._core import Mode, PushStatus
from motorium.errors import SafetyError
from motorium.runtime import inference
from motorium.runtime.run import drive
from motorium.runtime.runner import Runner

FOREVER_S = 60.0
RUNNING = 2
ENOUGH = 4
DT_S = 0.02
"""Between rows: a policy is asked for its next plan after four of them."""
HOLDS_WITHIN_NS = 200_000_000


@pytest.fixture
def robot(virtual_robot: mt.Robot, monkeypatch: pytest.MonkeyPatch) -> mt.Robot:
    monkeypatch.setattr(inference, "LEAVE_AFTER_S", 0.05)
    virtual_robot.control.telemetry()
    return virtual_robot


class StuckError(Exception):
    """What a caller's own function may raise."""


class Ending:
    """Ends a run in one of the ways there are, once the policy is lost in thought."""

    def __init__(self, how: str, policy: Turn) -> None:
        self.how, self.policy, self.t_ns = how, policy, 0

    def until(self) -> bool:
        if self.policy.calls <= ENOUGH or self.t_ns:
            return False
        self.t_ns = time.monotonic_ns()
        if self.how == "ctrlc":
            os.kill(os.getpid(), signal.SIGINT)
        if self.how == "until raises":
            raise StuckError
        return self.how == "until"

    def progress(self, _elapsed_s: float) -> None:
        if self.how == "on_progress raises" and self.policy.calls > ENOUGH:
            self.t_ns = time.monotonic_ns()
            raise StuckError


def ran_on_ns(robot: mt.Robot, stop_ns: int) -> int:
    """How long after `stop_ns` the arm still followed a plan."""
    ticks = robot.control.telemetry()
    assert (ticks["mode"] == RUNNING).any(), "it had been moving"
    late = ticks["t_ns"][(ticks["mode"] == RUNNING) & (ticks["t_ns"] > stop_ns)]
    return int(late.max() - stop_ns) if len(late) else 0


@pytest.mark.parametrize("how", ["until", "ctrlc", "until raises", "on_progress raises"])
def test_the_arm_holds_at_once_and_a_late_plan_moves_nothing(robot: mt.Robot, how: str) -> None:
    policy = Turn(robot.spec, dt_s=DT_S, thinks_s=lambda call: FOREVER_S if call > ENOUGH else 0.0)
    ending = Ending(how, policy)
    expected = {"ctrlc": KeyboardInterrupt, "until": ()}.get(how, StuckError)
    begin_s = time.monotonic()
    try:
        mt.run(robot, policy, "turn", 20.0, until=ending.until, on_progress=ending.progress)
        assert how == "until"
    except expected:
        pass
    assert time.monotonic() - begin_s < 15
    assert ran_on_ns(robot, ending.t_ns) < HOLDS_WITHIN_NS
    stands = robot.control.goal_rad
    policy.free.set()  # the inference comes back, with a plan from before the stop
    time.sleep(0.3)
    assert robot.control.mode is Mode.HOLDING
    np.testing.assert_allclose(robot.control.goal_rad, stands, atol=0.02)


@pytest.mark.parametrize("stop", ["hold", "move_to"])
def test_a_stop_does_not_finish_what_the_gate_was_still_catching_up_with(robot: mt.Robot, stop: str) -> None:
    robot.home()
    control, here = robot.control, robot.control.goal_rad
    rows = np.tile(here, (64, 1))
    rows[4:, 0] += 1.8  # at once
    assert control.push_joints(rows, time.monotonic_ns(), 20_000_000, 2) is PushStatus.ACCEPTED
    assert wait(lambda: control.goal_rad[0] > here[0] + 0.2)
    stopped_ns = time.monotonic_ns()
    there = control.goal_rad
    control.hold() if stop == "hold" else control.move_to(there, 1.0)
    time.sleep(0.5)
    ticks = control.telemetry()
    lag = ticks["setpoint_rad"][:, 0] - ticks["goal_rad"][:, 0]
    assert lag.max() > 1.0, "the arm was far behind its plan"
    later = ticks[ticks["t_ns"] > stopped_ns + HOLDS_WITHIN_NS]["goal_rad"]
    assert np.ptp(later, axis=0).max() < (0.01 if stop == "hold" else 0.3)
    assert np.abs(ticks["goal_rad"][:, 0] - here[0]).max() < there[0] - here[0] + 0.4
    speed = np.abs(np.diff(ticks["goal_rad"], axis=0)).max() * robot.spec.control.rate_hz
    assert speed <= 1.01 * max(joint.max_velocity_rad_s for joint in robot.spec.joints)


class Slowing(Turn):
    """Declares other rows and another rhythm once it runs, and keeps to them."""

    def __init__(self, spec: mt.RobotSpec, name: str, value: float) -> None:
        super().__init__(spec, dt_s=DT_S)
        self.change = (name, value)

    def infer(self, obs: mt.Observation, *, committed: np.ndarray | None = None) -> mt.ActionChunk:
        if self.calls == ENOUGH:
            self.info = replace(self.info, **dict([self.change]))
        return super().infer(obs, committed=committed)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("dt_s", 0.1, r"0\.1 s apart; the policy declares 0\.02"), ("rows", 80, "shape")],
)
def test_a_policy_is_held_to_the_rhythm_it_was_bound_with(
    robot: mt.Robot, name: str, value: float, why: str
) -> None:
    with pytest.raises(SafetyError, match=why):
        mt.run(robot, Slowing(robot.spec, name, value), "turn", 5.0, until=lambda: False)
    assert robot.control.mode is Mode.HOLDING


def test_the_end_of_the_time_is_such_an_end(robot: mt.Robot) -> None:
    policy, asked = (
        Turn(robot.spec, dt_s=DT_S, thinks_s=lambda call: FOREVER_S if call > ENOUGH else 0.0),
        [0],
    )

    def progress(_elapsed_s: float) -> None:
        asked[0] = time.monotonic_ns()

    report = mt.run(robot, policy, "turn", 0.7, until=lambda: False, on_progress=progress)
    policy.free.set()
    assert report.success is False
    assert ran_on_ns(robot, asked[0] + 50_000_000) < HOLDS_WITHIN_NS  # asked 20 times a second
    assert robot.control.mode is Mode.HOLDING


def test_who_asks_slowly_does_not_lengthen_the_run(robot: mt.Robot) -> None:
    begun_ns: list[int] = []

    def until() -> bool:
        begun_ns.append(time.monotonic_ns())
        time.sleep(1.5)
        return False

    mt.run(robot, Turn(robot.spec, dt_s=DT_S), "turn", 0.7, until=until)
    assert ran_on_ns(robot, begun_ns[0] + 700_000_000) < HOLDS_WITHIN_NS
    assert robot.control.mode is Mode.HOLDING


def test_a_camera_that_blocks_is_not_waited_for(robot: mt.Robot, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, freed, looks, stopped = Turn(robot.spec, dt_s=DT_S), threading.Event(), [0], [0]
    look = robot.observe

    def observe(task: str) -> mt.Observation:
        looks[0] += 1
        if looks[0] > 3:
            freed.wait(FOREVER_S)
        return look(task)

    def until() -> bool:
        stopped[0] = time.monotonic_ns()
        return looks[0] > 3

    monkeypatch.setattr(robot, "observe", observe)
    mt.run(robot, policy, "turn", 20.0, until=until)
    assert ran_on_ns(robot, stopped[0]) < HOLDS_WITHIN_NS
    freed.set()


def test_ctrl_c_does_not_wait_for_the_first_plan(robot: mt.Robot) -> None:
    policy = Turn(robot.spec, dt_s=DT_S, thinks_s=lambda _: FOREVER_S)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        mt.run(robot, policy, "turn", 20.0)
    assert time.monotonic() - begin_s < 5
    assert robot.control.mode is Mode.HOLDING
    policy.free.set()


def test_a_policy_lost_in_thought_is_said_once_and_not_run_again(
    robot: mt.Robot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inference, "MAX_BUSY_S", 0.05)
    policy = Turn(robot.spec, dt_s=DT_S, thinks_s=lambda call: FOREVER_S if call >= 4 else 0.0)
    runner = Runner(robot, policy, "turn")
    with caplog.at_level(logging.WARNING):
        drive(runner, 20.0, until=lambda: policy.calls >= 4)
        runner.stop()
    assert [r.message for r in caplog.records if "still running" in r.message] == [caplog.records[-1].message]
    with pytest.raises(SafetyError, match="still busy"):
        mt.run(robot, policy, "turn", 1.0)
    policy.free.set()
    monkeypatch.setattr(inference, "MAX_BUSY_S", 10.0)
    report = mt.run(robot, policy, "turn", 0.5)
    assert report.chunks > 0, "it has come back"
