"""motorium.run on virtual servos, and the same rules in virtual time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import policies
import pytest
from policies import SPEC, BrokenPolicy, NanPolicy, SinePolicy, StallingPolicy
from virtual_arm import VirtualArm, quick_robot

import motorium
from motorium._core import ControlCore, Mode
from motorium.errors import BusError, SafetyError
from motorium.robots.config import control_config
from motorium.robots.robot import Robot
from motorium.runtime.lockstep import VirtualClock, run_lockstep
from motorium.runtime.run import drive
from motorium.runtime.runner import Runner
from motorium.specs.slots import slot_map
from motorium.types import Observation

REST = np.array([joint.rest_rad for joint in SPEC.joints])
HOME = np.array([joint.home_rad for joint in SPEC.joints])
QUICK = quick_robot(Path(tempfile.mkdtemp()), patient=True)
LETS_GO = quick_robot(Path(tempfile.mkdtemp()), patient=True, exit_="release")
"""For tests that end when their run does; how a run ends at rest is asked of `QUICK`."""


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC, start_rad=HOME) as virtual:
        yield virtual


def opened(arm: VirtualArm, robot: str = QUICK) -> Robot:
    return Robot.open(robot, port=arm.emulator.port, calibration="nominal")


def at_rest(arm: VirtualArm) -> bool:
    return not arm.torque.any() and bool(np.abs(arm.position_rad - REST).max() < 0.06)


def test_a_run_follows_the_policy_and_reports(arm: VirtualArm) -> None:
    policy = SinePolicy(latency_s=0.06)
    progress: list[float] = []
    with opened(arm) as robot:
        report = motorium.run(robot, policy, "swing", 3.0, on_progress=progress.append)
        assert robot.control.mode is Mode.HOLDING
        records = robot.control.telemetry()
    running = records[records["mode"] == 2]
    wanted = np.array([policy.wanted(int(t))[0] for t in running["t_ns"]])
    error = np.abs(running["setpoint_rad"][:, 0] - wanted)[-200:]
    assert np.median(error) < 0.02
    assert report.success is None
    assert 5 <= report.chunks <= 9  # one per 8 rows of 50 ms
    assert min(policy.committed[3:]) >= 3  # 60 ms of latency, plus the margin
    assert report.underflows == 0
    assert report.seam_jump_max_rad < 0.2
    assert progress == sorted(progress)
    figures = json.loads(json.dumps(report.as_dict()))
    assert figures["chunk_latency_ms"]["p50"] >= 60
    assert figures["control"]["ticks"] > 0
    assert "swing: ended" in str(report)
    assert at_rest(arm)


def test_whoever_has_seen_enough_ends_a_run_in_good_order(arm: VirtualArm) -> None:
    pressed = iter([False, False, True])
    with opened(arm, LETS_GO) as robot:
        report = drive(Runner(robot, SinePolicy(), "swing"), 30.0, ended=lambda: next(pressed))
        assert robot.control.mode is Mode.HOLDING
    assert report.success is None
    assert report.duration_s < 3.0


def test_in_synchronous_mode_the_arm_stands_while_the_policy_thinks(arm: VirtualArm) -> None:
    policy = SinePolicy(latency_s=0.15)
    with opened(arm, LETS_GO) as robot:
        report = drive(Runner(robot, policy, "swing", sync=True), 2.0)
        status = robot.status()
        records = robot.control.telemetry()
    assert report.underflows == 0
    assert report.late_chunks == 0
    assert report.chunks >= 2
    assert status.planning.sync
    assert status.planning.latency_estimate_ms >= 150
    assert set(policy.committed[2:]) == {1}
    modes = records["mode"]
    began = np.flatnonzero((modes[1:] == 2) & (modes[:-1] == 3))
    assert len(began) >= 2
    for tick in began:  # 100 ms before each chunk nothing moves
        assert np.ptp(records["goal_rad"][max(0, tick - 18) : tick], axis=0).max() < 1e-5


def test_until_ends_the_run(arm: VirtualArm) -> None:
    policy = SinePolicy()
    with opened(arm, LETS_GO) as robot:
        report = motorium.run(robot, policy, "swing", 30.0, until=lambda: policy.calls >= 4)
    assert report.success is True
    assert report.duration_s < 10


def test_one_bad_chunk_is_survived(arm: VirtualArm) -> None:
    with opened(arm, LETS_GO) as robot:
        report = motorium.run(robot, NanPolicy(first=4, count=1), "swing", 1.3)
    assert report.refused_chunks == 1
    assert report.safety.trips == 0


def test_bad_chunks_stop_the_arm(arm: VirtualArm) -> None:
    with pytest.raises(SafetyError, match="unusable chunks"), opened(arm) as robot:
        motorium.run(robot, NanPolicy(first=3, count=99), "swing", 10.0)
    assert at_rest(arm)


def test_a_policy_that_raises_ends_at_rest_with_its_own_error(arm: VirtualArm) -> None:
    with pytest.raises(ArithmeticError, match="melted"), opened(arm) as robot:
        motorium.run(robot, BrokenPolicy(at=4), "swing", 10.0)
    assert at_rest(arm)


def test_a_stalled_policy_underflows_holds_and_goes_on(arm: VirtualArm) -> None:
    policy = StallingPolicy(at=6, stall_s=1.2)
    with opened(arm, LETS_GO) as robot:
        report = motorium.run(robot, policy, "swing", 3.4)
        records = robot.control.telemetry()
    assert report.underflows == 1
    assert policy.calls > 7
    assert report.safety.trips == 0
    records = records[records["mode"] > 0]  # under torque
    steps = np.abs(np.diff(records["goal_rad"], axis=0)).max(axis=1) / np.diff(
        records["tick"].astype(np.int64)
    )
    assert 0 < steps.max() < 0.04


def test_an_arm_unplugged_in_mid_run(arm: VirtualArm) -> None:
    policy = SinePolicy()

    def pull() -> bool:
        if policy.calls == 5:
            arm.emulator.close()
        return False

    began = time.monotonic()
    with pytest.raises(BusError, match="is gone"), opened(arm) as robot:
        motorium.run(robot, policy, "swing", 30.0, until=pull)
    assert time.monotonic() - began < 10


class PerfectStage:
    """A ControlCore and an arm that is where it was told to be."""

    def __init__(self) -> None:
        self.core = ControlCore(control_config(SPEC))
        self.now_ns = 10**12
        self.tick_ns = round(1e9 / SPEC.control.rate_hz)
        self.q = HOME.astype(np.float32)
        self.map = slot_map(SPEC)
        self.path: list[np.ndarray] = []
        self.core.enable()
        self.advance_to(self.now_ns + self.tick_ns)

    def advance_to(self, t_ns: int) -> None:
        zero = np.zeros(len(self.q), np.float32)
        while self.now_ns < t_ns:
            self.q = self.core.tick(self.now_ns, self.q, zero, zero, self.now_ns)
            self.path.append(self.q)
            self.now_ns += self.tick_ns

    def observe(self, task: str) -> Observation:
        return Observation(self.now_ns, self.map.scatter(self.q), {}, task)


@pytest.mark.parametrize("latency_s", [0.0, 0.03, 0.1, 0.2])
def test_lock_step_uses_the_same_promises(latency_s: float) -> None:
    stage, policy = PerfectStage(), SinePolicy()
    clock = VirtualClock(duration_s=4.0, latency_s=latency_s)
    report = run_lockstep(stage, policy, slot_map(SPEC), "swing", clock)
    assert (report.underflows, report.late_chunks, report.refused_chunks) == (0, 0, 0)
    assert report.chunks == 10
    assert set(policy.committed) == {-(-round(latency_s * 1e9) // 50_000_000) + 1}
    assert stage.core.stats().seam_jump_max_rad < 1e-5
    assert stage.core.stats().clamped == 0
    wanted = policy.wanted(stage.now_ns - stage.tick_ns)
    np.testing.assert_allclose(stage.path[-1], wanted, atol=0.02)


def test_lock_step_repeats_exactly_and_stops_when_told() -> None:
    paths = []
    for _ in range(2):
        stage, policy = PerfectStage(), SinePolicy()
        report = run_lockstep(
            stage, policy, slot_map(SPEC), "swing", VirtualClock(), until=lambda p=policy: p.calls >= 4
        )
        assert report.success is True
        paths.append(np.array(stage.path))
    np.testing.assert_array_equal(paths[0], paths[1])


def test_lock_step_latency_beyond_the_promise_is_late_but_smooth() -> None:
    stage, policy = PerfectStage(), SinePolicy()
    report = run_lockstep(
        stage, policy, slot_map(SPEC), "swing", VirtualClock(duration_s=4.0, latency_s=0.45)
    )
    assert report.late_chunks > 0
    assert np.abs(np.diff(np.array(stage.path), axis=0)).max() < 0.02


RUNNING = """
import sys
sys.path.insert(0, sys.argv[2])
import motorium
from policies import SinePolicy
with motorium.Robot.open(sys.argv[3], port=sys.argv[1], calibration="nominal") as robot:
    motorium.run(robot, SinePolicy(latency_s=0.1), "swing", 60.0, on_progress=lambda s: print(s, flush=True))
"""


@pytest.mark.parametrize("wait_s", [0.02, 0.6])
def test_ctrl_c_during_a_run(arm: VirtualArm, wait_s: float) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", RUNNING, arm.emulator.port, str(Path(policies.__file__).parent), QUICK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(motorium.__file__).parents[1])},
    )
    assert program.stdout is not None
    program.stdout.readline()  # the run has begun
    time.sleep(wait_s)
    program.send_signal(signal.SIGINT)
    time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert at_rest(arm)
