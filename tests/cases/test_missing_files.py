"""A file that is not there is called so, and not an unknown robot, motor or calibration."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.errors import CalibrationError, MotoriumError, SpecError
from motorium.robots.calibration import find
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec

RUN = ["run", "so101-pick", "--task", "put the red cube in the tray", "--robot"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([*RUN, "arm.toml"], "arm.toml: no such file; give a robot's TOML file"),
        ([*RUN, "sim:arm.toml"], "arm.toml: no such file"),
        ([*RUN, "robots/arm.toml"], "robots/arm.toml: no such file, nor a folder robots"),
        ([*RUN, "./arm"], "arm: no such file; give a robot's TOML file"),
        ([*RUN, "so101", "--port", "/dev/null", "--calibration", "left.json"], "left.json: no such file"),
        (["run", "out/step-9", "--task", "t", "--robot", "so101"], "no folder 'out/step-9' here"),
        (["record", "arm.toml", "--leader", "script", "--dataset", "d"], "arm.toml: no such file"),
        (["record", "sim:so101", "--leader", "left.toml", "--dataset", "d"], "left.toml: no such file"),
        (["doctor", "--robot", "arm.toml", "--checkpoint", "so101-pick"], "arm.toml: no such file"),
        (["data", "info", "cubes"], "cubes: no such folder; give a dataset"),
        (["data", "repair", "cubes"], "cubes: no such folder"),
        (["data", "view", "cubes"], "cubes: no such folder"),
        (["run", "so101-pick", "--task", "t", "--robot", "so102"], "no robot 'so102'; known robots: koch"),
    ],
)
def test_a_verb_says_what_is_missing(arguments, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert named in result.output
    assert named.startswith("no robot") or "no robot '" not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("load", "error", "named"),
    [
        (lambda: RobotSpec.load("~/arm.toml"), SpecError, "the shell did not expand ~"),
        (lambda: RobotSpec.load("arm.TOML"), SpecError, r"arm.TOML: no such file"),
        (
            lambda: MotorSpec.load("servo.toml"),
            SpecError,
            "servo.toml: no such file; give a motor's TOML file",
        ),
        (lambda: MotorSpec.load("servo"), SpecError, "no motor 'servo'; known motors"),
        (lambda: find("left.json"), CalibrationError, "left.json: no such file; give a calibration"),
        (lambda: find("left"), CalibrationError, "no calibration 'left'"),
    ],
)
def test_a_loader_says_so_too(load, error, named):
    with pytest.raises(error, match=named):
        load()


def test_a_folder_in_a_file_s_place_is_called_a_folder(tmp_path):
    (tmp_path / "arm.toml").mkdir()
    with pytest.raises(MotoriumError, match=r"arm.toml is a folder; give a robot's TOML file"):
        RobotSpec.load(tmp_path / "arm.toml")


def test_a_file_of_another_kind_is_not_called_missing(tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("no robot")
    with pytest.raises(MotoriumError, match=r"notes.txt is another kind of file; give a robot's TOML file"):
        RobotSpec.load(other)


@pytest.mark.parametrize("there", [False, True])
def test_repair_leaves_nothing_where_no_dataset_is(tmp_path, there):
    folder = tmp_path / "cubes"
    if there:
        folder.mkdir()
    assert CliRunner().invoke(main, ["data", "repair", str(folder)]).exit_code == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["cubes"] * there
