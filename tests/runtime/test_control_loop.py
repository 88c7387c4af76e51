"""The control thread against virtual servos on a pseudo-terminal: the real protocol, in real time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from virtual_arm import VirtualArm
from waiting import wait

from motorium import _core
from motorium._core import Mode, PushStatus, Reason, ServoFault
from motorium.errors import SafetyError
from motorium.robots.config import robot_config
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
DT = 50_000_000
QUICK = {"approach_velocity_share": 0.9}
REST = np.array([joint.rest_rad for joint in SPEC.joints])
HOME = np.array([joint.home_rad for joint in SPEC.joints])


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC, start_rad=HOME) as virtual:
        yield virtual


@pytest.fixture
def loop(arm: VirtualArm) -> Iterator[_core.Robot]:
    """At its end the arm is let go where it stands; how one parks is tested with controls of their own."""
    control = _core.Robot(robot_config(SPEC, **QUICK, exit="release"), [arm.emulator.port])
    control.start()
    yield control
    control.stop()


def feed(loop: _core.Robot, stop: threading.Event, rng: np.random.Generator, max_delay_s: float) -> None:
    """Chunks as an inference thread pushes them: promised rows first, then a walk, late by a random time."""
    while not stop.is_set():
        t0 = time.monotonic_ns()
        delay = int(max_delay_s * 1e9 // DT) + 2
        committed = loop.committed_joints(t0, DT, delay)
        walk = committed[-1] + np.cumsum(rng.normal(0, 0.01, (16 - delay, len(REST))), axis=0)
        stop.wait(rng.uniform(0, max_delay_s))
        loop.push_joints(np.vstack([committed, walk]), t0, DT, delay)
        stop.wait(0.1)


def test_enable_from_any_pose_has_no_jump(arm: VirtualArm, loop: _core.Robot) -> None:
    before = arm.position_rad.copy()
    assert loop.enable()
    ticks = loop.stats().ticks
    assert wait(lambda: loop.stats().ticks > ticks + 40)
    np.testing.assert_allclose(arm.position_rad, before, atol=0.01)
    assert arm.torque.all()


def test_slew_respects_the_approach_speed(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    assert loop.move_to(REST, timeout_s=8.0)
    records = loop.telemetry()
    records = records[records["mode"] == 1]
    grid_s = np.diff(records["t_ns"])[:, None] * 1e-9
    speed = np.abs(np.diff(records["setpoint_rad"], axis=0)) / grid_s
    limit = QUICK["approach_velocity_share"] * np.array([j.max_velocity_rad_s for j in SPEC.joints])
    assert (speed <= limit * 1.001 + 1e-3).all()
    assert (speed.max(axis=0) > 0.9 * limit).any()
    assert wait(lambda: bool(np.abs(arm.position_rad - REST).max() < 0.02))


def test_chunks_are_followed_and_their_end_is_held(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    t0 = time.monotonic_ns()
    start = loop.committed_joints(t0, DT, 1)[0]
    rows = np.linspace(start, start + 0.2, 16)
    rows[:, 5] = start[5]
    assert loop.push_joints(rows, t0, DT, 1) is PushStatus.ACCEPTED
    assert wait(lambda: loop.mode is Mode.RUNNING)
    assert wait(lambda: loop.mode is Mode.HOLDING)
    assert loop.reason is Reason.UNDERFLOW
    assert loop.stats().underflows == 1
    assert wait(lambda: bool(np.abs(arm.position_rad - rows[-1]).max() < 0.02))
    t0 = time.monotonic_ns()
    assert loop.push_joints(np.linspace(rows[-1], start, 16), t0, DT, 1) is PushStatus.ACCEPTED
    assert wait(lambda: loop.mode is Mode.RUNNING)


def test_commands_stay_continuous_under_random_delays(loop: _core.Robot) -> None:
    assert loop.enable()
    stop = threading.Event()
    rng = np.random.default_rng(3)
    thread = threading.Thread(target=feed, args=(loop, stop, rng, 0.15))
    thread.start()
    begin = loop.stats().ticks
    enough = wait(lambda: loop.stats().ticks > begin + 280)
    stop.set()
    thread.join()
    assert enough
    records = loop.telemetry()
    running = records[records["mode"] == 2]
    assert len(running) > 200
    gap = np.diff(running["tick"].astype(np.int64))
    step = np.abs(np.diff(running["setpoint_rad"], axis=0)).max(axis=1)
    # The walk's own speed is about 0.04 rad per row of 10 ticks at its most extreme.
    assert (step <= 0.012 * gap).all()
    goal_step = np.abs(np.diff(running["goal_rad"], axis=0)).max(axis=1)
    assert (goal_step <= 4.0 / SPEC.control.rate_hz * gap + 1e-4).all()


def test_a_lost_reply_in_every_tick_costs_no_tick_at_50_hz(arm: VirtualArm) -> None:
    config = robot_config(SPEC, rate_hz=50.0, exit="release")
    missed, ticks = {}, 25
    for fault in ("none", "drop"):
        control = _core.Robot(config, [arm.emulator.port])
        last = SPEC.joints[-1].id  # all the others have been waited for
        arm.emulator.set_fault(ServoFault(fault), last)
        control.start()
        assert wait(lambda control=control: control.stats().ticks >= ticks)
        stats = control.stats()
        missed[fault] = stats.missed
        if fault == "drop":
            assert stats.bus.timeouts >= ticks - 1
        arm.emulator.set_fault(ServoFault.NONE)
        control.stop()
    assert missed["drop"] <= missed["none"]


def test_unplugged_port_ends_in_fault_quickly(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    t0 = time.monotonic_ns()
    loop.push_joints(np.repeat(loop.committed_joints(t0, DT, 1), 16, axis=0), t0, DT, 1)
    arm.emulator.close()
    assert wait(lambda: loop.mode is Mode.FAULT, 2.0)
    assert loop.reason is Reason.BUS_CLOSED
    began = time.monotonic()
    assert loop.park() is False
    loop.stop()
    assert time.monotonic() - began < 1.0


def test_one_lost_reply_is_not_an_event(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    arm.emulator.set_fault(ServoFault.DROP, 3, period=7)
    before = loop.stats().bus.timeouts
    assert wait(lambda: loop.stats().bus.timeouts > before + 5)
    assert loop.mode is Mode.HOLDING
    assert loop.stats().refused == 0


def test_a_silent_servo_trips_the_gate(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    arm.emulator.set_fault(ServoFault.DROP, 2)
    assert wait(lambda: loop.mode is Mode.FAULT, 3.0)
    assert loop.reason is Reason.GATE_TRIPPED
    arm.emulator.set_fault(ServoFault.NONE, 2)
    assert loop.park()
    assert wait(lambda: not arm.torque.any())
    np.testing.assert_allclose(arm.position_rad, REST, atol=0.06)


def test_stop_parks_and_releases(arm: VirtualArm) -> None:
    control = _core.Robot(robot_config(SPEC, **QUICK), [arm.emulator.port])
    control.start()
    assert control.enable()
    control.stop()
    assert not arm.torque.any()
    np.testing.assert_allclose(arm.position_rad, REST, atol=0.06)


def test_dropping_the_object_parks(arm: VirtualArm) -> None:
    control = _core.Robot(robot_config(SPEC, **QUICK), [arm.emulator.port])
    control.start()
    assert control.enable()
    del control
    assert not arm.torque.any()
    np.testing.assert_allclose(arm.position_rad, REST, atol=0.06)


def test_hold_policy_leaves_the_arm_standing(arm: VirtualArm) -> None:
    control = _core.Robot(robot_config(SPEC, exit="hold"), [arm.emulator.port])
    control.start()
    assert control.enable()
    control.stop()
    assert arm.torque.all()


def test_state_at_interpolates(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.enable()
    loop.move_to(REST)
    assert wait(lambda: abs(arm.position_rad[1] - HOME[1]) > 0.3)
    records = loop.telemetry()
    a, b = records[-12], records[-11]
    middle = int(a["state_t_ns"] + b["state_t_ns"]) // 2
    got = loop.state_at(middle)
    assert got is not None
    assert got.t_ns == middle
    np.testing.assert_allclose(got.position_rad, (a["position_rad"] + b["position_rad"]) / 2, atol=1e-4)


def test_setpoint_at_is_what_was_in_force_then(arm: VirtualArm, loop: _core.Robot) -> None:
    assert loop.setpoint_at(1 << 62) is None  # no tick has come that far
    assert loop.enable()
    loop.move_to(REST)
    assert wait(lambda: abs(arm.position_rad[1] - HOME[1]) > 0.3)
    records = loop.telemetry()
    a, b = records[-12], records[-11]
    assert np.abs(b["setpoint_rad"] - a["setpoint_rad"]).max() > 1e-3
    np.testing.assert_array_equal(loop.setpoint_at(int(a["t_ns"])), a["setpoint_rad"])
    quarter = loop.setpoint_at(int(a["t_ns"]) + int(b["t_ns"] - a["t_ns"]) // 4)
    np.testing.assert_allclose(quarter, 0.75 * a["setpoint_rad"] + 0.25 * b["setpoint_rad"], atol=1e-5)
    np.testing.assert_array_equal(
        loop.setpoint_at(0), records[0]["setpoint_rad"]
    )  # before memory: the oldest


def test_telemetry_is_complete_and_counts_what_was_overwritten(loop: _core.Robot) -> None:
    first = loop.telemetry()
    ticks = loop.stats().ticks
    assert wait(lambda: loop.stats().ticks > ticks + 20)
    second = loop.telemetry()
    together = np.concatenate([first["tick"], second["tick"]])
    np.testing.assert_array_equal(np.diff(together), 1)
    assert loop.stats().telemetry_overwritten == 0


def test_python_holding_the_gil_does_not_delay_control(loop: _core.Robot) -> None:
    """A thread that never lets go of the interpreter: the control thread's periods against a Python loop's."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.05)
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            sum(range(10_000))

    burner = threading.Thread(target=burn)
    periods = []
    try:
        burner.start()
        loop.telemetry()
        woke = time.monotonic()
        for _ in range(30):
            time.sleep(0.005)
            periods.append(time.monotonic() - woke)
            woke = time.monotonic()
        native = loop.telemetry()["period_us"].astype(float) * 1e-6
    finally:
        stop.set()
        burner.join()
        sys.setswitchinterval(interval)
    assert len(native) > 60
    lateness = lambda p: float(np.median(np.abs(np.array(p) - 0.005)))  # noqa: E731
    assert lateness(native) * 10 < lateness(periods)


def test_enable_returns_when_every_servo_has_confirmed(arm: VirtualArm, loop: _core.Robot) -> None:
    for _ in range(3):
        assert loop.enable()
        assert arm.torque.all()
        loop.release()
        assert wait(lambda: not arm.torque.any())


def test_a_servo_that_does_not_confirm_torque_is_named_and_all_stay_limp(arm: VirtualArm) -> None:
    with Robot.open("so101", port=arm.emulator.port, calibration="nominal") as robot:
        robot.control.release()
        assert wait(lambda: not arm.torque.any())
        arm.emulator.set_fault(ServoFault.DROP, 4)
        with pytest.raises(SafetyError, match="torque is off: wrist_flex does not answer any more"):
            robot.enable()
        arm.emulator.set_fault(ServoFault.NONE, 4)
        assert wait(lambda: not arm.torque.any())
