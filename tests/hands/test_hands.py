"""Human hands: read, judged, mirrored, put into slots, compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium.cli.main import main
from motorium.errors import MotoriumError
from motorium.hands.mirror import FINGER, LOCAL, mirror
from motorium.hands.quality import judge
from motorium.hands.rotations import to_axis_angle, to_matrix
from motorium.hands.similarity import wrist_displacement_similarity
from motorium.hands.slots import follow_deltas, to_slots, world_deltas
from motorium.hands.tracks import HandTrack, load_hands

N, FPS = 90, 30.0
VECTORS = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


def arrays(side: str = "right", seed: int = 0) -> dict[str, np.ndarray]:
    """Three seconds of a hand that swings and closes."""
    rng = np.random.default_rng(seed)
    t = np.arange(N) / FPS
    swing = np.stack([0.3 + 0.1 * np.sin(2 * t), 0.2 * np.cos(1.5 * t) - 0.1, 0.1 + 0.05 * t], 1)
    return {
        "fps": np.array(FPS),
        f"{side}_beta": rng.normal(0, 1, 10),
        f"{side}_theta": 0.4 * np.sin(t)[:, None] * rng.normal(0, 1, 45),
        f"{side}_wrist_position_m": swing,
        f"{side}_wrist_rotation": np.stack([0.5 * t, 0.3 * np.sin(t), 1.0 - 0.2 * t], 1),
    }


def save(folder: Path, **change) -> Path:
    path = folder / "hands.npz"
    table = {**arrays(), **change}
    np.savez(path, **{name: value for name, value in table.items() if value is not None})
    return path


def track(seed: int = 0, **change) -> HandTrack:
    a = arrays(seed=seed)
    values = {
        "side": "right", "t_s": np.arange(N) / FPS, "beta": a["right_beta"], "theta": a["right_theta"],
        "wrist_position_m": a["right_wrist_position_m"], "wrist_rotation": a["right_wrist_rotation"],
        "confidence": np.ones(N),
    }  # fmt: skip
    return HandTrack(**{**values, **change})


@settings(max_examples=60, deadline=None)
@given(VECTORS)
def test_rotations_survive_both_ways(vector):
    matrix = to_matrix(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    back = to_axis_angle(matrix)
    assert np.linalg.norm(back) <= np.pi + 1e-9
    np.testing.assert_allclose(to_matrix(back), matrix, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-5, np.pi - 1e-9, np.pi])
@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0, -0.8], [-0.48, 0.6, 0.64]])
def test_rotations_at_the_ends(axis, angle):
    matrix = to_matrix(angle * np.array(axis, float))
    np.testing.assert_allclose(to_matrix(to_axis_angle(matrix)), matrix, atol=1e-9)


def test_wrists_seen_by_a_camera_are_brought_into_the_world(tmp_path):
    camera = np.eye(4)
    camera[:3, :3], camera[:3, 3] = to_matrix(np.array([0.0, 0.0, np.pi / 2])), [1.0, 2.0, 3.0]
    seen = load_hands(save(tmp_path, camera_to_world=camera))["right"]
    raw = arrays()["right_wrist_position_m"]
    expected = np.stack([1 - raw[:, 1], 2 + raw[:, 0], 3 + raw[:, 2]], 1)
    np.testing.assert_allclose(seen.wrist_position_m, expected, atol=1e-12)
    np.testing.assert_allclose(
        to_matrix(seen.wrist_rotation),
        camera[:3, :3] @ to_matrix(arrays()["right_wrist_rotation"]),
        atol=1e-9,
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"right_theta": None}, "neither right_theta"),
        ({"right_wrist_rotation": None}, "no array 'right_wrist_rotation'"),
        ({"right_theta": np.zeros((N, 44))}, "right_theta is"),
        ({"right_theta": np.full((N, 45), np.nan)}, "not finite"),
        ({"right_theta": np.full((N, 45), 50.0)}, "reaches 50"),
        ({"right_theta": np.array("x")}, "frames|right_theta is"),
        ({"right_theta": np.zeros((1, 45))}, "1 frames"),
        ({"right_beta": np.full(10, 99.0)}, "right_beta reaches"),
        ({"right_wrist_position_m": np.full((N, 3), 1e9)}, "reaches"),
        ({"right_wrist_position_m": np.full((N, 3), "a")}, "not numbers"),
        ({"fps": None}, "needs t_s"),
        ({"fps": np.array(0.0)}, "needs t_s"),
        ({"t_s": np.zeros(N)}, "does not rise"),
        ({"camera_to_world": 2 * np.eye(4)}, "not a rotation"),
        ({"camera_to_world": np.diag([1.0, 1.0, -1.0, 1.0])}, "not a rotation"),
        ({"camera_to_world": np.zeros((3, 4))}, "camera_to_world is"),
    ],
)
def test_a_strange_recording_is_refused(tmp_path, change, complaint):
    with pytest.raises(MotoriumError, match=complaint):
        load_hands(save(tmp_path, **change))


def test_slots_hold_wrist_shape_and_pose_where_the_table_says():
    demo = to_slots({"right": track(1), "left": track(2, side="left")})
    right, left = track(1), track(2)
    np.testing.assert_allclose(demo.state[:, 0:3], right.wrist_position_m, atol=1e-6)
    np.testing.assert_allclose(demo.state[:, 12:15], left.wrist_rotation, atol=1e-6)
    np.testing.assert_allclose(demo.state[7, 90:100], right.beta, atol=1e-6)
    np.testing.assert_allclose(demo.state[:, 155:200], left.theta, atol=1e-6)
    np.testing.assert_allclose(demo.action[:, 110:155], right.theta[1:], atol=1e-6)
    assert not demo.action[:, 90:110].any()  # shape is no action
    assert not demo.state[:, ~demo.state_valid].any()
    assert demo.state_valid.sum() == 2 * (6 + 10 + 45)
    assert demo.action_valid.sum() == 2 * (6 + 45)


def test_one_hand_leaves_the_other_ones_slots_empty():
    demo = to_slots({"left": track(side="left")})
    assert not demo.state[:, :9].any()
    assert not demo.state_valid[110:155].any()


def test_deltas_in_the_world_lead_back_along_the_way():
    hand = track(3)
    places, turns = follow_deltas(hand.wrist_position_m[0], hand.wrist_rotation[0], world_deltas(hand))
    np.testing.assert_allclose(places, hand.wrist_position_m, atol=1e-12)
    np.testing.assert_allclose(to_matrix(turns), to_matrix(hand.wrist_rotation), atol=1e-9)


def test_deltas_are_along_the_axes_of_the_world_not_of_the_hand():
    turned = np.tile([0.0, 0.0, np.pi / 2], (N, 1))
    way = np.stack([0.01 * np.arange(N), np.zeros(N), np.zeros(N)], 1)
    steps, _ = world_deltas(track(wrist_position_m=way, wrist_rotation=turned))
    np.testing.assert_allclose(steps, np.tile([0.01, 0, 0], (N - 1, 1)), atol=1e-12)


@pytest.mark.parametrize("plane", ["x", "y"])
def test_every_point_of_a_mirrored_hand_is_where_the_mirror_shows_it(plane):
    hand = track(4)
    image = mirror({"right": hand}, plane)["left"]
    m = np.array({"x": [-1, 1, 1], "y": [1, -1, 1]}[plane], float)
    for point in np.random.default_rng(0).normal(0, 0.1, (5, 3)):
        here = hand.wrist_position_m + to_matrix(hand.wrist_rotation) @ point
        there = image.wrist_position_m + to_matrix(image.wrist_rotation) @ (LOCAL * point)
        np.testing.assert_allclose(there, here * m, atol=1e-9)
    finger = to_matrix(hand.theta[:, :3])  # a finger's rotation in the model of the other hand
    np.testing.assert_allclose(
        to_matrix(image.theta[:, :3]), np.diag(LOCAL) @ finger @ np.diag(LOCAL), atol=1e-9
    )
    assert FINGER.shape == (45,)


def test_mirrored_twice_is_the_hand_itself():
    hand = track(5)
    back = mirror(mirror({"right": hand}))["right"]
    np.testing.assert_allclose(back.theta, hand.theta)
    np.testing.assert_allclose(to_matrix(back.wrist_rotation), to_matrix(hand.wrist_rotation), atol=1e-9)
    with pytest.raises(MotoriumError, match="valid choices: x, y"):
        mirror({"right": hand}, "z")


def test_a_smooth_hand_is_kept_whole():
    verdict = judge(track())
    assert verdict.stretches == ((0, N),)
    assert (verdict.bad, verdict.kept_share) == ({}, 1.0)


def faulty(fault: str) -> HandTrack:
    a = track()
    place, theta, turn = a.wrist_position_m.copy(), a.theta.copy(), a.wrist_rotation.copy()
    confidence, t_s = np.ones(N), a.t_s.copy()
    rng = np.random.default_rng(0)
    if fault == "speed":
        place[45:] += [0.4, 0, 0]
    elif fault == "spin":
        turn[45:] = to_axis_angle(to_matrix(turn[45:]) @ to_matrix(np.array([2.5, 0, 0])))
    elif fault == "jitter":
        place[40:60] += rng.normal(0, 0.01, (20, 3))
    elif fault == "finger_jitter":
        theta[40:60, 12:15] += rng.normal(0, 0.3, (20, 3))
    elif fault == "confidence":
        confidence[40:50] = 0.1
    elif fault == "gap":
        t_s[45:] += 1.0
    return track(wrist_position_m=place, theta=theta, wrist_rotation=turn, confidence=confidence, t_s=t_s)


@pytest.mark.parametrize("fault", ["speed", "spin", "jitter", "finger_jitter", "confidence", "gap"])
def test_each_fault_is_found_and_cut_out(fault):
    verdict = judge(faulty(fault))
    assert fault in verdict.bad
    assert len(verdict.stretches) == 2
    (first, _), (_, last) = verdict.stretches
    assert (first, last) == (0, N)
    assert 0.4 < verdict.kept_share <= 1.0


def test_displacement_similarity_sees_direction_and_reports_length():
    true = np.zeros((4, 5, 3))
    true[:, :, 0] = np.linspace(0, 0.1, 5)
    assert wrist_displacement_similarity(true, true).mean == pytest.approx(1.0)
    assert wrist_displacement_similarity(-true, true).mean == pytest.approx(-1.0)
    across = np.roll(true, 1, axis=2)
    assert wrist_displacement_similarity(across, true).mean == pytest.approx(0.0)
    half = wrist_displacement_similarity(0.5 * true[:, ::2], true)
    assert (half.mean, half.length_ratio) == (pytest.approx(1.0), pytest.approx(0.5))
    mixed = true.copy()
    mixed[0] = 0.0
    found = wrist_displacement_similarity(true, mixed)
    assert (found.counted, found.still) == (3, 1)
    assert wrist_displacement_similarity(np.zeros_like(true), true).mean == 0.0
    with pytest.raises(MotoriumError, match=r"not \(B, T, 3\)"):
        wrist_displacement_similarity(true[0], true[0])


@settings(max_examples=30, deadline=None)
@given(turn=VECTORS, shift=VECTORS, seed=st.integers(0, 99))
def test_displacement_similarity_does_not_depend_on_the_frame(turn, shift, seed):
    a, b = np.random.default_rng(seed).normal(0, 1, (2, 6, 4, 3))
    moved = [points @ to_matrix(turn).T + shift for points in (a, b)]
    assert wrist_displacement_similarity(*moved).mean == pytest.approx(
        wrist_displacement_similarity(a, b).mean, abs=1e-9
    )


def test_the_verb_writes_demonstrations(tmp_path):
    place = arrays()["right_wrist_position_m"].copy()
    place[45:] += [0.5, 0, 0]
    path, out = save(tmp_path, right_wrist_position_m=place), tmp_path / "out.npz"
    result = CliRunner().invoke(
        main, ["hands", str(path), "--mirror", "--frame", "world", "--out", str(out), "--json"]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["demonstrations"] == 4  # two stretches, each also in the mirror
    assert report["hands"]["right"]["bad"] == {
        "speed": 2,
        "jitter": report["hands"]["right"]["bad"]["jitter"],
    }
    with np.load(out) as table:
        assert table["state"].shape == (report["states"], 200)
        assert table["state"][table["episode"] == 1][:, 9:12].any()  # the mirrored one is a left hand
        assert (
            np.bincount(table["episode"]) - np.bincount(table["episode"], table["action_given"]) == 1
        ).all()
    absent = CliRunner().invoke(main, ["hands", str(tmp_path / "absent.npz"), "--json"])
    assert json.loads(absent.stdout)["error"]["kind"] == "MotoriumError"
