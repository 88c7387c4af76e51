"""Harms of the first and the last command."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
import safe_state
from servo_arm import TICKS_PER_RAD
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

from motorium import _core
from motorium._core import ControlCore, PushStatus
from motorium.errors import MotoriumError, SafetyError, SpecError
from motorium.robots.config import control_config
from motorium.robots.robot import Robot
from motorium.specs.robot import DATA, RobotSpec
from motorium.teleop.leader import open_leader
from motorium.teleop.session import Session

SPEC = RobotSpec.load("so101")
REST = np.array([joint.rest_rad for joint in SPEC.joints], np.float32)
PERIOD_S = 0.005
TICK_RAD = 1 / TICKS_PER_RAD


def test_harm_05_first_command_is_no_jump(arm: VirtualArm, loop: _core.Robot) -> None:
    """A plan that begins 1.2 rad away at the very first moment: gears of LeRobot users were stripped by that."""
    arm.emulator.poke(1, 42, (4000).to_bytes(2, "little"))  # a goal left over from somebody else
    assert loop.enable()
    np.testing.assert_allclose(arm.goal_rad(), REST, atol=3 * TICK_RAD)
    far = np.repeat(REST[None], 16, axis=0)
    far[:, 0] += 1.2
    now = time.monotonic_ns()
    loop.telemetry()
    assert loop.push_joints(far, now, 50_000_000, 0) in {PushStatus.ACCEPTED, PushStatus.LATE}
    assert wait(lambda: abs(arm.position_rad[0] - 1.2) < 0.1)
    goals = loop.telemetry()
    seconds = np.diff(goals["t_ns"]) * 1e-9
    step = np.diff(goals["goal_rad"][:, 0])
    speed = step / seconds
    assert 0.0 < step.max() <= 1.01 * SPEC.joints[0].max_velocity_rad_s * PERIOD_S, (
        "in one tick, however late it is"
    )
    # A tick that comes late moves the arm for longer than the one before it: speeds are compared between punctual ones.
    punctual = np.abs(seconds - np.median(seconds)) < 0.1 * np.median(seconds)
    change = (np.abs(np.diff(speed)) / seconds[1:])[punctual[1:] & punctual[:-1]]
    assert len(change) >= 10, "enough pairs of punctual ticks, on a busy machine too"
    assert change.max() <= 1.2 * SPEC.joints[0].max_acceleration_rad_s2


@pytest.mark.parametrize("value", ["0.0", "-3.0", "nan", "inf", '"5"', "true"])
@pytest.mark.parametrize("key", ["max_velocity_rad_s", "max_acceleration_rad_s2", "max_effort"])
def test_harm_06_a_limit_that_is_none_is_refused_when_it_is_read(
    tmp_path: Path, key: str, value: str
) -> None:
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    path = tmp_path / "so101.toml"
    path.write_text(re.sub(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE))
    with pytest.raises(SpecError, match=key):
        RobotSpec.load(str(path))


def test_harm_06_limits_are_on_and_nothing_that_is_no_number_passes() -> None:
    assert all(0 < joint.max_velocity_rad_s < 10 and 0 < joint.max_effort <= 1 for joint in SPEC.joints)
    core, now, zero = ControlCore(control_config(SPEC)), 10**12, np.zeros(6, np.float32)
    core.enable()
    core.tick(now, REST, zero, zero, now)
    for bad in (np.nan, np.inf, -np.inf):
        rows = np.repeat(REST[None], 16, axis=0)
        rows[7, 3] = bad
        assert core.push_chunk(rows, now, 50_000_000, 0, now) is PushStatus.MALFORMED
        with pytest.raises(ValueError, match="not finite"):
            core.move_to(rows[7])
        for _ in range(20):
            now += 5_000_000
            goal = core.tick(now, REST, zero, zero, now)
            np.testing.assert_allclose(goal, REST, atol=1e-4)


def test_harm_07_ctrl_c_three_times_still_brings_the_arm_to_rest() -> None:
    safe_state.check("Ctrl-C, three times")


def test_harm_08_the_follower_lets_go_when_the_leader_is_unplugged(arm: VirtualArm, tmp_path: Path) -> None:
    """In LeRobot the leader's error keeps the follower's disconnect from running."""
    begin = [0.0]

    def lose_the_leader() -> None:
        with (
            Robot.open(quick_robot(tmp_path), port=arm.emulator.port, calibration="nominal") as robot,
            open_leader("sim:so101_leader", motion=lambda _t: REST.astype(float)) as leader,
        ):
            Session(robot).follow(leader, seconds=0.1)
            assert arm.torque.all()
            leader._backend.close()
            begin[0] = time.monotonic()
            Session(robot).follow(leader, seconds=5.0)

    with pytest.raises(MotoriumError) as caught:
        lose_the_leader()
    assert "is gone" in str(caught.value)
    assert time.monotonic() - begin[0] < SPEC.exit.park_timeout_s
    assert not arm.torque.any()


def test_harm_08_what_fails_at_the_start_leaves_nothing_under_torque(arm: VirtualArm, tmp_path: Path) -> None:
    arm.temperature_c = 70
    time.sleep(0.02)  # the virtual arm shows it
    with (
        pytest.raises(SafetyError, match="70 C"),
        open_leader("sim:so101_leader"),
        Robot.open(quick_robot(tmp_path), port=arm.emulator.port, calibration="nominal"),
    ):
        pass
    assert not arm.torque.any()
