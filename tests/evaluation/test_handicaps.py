"""What `motorium eval` withholds from a policy, adds to its time or corrupts, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motorium.cli.eval import command
from motorium.errors import CheckpointError, MotoriumError, SimulationError
from motorium.evaluation import evaluate as evaluation
from motorium.evaluation.corruption import (
    CAMERA_AIM_M,
    CAMERA_SHIFT_M,
    CORRUPTIONS,
    GREY,
    LIGHT_GAIN,
    LIGHT_OFFSET,
    LIGHT_TINT,
    PATCH,
    corrupt,
)
from motorium.evaluation.evaluate import USUAL, EvalJob, EvalReport, evaluate, play_episode
from motorium.policies.find import find_checkpoint

SEED = 7


def play(stage, policy, **settings):
    return play_episode(policy, stage, EvalJob(Path("any"), limit_s=1.5, **settings), SEED)


def pictures(stage, kinds, seed=SEED):
    """The pictures of the first moment by role, plain and as a policy gets them; the corruption."""
    stage.world.reset(seed)
    roles = [camera.role for camera in stage.world.spec.cameras]
    plain = {role: stage.world.render(role) for role in roles}
    corruption = corrupt(stage.world, kinds)
    return plain, {role: corruption.picture(role, stage.world.render(role)) for role in roles}, corruption


def test_with_uac_more_rows_are_committed_for_more_latency(stage, remembers):
    play(stage, remembers)
    assert set(remembers.committed) == {3}, "80 ms, and one to spare"
    remembers.committed.clear()
    result = play(stage, remembers, injected_s=0.06)
    assert (set(remembers.committed), result.shortfalls) == ({4}, 0)
    remembers.committed.clear()
    result = play(stage, remembers, injected_s=0.4)
    assert (set(remembers.committed), result.shortfalls) == ({5}, len(remembers.committed))


def test_pictures_that_a_policy_finds_strange_are_told_by_view(stage, remembers):
    assert "unlike" not in play(stage, remembers).as_dict(), "this one cannot tell"
    told = iter(range(1, 100))
    remembers.picture_distances = lambda: {"front": float(next(told)), "wrist": 0.5}
    remembers.committed.clear()
    result = play(stage, remembers, corrupt=("light",), uac=False)
    plans = len(remembers.committed)
    assert result.as_dict()["unlike"] == {"front": pytest.approx((plans + 1) / 2), "wrist": 0.5}
    report = EvalReport(EvalJob(Path("any")), (result, replace(result, unlike={})))
    assert report.as_dict()["unlike"] == result.unlike


def test_injected_latency_delays_every_plan(stage, remembers):
    play(stage, remembers, injected_s=0.4)
    times = np.diff([obs.t_ns for obs in remembers.seen])
    assert (times >= 0.48e9).all(), "horizon: 0.4 s; inference: 0.05 + 0.4 s on pictures 0.03 s old"


def test_without_uac_a_policy_gets_no_committed_rows_and_bridges_nothing(stage, remembers):
    result = play(stage, remembers, uac=False, injected_s=0.2)
    assert (set(remembers.committed), result.shortfalls) == ({None}, 0)
    assert remembers.info.max_delay == 5, "it is the same policy as before"


@pytest.mark.parametrize("kinds", [("light",), ("occlusion",), ("grey",), CORRUPTIONS])
def test_a_policy_gets_the_corrupted_pictures_of_its_scene(stage, remembers, kinds):
    play(stage, remembers, corrupt=kinds)
    _, wanted, corruption = pictures(stage, kinds)
    first = remembers.seen[0]
    for role, image in wanted.items():
        np.testing.assert_array_equal(first.images[role], image)
    assert first.task == (corruption.told or stage.world.task)


def test_a_corruption_follows_from_the_scene_s_seed_alone(stage):
    for kinds in CORRUPTIONS[:4]:
        once, again, other = (pictures(stage, [kinds], seed)[1]["front"] for seed in (3, 3, 4))
        np.testing.assert_array_equal(once, again)
        assert kinds == "grey" or (once != other).any()
    alone, with_others = (pictures(stage, kinds)[2] for kinds in (["light"], CORRUPTIONS))
    assert (alone.offset, *alone.gain) == (with_others.offset, *with_others.gain)


def test_light_moves_all_colours_of_all_pictures_alike(stage):
    plain, lit, corruption = pictures(stage, ["light"])
    for role, image in lit.items():
        wanted = np.clip(plain[role] * corruption.gain + corruption.offset, 0, 255)
        assert np.abs(image - wanted).max() <= 0.5
        assert np.abs(image.astype(int) - plain[role]).mean() > 3


def test_a_patch_covers_a_tenth_of_every_picture(stage):
    plain, covered, _ = pictures(stage, ["occlusion"])
    for role, image in covered.items():
        rows, columns = np.nonzero((image != plain[role]).any(axis=2))
        side = round(PATCH * 96)
        assert np.ptp(rows) < side
        assert np.ptp(columns) < side
        assert len(rows) > 0.8 * side * side
        patch = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert np.ptp(patch, axis=(0, 1)).max() == 0


def test_grey_pictures_say_nothing(stage):
    _, grey, _ = pictures(stage, ["light", "grey"])
    assert all((image == GREY).all() for image in grey.values())


def test_a_moved_camera_is_back_in_its_place_in_the_next_episode(stage):
    plain, moved, _ = pictures(stage, ["camera"])
    assert np.abs(moved["front"].astype(int) - plain["front"]).mean() > 3
    np.testing.assert_array_equal(moved["wrist"], plain["wrist"])
    np.testing.assert_array_equal(pictures(stage, [])[1]["front"], plain["front"])
    with pytest.raises(SimulationError, match="no camera 'top' to move; cameras: front, wrist"):
        stage.world.move_camera("top", (0, 0, 0), (0, 0, 0))


def test_moving_the_camera_moves_nothing_else(stage):
    def end(kinds):
        stage.world.reset(SEED)
        corrupt(stage.world, kinds)
        stage.restart()
        stage.advance_to(300_000_000)
        return stage.world.save().physics

    np.testing.assert_array_equal(end(["camera"]), end([]))


def test_wrong_words_name_another_cube_and_the_scene_judges_its_own(stage, remembers):
    for seed in range(12):
        stage.world.reset(seed)
        told = corrupt(stage.world, ["words"]).told
        (colour,) = {"red", "green", "blue"} & set(told.split())
        assert colour != stage.world.scene.target
        assert colour in stage.world.scene.colours or len(stage.world.scene.cubes) == 1
    result = play(stage, remembers, corrupt=("words",))
    stage.world.reset(SEED)
    assert result.instruction == stage.world.task != result.told == remembers.seen[0].task
    assert result.as_dict()["told"] == result.told
    assert "told" not in play(stage, remembers).as_dict(), "as it was before there was such a thing"


def test_settings_are_told_where_they_are_not_as_usual():
    usual = EvalJob(Path("any")).as_dict()
    assert not set(USUAL) & set(usual), "a result of before reads the same"
    job = EvalJob(Path("any"), injected_s=0.2, uac=False, corrupt=("grey",), steps=2, scene="camera-moved")
    assert {name: job.as_dict()[name] for name in USUAL} == {
        "injected_latency_s": 0.2, "uac": False, "corrupt": ["grey"], "steps": 2, "scene": "camera-moved",
    }  # fmt: skip


def test_what_there_is_not_is_refused_by_name(monkeypatch):
    with pytest.raises(MotoriumError, match="no corruption 'fog'; corruptions: light, occlusion"):
        evaluate(EvalJob(Path("any"), corrupt=("fog",)))
    monkeypatch.setattr(
        evaluation, "load_policy", lambda *_: type("P", (), {"info": type("I", (), {"name": "x"})})()
    )
    with pytest.raises(CheckpointError, match="x: the number of flow steps cannot be chosen"):
        evaluate(EvalJob(Path("any"), episodes=1, processes=1, steps=2))


def test_the_strengths_are_documented():
    text = (Path(__file__).parents[2] / "docs/evaluation.md").read_text(encoding="utf-8")
    for strength in (
        f"gain 1 +- {LIGHT_GAIN}, tint +- {LIGHT_TINT} per colour, offset +- {LIGHT_OFFSET} of the range",
        f"side {PATCH} of the picture's",
        f"up to {1e3 * CAMERA_SHIFT_M:.0f} mm along each axis; up to {1e3 * CAMERA_AIM_M:.0f} mm on the table",
        f"all values {GREY}",
    ):
        assert strength in text


def test_the_verb_offers_every_corruption():
    (option,) = (one for one in command.params if one.name == "corrupt")
    assert tuple(option.type.choices) == CORRUPTIONS


def test_fewer_steps_of_the_flow_make_another_plan(monkeypatch):
    """The engine takes as many as are asked for."""
    asked = []
    checkpoint = find_checkpoint("so101-pick")
    real = evaluation.play_episode

    def note(policy, *more):
        asked.append(policy.steps)
        return real(policy, *more)

    monkeypatch.setattr(evaluation, "play_episode", note)
    times = [
        evaluate(EvalJob(checkpoint, episodes=1, seed=SEED, processes=1, limit_s=0.1, steps=steps)).results[0]
        for steps in (None, 1)
    ]
    assert asked == [4, 1]
    assert len(times) == 2
