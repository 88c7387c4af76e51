"""The arm is held, and then at rest, when what it is recorded into fails in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from waiting import wait

from motorium._core import Mode

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from virtual_arm import VirtualArm, quick_robot

from motorium.cli._record_view import Silent
from motorium.cli.main import main
from motorium.data.record import recorder
from motorium.data.record.interrupted import InterruptedEpisodeError
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.types import Frame


class Camera:
    """A camera whose every picture is new."""

    role, fps = "front", 50.0

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        del timeout_s
        now_ns = time.monotonic_ns()
        return Frame(np.full((64, 64, 3), now_ns // 20_000_000 % 200, np.uint8), now_ns, now_ns // 20_000_000)

    def close(self) -> None: ...


class Hand:
    """A leader who moves nothing."""

    name = "hand"

    def __init__(self, robot: Robot) -> None:
        self.robot, self.ended = robot, False

    def prepare(self, seed: int, task: str | None) -> str:
        del seed
        return task or ""

    def begin(self) -> None:
        self.robot.control.slew(np.full(6, 0.3, np.float32), 0.9)

    def done(self) -> bool | None:
        return None

    def telemetry(self) -> np.ndarray:
        return self.robot.control.telemetry()

    def end(self) -> None:
        self.ended = True
        self.robot.control.hold()


@pytest.mark.parametrize("what", ["encoder", "folder"])
def test_the_arm_is_held_and_then_at_rest_whatever_ends_the_recording(tmp_path: Path, what: str) -> None:
    spec, root = RobotSpec.load("so101"), tmp_path / "d"

    class Ends(Silent):
        def watches(self, sampler: recorder.Sampler) -> str | None:
            if sampler.rows > 21 and what == "folder":
                shutil.rmtree(root, ignore_errors=True)
            elif sampler.rows > 21:
                os.kill(sampler.writer.encoder_pid, signal.SIGKILL)
            return None

    start = np.array([joint.home_rad for joint in spec.joints])
    plan = recorder.RecordPlan(root, 1, "t", fps=20)
    with VirtualArm(spec, start_rad=start) as arm:
        name = quick_robot(tmp_path)
        with Robot.open(
            name, port=arm.emulator.port, calibration="nominal", cameras={"front": Camera()}
        ) as robot:
            hand = Hand(robot)
            with pytest.raises(InterruptedEpisodeError):
                recorder.record(robot, hand, plan, Ends())
            assert hand.ended
            assert robot.control.mode is Mode.HOLDING
            assert arm.torque.all(), "held, not dropped"
        rest = np.array([joint.rest_rad for joint in spec.joints])
        assert not arm.torque.any()
        np.testing.assert_allclose(arm.position_rad, rest, atol=0.06)


def test_a_session_whose_arm_does_not_get_to_rest_says_what_is_kept(tmp_path: Path) -> None:
    home = np.array([joint.home_rad for joint in RobotSpec.load("so101").joints])

    def gets_stuck_once_an_episode_is_kept(arm: VirtualArm) -> None:
        wait(lambda: any((tmp_path / "my d/meta/episodes").glob("*/*.parquet")), 60)
        arm.stuck = True

    with VirtualArm(RobotSpec.load("so101"), start_rad=home) as arm:
        thread = threading.Thread(target=gets_stuck_once_an_episode_is_kept, args=(arm,))
        thread.start()
        words = [
            "record", quick_robot(tmp_path), "--port", arm.emulator.port, "--calibration", "nominal", "--leader",
            "sim:so101_leader", "--dataset", tmp_path / "my d", "--episodes", "1", "--task", "fold it", "--limit", "1",
        ]  # fmt: skip
        done = CliRunner().invoke(main, [str(word) for word in words])
        thread.join()
    assert done.exit_code == 2
    assert "did not reach its rest pose" in done.stderr
    assert f"1 episode kept in {tmp_path / 'my d'}" in done.stderr
