"""Settings and arguments that cannot work are named before an arm or a scene is opened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import motorium as mt
from motorium.cli.main import main
from motorium.data.format.dataset import Dataset
from motorium.errors import PromptError, SimulationError, StorageError
from motorium.instructions import MAX_CHARS, check_instruction
from motorium.operator.estop import check_device
from motorium.sim import graphics
from motorium.sim.demo import DemoPlan

LONG_NAME = "n" * 50_000
LONG = "put the red cube in the tray " * 1800


def call(*arguments: str) -> str:
    """What a verb says that ends with code 2."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2, result.output
    assert not isinstance(result.exception, (SimulationError, OSError))
    return result.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"MUJOCO_GL": "vulkan"}, "MUJOCO_GL=vulkan is not a value that MuJoCo knows"),
        ({"MUJOCO_GL": "off"}, "MUJOCO_GL=off switches off the rendering"),
        ({"MUJOCO_GL": "glfw"}, "MUJOCO_GL=glfw draws on a screen, but there is none"),
        ({"MUJOCO_GL": "OSMesa"}, "MUJOCO_GL=OSMesa needs what is not installed"),
        ({"MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "glx"}, "PYOPENGL_PLATFORM=glx contradicts MUJOCO_GL=egl"),
    ],
)
def test_graphics_settings_that_cannot_work_are_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(graphics, "available_backends", lambda: ["egl"])
    problem = graphics.setting_problem(setting)
    assert problem is not None
    assert said in problem
    assert "unset" in problem
    assert graphics.setting_problem({"MUJOCO_GL": " EGL "}) is None
    assert graphics.setting_problem({"MUJOCO_GL": "glfw", "DISPLAY": ":0"}) is None
    assert graphics.setting_problem({}) is None


def test_the_simulator_says_it_once_and_without_advice_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "vulkan")
    with pytest.raises(SimulationError) as refused:
        mt.Robot.open("sim:so101").__enter__()
    assert str(refused.value).count("MUJOCO_GL=vulkan") == 1
    assert "apt-get" not in str(refused.value)


def test_a_file_named_out_is_met_before_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").write_text("in the way")
    said = call("demo", "--episodes", "1", "--headless")
    assert "the report could not be written to out/demo-" in said
    assert "--out names another folder" in said
    assert f"({tmp_path}/out): Not a directory" in said


@pytest.mark.parametrize(("verb", "seed"), [("sim", "--seed"), ("demo", "--seed"), ("train", "--seed")])
def test_a_seed_below_zero_is_no_seed(verb: str, seed: str, tmp_path: Path) -> None:
    more = {"train": ["--data", ".", "--out", str(tmp_path / "run")]}.get(verb, [])
    assert "-1 is not in the range" in call(verb, seed, "-1", *more)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "so101-pick", "--robot", "sim:so101", "--task", "x", "--duration"],
        ["record", "sim:so101", "--leader", "script", "--dataset", "never", "--limit"],
        ["teleop", "sim:so101", "--source", "script", "--seconds"],
        ["calibrate", "so101", "--port", "/dev/null", "--limit"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_time_that_never_ends_is_no_time(arguments: list[str], number: str) -> None:
    assert re.search("is not a finite number|is not in the range", call(*arguments, number))


@pytest.mark.parametrize("seed", [-1, 2**63, "3", 1.5, True])
def test_nor_is_it_for_a_program(seed: object) -> None:
    with pytest.raises(SimulationError, match="seed must be a whole number from 0"):
        mt.Robot.open("sim:so101", seed=seed).__enter__()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "so101-pick", "--robot", "sim:so101", "--task"],
        ["sim", "so101", "--task"],
        ["demo", "--episodes", "1", "--task"],
        ["eval", "so101-pick", "--robot", "sim:so101", "--task"],
        ["record", "sim:so101", "--leader", "script", "--dataset", "never", "--task"],
    ],
)
def test_a_text_of_fifty_kilobytes_is_no_task(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = call(*arguments, LONG)
    assert len(said) < 500, "and is not printed back"
    assert list(tmp_path.iterdir()) == []


NAMES = {
    "checkpoint": ["run", LONG_NAME, "--robot", "sim:so101", "--task", "x"],
    "robot": ["run", "so101-pick", "--robot", LONG_NAME, "--task", "x"],
    "port": ["run", "so101-pick", "--robot", "so101", "--port", LONG_NAME, "--task", "x"],
    "calibration": [
        "teleop",
        "so101",
        "--source",
        "script",
        "--port",
        "/dev/null",
        "--calibration",
        LONG_NAME,
    ],
    "dataset": ["data", "info", LONG_NAME],
    "out": ["train", "--data", ".", "--out", LONG_NAME],
    "recording": ["record", "sim:so101", "--leader", "script", "--dataset", LONG_NAME],
    "file": ["calibrate", "so101", "--from-lerobot", LONG_NAME],
}


@pytest.mark.parametrize("what", NAMES)
def test_nor_is_it_a_name(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert len(call(*NAMES[what])) < 1000


@pytest.mark.parametrize("text", ["x" * (MAX_CHARS + 1), "stop\x1b[2Jit", "put\x00it", "caf\udce9"])
def test_what_is_no_text_is_no_instruction(text: str) -> None:
    with pytest.raises(PromptError, match="the instruction"):
        check_instruction(text)
    with pytest.raises(PromptError):
        DemoPlan("so101-pick", task=text)
    assert check_instruction("mets le cube rouge dans le bac, s'il te plaît") != ""
    assert check_instruction("把红色方块放进托盘") != ""


def test_a_stop_device_that_is_not_there_is_met_before_the_arm_is_opened() -> None:
    assert "the stop device /dev/no-pedal cannot be watched: it does not exist" in call(
        "run",
        "so101-pick",
        "--robot",
        "so101",
        "--port",
        "/dev/null",
        "--task",
        "x",
        "--stop-device",
        "/dev/no-pedal",
    )
    check_device("/dev/null")


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale that is not UTF-8 and is everywhere."""


def in_ascii(*command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, env={**os.environ, **ASCII}, cwd=cwd, capture_output=True, check=False, timeout=60
    )


def test_letters_that_the_locale_cannot_hold_are_named_with_the_remedy(tmp_path: Path) -> None:
    """Python, pyarrow and FFmpeg would each write another file."""
    record = ("record", "sim:so101", "--leader", "script", "--dataset", "würfel")
    for verb in (record, ("data", "info", "würfel")):
        done = in_ascii(sys.executable, "-m", "motorium", *verb, cwd=tmp_path)
        assert done.returncode == 2
        assert b"PYTHONUTF8=1" in done.stderr
        assert b"w\\xfcrfel" in done.stderr
        assert b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_letters_are_named_too(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/w\xfcrfel"
    Path(os.fsdecode(folder)).mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "motorium", "data", "info", folder],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert b"w\\xfcrfel has bytes that are not UTF-8" in done.stderr
    with pytest.raises(StorageError, match="rename it"):
        Dataset.open(Path(os.fsdecode(folder)))


def test_the_folder_one_stands_in_counts_too(tmp_path: Path) -> None:
    folder = tmp_path / "würfel"
    folder.mkdir()
    code = "from pathlib import Path; from motorium.data.format.dataset import Dataset; Dataset.open(Path('here'))"
    done = in_ascii(sys.executable, "-c", code, cwd=folder)
    assert b"StorageError: the locale's encoding is" in done.stderr
    with pytest.raises(mt.errors.DataError):
        Dataset.open(folder / "here")
