"""A mirrored hand is where the mirrored picture shows it: projected through the camera, point by point."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.errors import MotoriumError
from motorium.hands.convert import convert, mirror_plane
from motorium.hands.mirror import LOCAL, mirror
from motorium.hands.rotations import to_matrix
from motorium.hands.tracks import HandTrack, load_hand_file

N, FOCUS, CENTRE = 60, 600.0, (320.0, 240.0)
DOWN = np.array([[0.0, 0, 1, -0.4], [-1, 0, 0, 0.1], [0, -1, 0, 1.2], [0, 0, 0, 1]])
"""A camera that looks ahead along the world's x, its y down: x of the world is its z, y its -x, z its -y."""


def hands_seen(folder: Path, **more) -> Path:
    """A right hand 0.6 m before a camera, to its right and below its axis."""
    t = np.arange(N) / 30
    place = np.stack([0.12 + 0.05 * np.sin(2 * t), 0.08 + 0.04 * t, 0.6 + 0.05 * np.cos(t)], 1)
    path = folder / "hands.npz"
    np.savez(
        path, fps=np.array(30.0), right_theta=0.3 * np.sin(t)[:, None] * np.linspace(-1, 1, 45),
        right_wrist_position_m=place, right_wrist_rotation=np.stack([0.5 * t, 0.3 * np.sin(t), 1 - 0.2 * t], 1), **more,
    )  # fmt: skip
    return path


def picture(track: HandTrack, point: np.ndarray, camera_to_world: np.ndarray) -> np.ndarray:
    """(N, 2) pixels at which a point of the hand is seen."""
    world = track.wrist_position_m + to_matrix(track.wrist_rotation) @ point
    seen = (world - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
    return FOCUS * seen[:, :2] / seen[:, 2:] + CENTRE


@pytest.mark.parametrize("camera_to_world", [None, DOWN])
def test_the_projection_of_a_mirrored_hand_is_the_mirrored_picture(tmp_path, camera_to_world):
    more = {} if camera_to_world is None else {"camera_to_world": camera_to_world}
    path = hands_seen(tmp_path, **more)
    loaded = load_hand_file(path)
    image = mirror(loaded.hands, mirror_plane(loaded, "camera", path))["left"]
    camera = np.eye(4) if camera_to_world is None else camera_to_world
    for point in np.random.default_rng(0).normal(0, 0.05, (8, 3)):
        before = picture(loaded.hands["right"], point, camera)
        after = picture(image, LOCAL * point, camera)
        np.testing.assert_allclose(after, before * (-1, 1) + (2 * CENTRE[0], 0), atol=1e-6)


def test_up_stays_up_in_a_robots_world(tmp_path):
    path = hands_seen(tmp_path, camera_to_world=DOWN)
    loaded = load_hand_file(path)
    before = loaded.hands["right"].wrist_position_m
    after = mirror(loaded.hands, mirror_plane(loaded, None, path))["left"].wrist_position_m
    np.testing.assert_allclose(after, before * (1, -1, 1), atol=1e-12)


def test_a_file_that_does_not_say_its_frame_is_asked_about(tmp_path):
    path = hands_seen(tmp_path)
    command = ["hands", str(path), "--mirror", "--out", str(tmp_path / "out.npz")]
    refused = CliRunner().invoke(main, [*command, "--json"])
    assert "--frame camera" in json.loads(refused.stdout)["error"]["message"]
    assert not (tmp_path / "out.npz").exists()
    done = CliRunner().invoke(main, [*command, "--frame", "camera"])
    assert done.exit_code == 0, done.output
    with np.load(tmp_path / "out.npz") as table:
        right, left = (table["state"][table["episode"] == n] for n in (0, 1))
    np.testing.assert_allclose(left[:, 9:12], right[:, 0:3] * (-1, 1, 1), atol=1e-6)
    assert convert(path)[0]  # without a mirror nothing depends on it


def test_what_the_file_says_counts(tmp_path):
    path = hands_seen(tmp_path, frame=np.array("camera"))
    right, left = convert(path, mirrored=True)[0]
    np.testing.assert_allclose(left.state[:, 9], -right.state[:, 0], atol=1e-6)
    with pytest.raises(MotoriumError, match="valid choices: world, camera"):
        load_hand_file(hands_seen(tmp_path, frame=np.array("table")))


def test_a_world_that_is_the_first_cameras_frame_is_noticed(tmp_path):
    """As trackers without a map give it: the world begins where the camera began."""
    path = hands_seen(tmp_path, camera_to_world=np.eye(4))
    with pytest.raises(MotoriumError, match="as if that were a camera's frame"):
        convert(path, mirrored=True)
    right, left = convert(path, mirrored=True, frame="camera")[0]
    np.testing.assert_allclose(left.state[:, 9:12], right.state[:, 0:3] * (-1, 1, 1), atol=1e-6)


def test_a_camera_that_moves_has_no_one_mirror(tmp_path):
    moving = np.tile(DOWN, (N, 1, 1))
    moving[:, :3, :3] = (
        to_matrix(np.stack([np.zeros(N), np.zeros(N), np.linspace(0, 0.2, N)], 1)) @ DOWN[:3, :3]
    )
    path = hands_seen(tmp_path, camera_to_world=moving)
    with pytest.raises(MotoriumError, match="camera moves"):
        convert(path, mirrored=True, frame="camera")
    assert len(convert(path, mirrored=True)[0]) == 2
