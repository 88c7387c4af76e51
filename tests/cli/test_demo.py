"""`motorium demo` and `motorium run` as processes: whole on success, clean on every way to fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nano_samples
import pytest

from motorium.policies.nano.checkpoint import save_checkpoint
from motorium.sim.report import FILM, REPORT, SHEET

TASK = "put the red cube in the tray"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> str:
    """A checkpoint that fits the robot and has learnt nothing."""
    sample = nano_samples.descriptor(nano_samples.SMALL)
    folder = tmp_path_factory.mktemp("models") / "untrained"
    return str(save_checkpoint(folder, sample, nano_samples.weights(sample)))


def test_a_demo_ends_in_figures_and_files_whether_or_not_it_succeeds(untrained, tmp_path):
    program = (  # the verb; its episode ends after 3 s and not after 15
        "import functools, sys; from motorium.cli.main import main; from motorium.sim import demo\n"
        "demo.DemoPlan = functools.partial(demo.DemoPlan, limit_s=3.0)\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert 'torch' not in sys.modules\n"
    )
    arguments = ["demo", "--headless", "--json", "--episodes", "1", "--seed", "3", "--checkpoint", untrained]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--out", str(tmp_path / "report")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["robot"] == "sim:so101"
    assert figures["transport"] == "pty"
    assert figures["episodes"] == 1
    assert figures["control"]["ticks"] > 500
    assert figures["chunk_latency_ms"]["p50"] > 0
    assert figures["safety"]["trips"] == 0
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == sorted([SHEET, FILM, REPORT])


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "motorium", *arguments]
    return subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in tasks for child in path.read_text().split()]


def test_ctrl_c_in_the_middle_of_an_episode(untrained, tmp_path):
    process = start(tmp_path, "demo", "--headless", "--episodes", "5", "--checkpoint", untrained)
    assert process.stdout is not None
    assert "in the tray" in process.stdout.readline()  # the first episode has begun
    simulator = children(process.pid)
    assert simulator
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in simulator)


def test_an_arm_that_vanishes_in_the_middle_of_an_episode(untrained, tmp_path):
    process = start(tmp_path, "demo", "--headless", "--episodes", "5", "--checkpoint", untrained)
    assert process.stdout is not None
    assert "in the tray" in process.stdout.readline()
    for pid in children(process.pid):
        os.kill(pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "error: " in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["demo", "--checkpoint", "nowhere"], "no checkpoint 'nowhere'"),
        (["demo", "--checkpoint", "UNTRAINED", "--task", "juggle"], "valid tasks"),
        (["run", "UNTRAINED", "--robot", "r2d2", "--task", TASK], "known robots: koch_follower, koch_leader, so101"),
        (["run", "UNTRAINED", "--robot", "mars:so101", "--task", TASK], "sim"),
        (["run", "UNTRAINED", "--robot", "so101", "--task", TASK, "--calibration", "nominal"], "port"),
        (["run", "UNTRAINED", "--robot", "so101", "--task", TASK, "--calibration", "nominal",
          "--port", "/dev/ttyACM77"], "/dev/ttyACM77"),
        (["eval", "UNTRAINED", "--robot", "so101"], "sim:so101"),
        (["eval", "UNTRAINED", "--task", "fold-shirt"], "pick-to-tray"),
        (["eval", "UNTRAINED", "--seed", "1000000000"], "training"),
        (["eval", "nowhere"], "no checkpoint 'nowhere'"),
    ],
)  # fmt: skip
def test_a_wrong_argument_ends_in_one_line_that_names_the_right_ones(
    shell, untrained, tmp_path, arguments, advice
):
    result = shell(*[untrained if word == "UNTRAINED" else word for word in arguments], "--json")
    assert result.returncode == 2
    assert advice in result.stderr
    assert "Traceback" not in result.stderr
    assert set(json.loads(result.stdout)["error"]) == {"kind", "message"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harm", ["truncated", "renamed", "not safetensors", "wrong shape"])
def test_a_damaged_checkpoint_ends_in_one_line(shell, untrained, tmp_path_factory, harm):
    folder = tmp_path_factory.mktemp("damaged")
    config, weights = (Path(untrained, name).read_bytes() for name in ("config.json", "model.safetensors"))
    if harm == "truncated":
        weights = weights[: len(weights) // 2]
    elif harm == "not safetensors":
        weights = b"PK\x03\x04" + weights
    elif harm == "wrong shape":
        config = config.replace(b'"prefix_width": 12', b'"prefix_width": 16')
    (folder / "config.json").write_bytes(config)
    (folder / ("weights.bin" if harm == "renamed" else "model.safetensors")).write_bytes(weights)
    result = shell("demo", "--headless", "--checkpoint", str(folder))
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert str(folder) in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("flag", [["--episodes", "0"], ["--episodes", "many"], ["--seed", "-1"]])
def test_numbers_out_of_range_are_refused(shell, flag):
    result = shell("demo", *flag)
    assert result.returncode == 2
    assert "Invalid value" in result.stderr
