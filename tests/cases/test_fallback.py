"""What an arm does when chunks stay away is what its file declares, and its exit policy where it declares nothing."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

from motorium._core import ControlCore, Mode, PushStatus
from motorium.errors import SpecError
from motorium.robots.config import control_config
from motorium.robots.robot import Robot
from motorium.specs.robot import DATA, RobotSpec

SPEC = RobotSpec.load("so101")
REST = np.array([joint.rest_rad for joint in SPEC.joints])
START = REST + np.array([0.3, 0.2, 0.0, 0.0, 0.0, 0.3])


def declared(folder: Path, fallback: str) -> str:
    path = Path(quick_robot(folder))
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("fallback_after_s = 3.0", f'fallback_after_s = 0.2\nfallback = "{fallback}"'),
        encoding="utf-8",
    )
    return str(path)


@pytest.mark.parametrize(
    ("fallback", "mode", "torque", "where"),
    [
        ("hold", "holding", True, START),
        ("park", "released", False, REST),
        ("release", "released", False, START),
    ],
)
def test_a_live_arm_does_what_its_file_declares(tmp_path, fallback, mode, torque, where):
    name = declared(tmp_path, fallback)
    with (
        VirtualArm(SPEC, START) as arm,
        Robot.open(name, port=arm.emulator.port, calibration="nominal") as robot,
    ):
        control = robot.control
        rows = np.repeat(control.goal_rad[None], 2, axis=0)
        assert control.push_joints(rows, time.monotonic_ns(), 100_000_000, 1) is PushStatus.ACCEPTED
        assert wait(lambda: control.stats().underflows == 1)
        if fallback != "hold":
            assert wait(lambda: control.mode is Mode.RELEASED)
        else:
            assert not wait(lambda: control.mode is not Mode.HOLDING, timeout_s=0.4)
        assert control.mode.value == mode
        assert wait(lambda: bool(arm.torque.all()) is torque and bool(arm.torque.any()) is torque)
        np.testing.assert_allclose(robot.position_rad, where, atol=0.06)


def after_an_underflow(robot: str) -> str:
    """The mode of a robot's control core a long time after its last chunk, in virtual time."""
    spec = RobotSpec.load(robot)
    core = ControlCore(control_config(spec))
    q = np.array([joint.home_rad for joint in spec.joints], np.float32)
    zero, now, tick = np.zeros_like(q), 10**12, round(1e9 / spec.control.rate_hz)
    core.enable()
    for step in range(round(15 * spec.control.rate_hz)):
        now += tick
        q = core.tick(now, q, zero, zero, now)
        if step == 0:
            core.push_chunk(np.repeat(q[None], 2, axis=0), now, 50_000_000, 1, now)
    assert core.stats().underflows == 1
    return str(core.mode)


@pytest.mark.parametrize(("policy", "mode"), [("hold", "holding"), ("release", "released")])
def test_a_file_without_a_fallback_means_its_exit_policy(tmp_path, policy, mode):
    text = (DATA / "koch_follower.toml").read_text(encoding="utf-8")
    path = tmp_path / "koch.toml"
    path.write_text(text.replace('policy = "park"', f'policy = "{policy}"'), encoding="utf-8")
    assert after_an_underflow(str(path)) == mode


def test_a_fallback_differs_from_the_exit_policy(tmp_path):
    path = tmp_path / "koch.toml"
    text = (DATA / "koch_follower.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("[control]\n", '[control]\nfallback = "hold"\n'), encoding="utf-8")
    assert RobotSpec.load(path).exit.policy == "park"
    assert after_an_underflow(str(path)) == "holding"


def test_an_unknown_fallback_is_named(tmp_path):
    with pytest.raises(
        SpecError, match=r"control\.fallback is 'panic'; valid choices: .*park, hold, release"
    ):
        RobotSpec.load(declared(tmp_path, "panic"))
