"""Harms of the control loop: what slows it, a rate that nobody tells, a start that takes seconds."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from data_samples import schema
from waiting import wait

from motorium._core import Mode
from motorium.cameras.thread import CameraThread, Shot
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
PERIOD_US = 1e6 / SPEC.control.rate_hz


def test_harm_02_an_encoder_that_stands_still_loses_pictures_and_no_control(
    robot: Robot, tmp_path: Path
) -> None:
    pytest.importorskip("av")
    from motorium.data.record.encoder import NICE
    from motorium.data.record.sink import VideoSink

    sink = VideoSink(schema(cameras=["observation.images.front"], side=64).videos, 20, "h264", slots=2)
    sink.open(tmp_path)
    picture = np.zeros((64, 64, 3), np.uint8)
    assert sink.put(0, picture)
    nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    assert wait(lambda: os.getpriority(os.PRIO_PROCESS, sink.pid) == nice)
    os.kill(sink.pid, signal.SIGSTOP)  # as an encoder that never gets a core
    before = robot.control.stats()
    taken = [sink.put(0, picture) for _ in range(40)]
    assert wait(lambda: robot.control.stats().ticks > before.ticks + 40)
    after = robot.control.stats()
    assert sum(taken) <= 2
    assert sink.dropped["observation.images.front"] == taken.count(False)
    assert (after.mode, after.trips) == (Mode.HOLDING, 0)
    assert after.missed - before.missed <= 0.5 * (after.ticks - before.ticks)
    os.kill(sink.pid, signal.SIGCONT)
    assert sink.finish()[0][0] == 41, "every row has its place in the film"
    sink.close()


def test_harm_20_a_slow_camera_does_not_slow_the_arm(robot: Robot) -> None:
    """A camera that takes a fifth of a second for a picture, and a program that waits for it."""
    shots: queue.Queue[Shot] = queue.Queue()

    def grab() -> Shot:
        time.sleep(0.2)
        return shots.get()

    camera = CameraThread("front", lambda: SimpleNamespace(grab=grab, close=lambda: None), max_age_s=5.0)
    for _ in range(3):
        shots.put(Shot(np.zeros((4, 4, 3), np.uint8)))
    robot.control.telemetry()
    begin = time.monotonic()
    seen = 0
    while seen < 2:
        seen = camera.read_newer(seen).seq
    elapsed_s = time.monotonic() - begin
    ticks = robot.control.telemetry()
    assert elapsed_s > 0.2
    assert len(ticks) > 0.8 * elapsed_s * SPEC.control.rate_hz
    assert abs(float(np.median(ticks["period_us"])) - PERIOD_US) < 0.1 * PERIOD_US
    shots.put(Shot(np.zeros((4, 4, 3), np.uint8)))
    camera.close()


def test_harm_21_the_rate_is_told(robot: Robot) -> None:
    """Live, as percentiles and misses, and the age of what was decided upon."""
    assert wait(lambda: robot.control.stats().ticks > 60)
    control = robot.status().control
    assert control.rate_hz == SPEC.control.rate_hz
    assert abs(control.period_us.p50 - PERIOD_US) < 0.1 * PERIOD_US
    assert control.period_us.p99 >= control.period_us.p50
    assert control.state_age_us.p50 > 0
    assert control.missed >= 0


def test_harm_21_an_episode_says_its_rate_and_a_strict_one_keeps_it() -> None:
    pytest.importorskip("pyarrow")
    from motorium.data.record.rhythm import Rhythm

    kind = np.dtype([("t_ns", "<i8"), ("state_t_ns", "<i8"), ("period_us", "<u4"), ("seam_rad", "<f4")])
    ticks = np.zeros(200, kind)
    ticks["t_ns"] = np.arange(200) * 5_000_000
    ticks["state_t_ns"] = ticks["t_ns"] - 900_000
    ticks["period_us"] = 5000
    ticks["period_us"][::20] = 9000
    ticks["seam_rad"][[10, 90]] = 0.02, 0.05
    rhythm = Rhythm()
    rhythm.take(ticks[:120])
    rhythm.take(ticks[120:])
    told = rhythm.as_dict()
    assert told["ticks"] == 200
    assert told["period_us"] == {"p50": 5000.0, "p99": 9000.0}
    assert told["state_age_us"]["p50"] == 900.0
    assert told["seams"]["count"] == 2
    assert told["seams"]["max_rad"] == pytest.approx(0.05)
    kept = {"rows were late": (0, 300), "control ticks were missed": (3, 2000)}
    assert Rhythm.problem(29.9, 30, kept) == ""
    assert Rhythm.problem(27.0, 30, kept) == "27.0 rows a second instead of 30"
    assert "150 of 2000 control ticks were missed" in Rhythm.problem(
        30.0, 30, {**kept, "control ticks were missed": (150, 2000)}
    )


def test_harm_26_the_command_line_starts_at_once() -> None:
    """No torch, no numpy, none of the verbs: what takes others 2 to 20 seconds is not even imported."""
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom motorium.cli.main import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\nprint('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "motorium.cli.main" in loaded
    assert not loaded & {"torch", "numpy", "mujoco", "rich", "PIL", "av", "pyarrow", "motorium._core"}
    verbs = {name for name in loaded if name.startswith("motorium.cli.")}
    assert verbs <= {"motorium.cli.main", "motorium.cli._streams", "motorium.cli._print"}
