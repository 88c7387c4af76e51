"""Tags drawn as a camera of known place would see them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motorium.cameras.apriltags import averaged, detect, solve
from motorium.cameras.poses import Lens, Tag, inverse, load_tags, pose
from motorium.cli.main import main
from motorium.errors import CameraError
from motorium.specs.kinematics import rotation_rpy

cv2 = pytest.importorskip("cv2")

WIDTH, HEIGHT = 800, 600
LENS = Lens.from_fovy(WIDTH, HEIGHT, 50.0)
FLAT = {
    3: Tag(0.05, pose(np.array([0.20, 0.05, 0.0]), np.eye(3))),
    7: Tag(0.05, pose(np.array([0.30, -0.06, 0.0]), rotation_rpy(np.array([0.0, 0.0, 0.6])))),
    11: Tag(0.04, pose(np.array([0.32, 0.08, 0.03]), rotation_rpy(np.array([0.3, -0.2, 1.9])))),
}


def looking_at(eye: list[float], target: list[float]) -> np.ndarray:
    """camera_to_world of an upright camera: x right, y down, z ahead."""
    ahead = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return pose(np.array(eye, float), np.stack([right, np.cross(ahead, right), ahead], axis=1))


def render(camera_to_world: np.ndarray, tags: dict[int, Tag], lens: Lens = LENS) -> np.ndarray:
    """Each tag with its white border, warped by the homography of its plane; three times oversampled."""
    over, cells, pixels = 3, 10, 30
    big = np.diag([over, over, 1.0]) @ lens.matrix
    big[:2, 2] += (over - 1) / 2
    canvas = np.full((HEIGHT * over, WIDTH * over), 120, np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    world_to_camera = inverse(camera_to_world)
    for number, tag in tags.items():
        marker = cv2.aruco.generateImageMarker(dictionary, number, 8 * pixels, borderBits=1)
        sheet = cv2.copyMakeBorder(marker, pixels, pixels, pixels, pixels, cv2.BORDER_CONSTANT, value=255)
        side = tag.size_m * cells / 8
        scale = side / (cells * pixels)
        sheet_to_tag = np.array(  # pixel centres of the sheet -> metres on the tag
            [[scale, 0, -side / 2 + scale / 2], [0, -scale, side / 2 - scale / 2], [0, 0, 0], [0, 0, 1]]
        )
        homography = big @ (world_to_camera @ tag.tag_to_world)[:3] @ sheet_to_tag
        size = (WIDTH * over, HEIGHT * over)
        drawn = cv2.warpPerspective(sheet, homography, size, flags=cv2.INTER_LINEAR)
        covered = cv2.warpPerspective(np.full_like(sheet, 255), homography, size, flags=cv2.INTER_NEAREST)
        canvas = np.where(covered > 0, drawn, canvas)
    small = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.repeat(small[:, :, None], 3, axis=2)


def errors(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    turned = np.clip((np.trace(found[:3, :3].T @ true[:3, :3]) - 1) / 2, -1, 1)
    return float(np.linalg.norm(found[:3, 3] - true[:3, 3])), float(np.degrees(np.arccos(turned)))


@pytest.mark.parametrize("eye", [[0.55, -0.25, 0.45], [0.0, 0.3, 0.5], [0.3, 0.01, 0.7]])
def test_three_tags_place_the_camera_within_what_they_promise(eye):
    true = looking_at(eye, [0.26, 0.0, 0.0])
    found = solve(detect(render(true, FLAT)), FLAT, LENS)
    metres, degrees = errors(found.camera_to_world, true)
    assert metres < min(0.012, 3 * found.std_m)
    assert degrees < min(0.8, 3 * found.std_deg)
    assert found.rms_px < 0.6
    assert set(found.per_tag_px) == set(FLAT)


def test_one_tag_seen_at_an_angle_is_enough():
    true = looking_at([0.35, -0.12, 0.16], [0.2, 0.05, 0.0])
    tags = {3: FLAT[3]}
    metres, degrees = errors(solve(detect(render(true, tags)), tags, LENS).camera_to_world, true)
    assert metres < 0.004
    assert degrees < 1.0


def test_one_small_tag_from_far_above_is_refused_as_uncertain():
    tags = {3: Tag(0.03, FLAT[3].tag_to_world)}
    true = looking_at([0.205, 0.047, 1.1], [0.2, 0.05, 0.0])
    with pytest.raises(CameraError, match=r"known to [\d.]+ degrees and \d+ mm only|two poses fit"):
        solve(detect(render(true, tags)), tags, LENS)


def test_a_tag_that_was_measured_wrongly_is_named():
    true = looking_at([0.55, -0.25, 0.45], [0.26, 0.0, 0.0])
    wrong = {**FLAT, 7: Tag(0.05, pose(np.array([0.30, -0.09, 0.0]), np.eye(3)))}
    with pytest.raises(CameraError, match=r"contradict each other: .* tag 7 is off"):
        solve(detect(render(true, FLAT)), wrong, LENS)


def test_a_picture_without_a_known_tag_says_what_it_shows():
    true = looking_at([0.4, 0.0, 0.4], [0.26, 0.0, 0.0])
    with pytest.raises(CameraError, match=r"none of the tags 5 is in the picture \(seen: 3, 7, 11\)"):
        solve(detect(render(true, FLAT)), {5: FLAT[3]}, LENS)


def test_distortion_is_undone():
    bent = Lens(LENS.fx, LENS.fy, LENS.cx, LENS.cy, (-0.2, 0.05, 0.001, -0.001, 0.0))
    true = looking_at([0.55, -0.25, 0.45], [0.26, 0.0, 0.0])
    world_to_camera = inverse(true)
    turn, _ = cv2.Rodrigues(world_to_camera[:3, :3])
    corners = {
        n: cv2.projectPoints(
            t.corners_m, turn, world_to_camera[:3, 3], bent.matrix, np.array(bent.distortion)
        )[0][:, 0]
        for n, t in FLAT.items()
    }
    found = solve(corners, FLAT, bent)
    assert errors(found.camera_to_world, true)[0] < 1e-5
    assert found.rms_px < 1e-3


def test_corners_are_averaged_and_what_flickers_is_left_out():
    quad = np.arange(8.0).reshape(4, 2)
    seen = [{3: quad, 9: quad}, {3: quad + 1}, {3: quad + 100}, {3: quad + 1}]
    corners, count = averaged(seen)
    assert count == 4
    np.testing.assert_array_equal(corners[3], quad + 1)
    assert 9 not in corners


def layout(path: Path, tags: list[dict]) -> Path:
    path.write_text(json.dumps({"tags": tags}))
    return path


def test_the_verb_keeps_the_place(tmp_path):
    true = looking_at([0.5, -0.2, 0.4], [0.25, 0.0, 0.0])
    places = [[0.2, 0.05, 0.0], [0.3, -0.06, 0.0]]
    tags = {n: Tag(0.05, pose(np.array(p), np.eye(3))) for n, p in zip((3, 7), places, strict=True)}
    cv2.imwrite(str(tmp_path / "a.png"), render(true, tags))
    file = layout(tmp_path / "tags.json", [{"id": n, "size_m": 0.05, "position_m": p}
                                           for n, p in zip((3, 7), places, strict=True)])  # fmt: skip
    call = ["cameras", "calibrate", "front", "--robot", "arm", "--tags", str(file), "--json"]
    result = CliRunner().invoke(main, [*call, "--fovy", "50", "--image", str(tmp_path / "a.png")])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert errors(np.array(found["camera_to_world"]), true)[0] < 0.004
    kept = tmp_path / "config" / "motorium" / "cameras" / "arm.front.extrinsics.json"
    assert json.loads(kept.read_text())["rms_px"] == found["rms_px"]
    unbound = CliRunner().invoke(main, [*call, "--fovy", "50"])
    assert "no camera is bound as 'front'" in json.loads(unbound.stdout.splitlines()[0])["error"]["message"]
    assert CliRunner().invoke(main, call).exit_code == 2


GOOD = {"id": 3, "size_m": 0.05}


@pytest.mark.parametrize(
    "tags",
    [[], "x", [5], [{**GOOD, "id": 587}], [{**GOOD, "id": True}], [GOOD, GOOD], [{**GOOD, "size_m": 0}],
     [{**GOOD, "size_m": "big"}], [{**GOOD, "position_m": [1, 2]}], [{**GOOD, "rpy_rad": [0, 0, 1e400]}],
     [{**GOOD, "colour": 1}], [{"id": 3}]],
)  # fmt: skip
def test_a_strange_layout_is_refused(tmp_path, tags):
    with pytest.raises(CameraError, match=r"tags\.json"):
        load_tags(layout(tmp_path / "tags.json", tags))


def test_a_strange_lens_is_refused(tmp_path):
    path = tmp_path / "lens.json"
    short = '{"fx": 1, "fy": 1, "cx": 0, "cy": 0, "distortion": [1]}'
    for text in ("{}", '{"fx": -1, "fy": 1, "cx": 0, "cy": 0}', short):
        path.write_text(text)
        with pytest.raises(CameraError, match=r"lens\.json"):
            Lens.load(path)
    with pytest.raises(CameraError, match="field of view"):
        Lens.from_fovy(640, 480, 0)
