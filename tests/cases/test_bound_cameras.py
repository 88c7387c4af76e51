"""A real arm has the cameras that were bound for it; one without any says how to bind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("pyarrow")
pytest.importorskip("av")
pytest.importorskip("cv2")

import data_samples
from virtual_arm import VirtualArm, quick_robot

from motorium.cli._arm import open_with_cameras
from motorium.cli.main import main
from motorium.data.format.dataset import Dataset
from motorium.data.format.outcome import outcome_of
from motorium.errors import CalibrationError, CameraError
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
FRONT = "observation.images.front"


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    start = np.array([joint.home_rad for joint in SPEC.joints])
    with VirtualArm(SPEC, start_rad=start) as virtual:
        yield virtual


def bind(tmp_path: Path) -> Path:
    """A camera that shows a dataset's video again and again."""
    video = next(data_samples.write(tmp_path / "seen", ["t"]).glob(f"videos/{FRONT}/*/*.mp4"))
    bound = call("cameras", "bind", "front", video, "--robot", "so101", "--size", "64x64", "--fps", "20")
    assert bound.exit_code == 0, bound.output
    return video


def record(arm: VirtualArm, tmp_path: Path) -> Result:
    return call(
        "record", quick_robot(tmp_path), "--port", arm.emulator.port, "--calibration", "nominal", "--leader",
        "sim:so101_leader", "--dataset", tmp_path / "d", "--episodes", "1", "--task", "fold it", "--limit", "1",
    )  # fmt: skip


def test_a_recording_has_the_pictures_of_the_bound_cameras(arm: VirtualArm, tmp_path: Path) -> None:
    bind(tmp_path)
    done = record(arm, tmp_path)
    assert done.exit_code == 0, done.output
    assert "no camera" not in done.stderr
    dataset = Dataset.open(tmp_path / "d")
    (episode,) = dataset.episodes
    assert [feature.key for feature in dataset.schema.videos] == [FRONT]
    pictures = [image for _, image in dataset.pictures(episode, FRONT)]
    assert len(pictures) == episode.length
    assert pictures[0].shape == (64, 64, 3)


def test_a_recording_without_cameras_says_so_and_notes_no_scene(arm: VirtualArm, tmp_path: Path) -> None:
    done = record(arm, tmp_path)
    assert done.exit_code == 0, done.output
    assert "motorium cameras bind ROLE CAMERA --robot so101" in done.stderr
    dataset = Dataset.open(tmp_path / "d")
    notes = dataset.notes(dataset.episodes[0])
    assert "seed" not in notes  # of a scene, by which `split` keeps episodes together
    assert outcome_of(notes).success is None


@pytest.mark.nightly
def test_a_camera_that_is_gone_is_named_before_the_arm_is_reached(tmp_path: Path) -> None:
    bind(tmp_path).unlink()
    with pytest.raises(CameraError, match=r"file-000\.mp4"):
        open_with_cameras("so101", "/dev/null", "nominal")


def test_cameras_are_given_back_when_the_arm_does_not_open(tmp_path: Path) -> None:
    bind(tmp_path)
    with pytest.raises(CalibrationError):
        open_with_cameras("so101", "/dev/null", str(tmp_path / "none.json"))
