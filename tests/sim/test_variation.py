"""Declared variations of the scenes: read as data, the same in recordings and evaluations, and nothing else changed."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.errors import SimulationError, SpecError
from motorium.evaluation.evaluate import EvalJob, check_job, evaluate
from motorium.policies.find import find_checkpoint
from motorium.policies.load import load
from motorium.sim.scene import COLOURS, DISTRACTOR_COLOURS, asked_colours, draw_scene, palette
from motorium.sim.variation import AS_USUAL, USUAL, Variation, names, parse
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
MOVED, COLOURED = Variation.load("camera-moved"), Variation.load("new-colour")
PURPLE = "put the purple cube in the tray"


@pytest.fixture(scope="module")
def coloured():
    """A world of the new colour."""
    world = World(SPEC, 0, COLOURED)
    yield world
    world.close()


def test_scenes_as_usual_are_those_without_a_variation():
    assert Variation.load(USUAL) == AS_USUAL
    assert names() == ["camera-moved", "new-colour"]
    for seed in range(30):
        assert draw_scene(seed, variation=AS_USUAL) == draw_scene(seed)


def test_a_moved_camera_is_all_that_differs():
    for seed in range(30):
        usual, moved = draw_scene(seed), draw_scene(seed, variation=MOVED)
        (move,) = MOVED.cameras
        assert moved == replace(usual, look=usual.look.with_camera("front", move.shift_m, move.aim_m))
        for table, more in (("camera_shift_m", move.shift_m), ("camera_aim_m", move.aim_m)):
            before, after = (asdict(scene.look)[table] for scene in (usual, moved))
            np.testing.assert_allclose(np.subtract(after["front"], before["front"]), more, atol=1e-12)
            assert after["wrist"] == before["wrist"]


def test_its_camera_is_as_far_from_its_place_as_it_says():
    """47 mm and 5 degrees, as its description has it."""
    (move,), view = MOVED.cameras, next(view for view in SPEC.views if view.role == "front")
    before = np.subtract(view.look_at_m, view.position_m)
    after = before + np.subtract(move.aim_m, move.shift_m)
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert round(1e3 * float(np.linalg.norm(move.shift_m))) == 47
    assert round(math.degrees(math.acos(cosine))) == 5
    assert MOVED.description == "front camera 47 mm from its place and turned by 5 degrees"


def test_every_scene_asks_for_the_new_colour_beside_a_known_one():
    for seed in range(60):
        scene = draw_scene(seed, variation=COLOURED)
        assert scene.target == "purple" in scene.colours
        assert set(scene.colours) & set(COLOURS)
        purple = next(cube.rgb for cube in scene.cubes if cube.colour == "purple")
        others = [*COLOURS.values(), *(cube.rgb for cube in scene.cubes if cube.colour != "purple")]
        assert min(np.linalg.norm(np.subtract(purple, other)) for other in others) > 0.25


def test_no_shipped_checkpoint_knows_it():
    assert "purple" not in COLOURS
    assert load("so101-pick").check_task(PURPLE) == ["purple"]


def test_the_judge_wants_the_new_cube(coloured):
    coloured.reset(3)
    assert coloured.task == PURPLE
    coloured.move_cube("purple", coloured.scene.tray.x_m, coloured.scene.tray.y_m)
    coloured.step(coloured.position_rad, 0.2)
    assert coloured.judge()["target_in_tray"]
    coloured.reset(3)
    usual = next(colour for colour in coloured.scene.colours if colour != "purple")
    coloured.move_cube(usual, coloured.scene.tray.x_m, coloured.scene.tray.y_m)
    coloured.step(coloured.position_rad, 0.2)
    assert (coloured.judge()["target_in_tray"], coloured.judge()["wrong_in_tray"]) == (False, True)


def test_the_cameras_see_its_colour(coloured):
    coloured.reset(3)
    image = coloured.render("front").astype(int)
    seen = (image[..., 2] > image[..., 0] + 20) & (image[..., 0] > image[..., 1] + 20)
    assert seen.sum() > 10


def test_other_words_are_refused_with_the_valid_ones(coloured):
    assert coloured.reset(3, PURPLE).target == "purple"
    with pytest.raises(
        SimulationError, match="valid tasks: put the purple cube in the tray; or pick-to-tray"
    ):
        coloured.reset(3, "put the red cube in the tray")
    with pytest.raises(SimulationError, match="valid tasks: put the red"):
        check_job(EvalJob(Path("any"), task=PURPLE))
    check_job(EvalJob(Path("any"), task=PURPLE, scene="new-colour"))


def test_an_evaluation_plays_its_scenes():
    job = EvalJob(find_checkpoint("so101-pick"), episodes=2, processes=1, limit_s=0.05, scene="new-colour")
    assert [result.instruction for result in evaluate(job).results] == [PURPLE, PURPLE]


@pytest.mark.parametrize(
    "verb", [["eval", "so101-pick"], ["record", "sim:so101", "--leader", "script", "--lockstep"]]
)
def test_an_unknown_scene_is_refused_with_the_known(verb, tmp_path):
    more = ["--dataset", str(tmp_path / "d")] if verb[0] == "record" else []
    done = CliRunner().invoke(main, [*verb, *more, "--scene", "../camera-moved"])
    assert done.exit_code == 2
    assert "no scene '../camera-moved'; scenes: usual, camera-moved, new-colour" in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["eval", "record"])
def test_help_names_every_variation(verb):
    text = " ".join(CliRunner().invoke(main, [verb, "--help"]).output.split())
    assert f"or a declared variation: {', '.join(names())}." in text


def test_a_robot_without_that_camera_is_refused():
    spec = replace(SPEC, views=tuple(view for view in SPEC.views if view.role != "front"))
    with pytest.raises(
        SimulationError, match="moves camera 'front', which robot 'so101' has not; cameras: wrist"
    ):
        World(spec, 0, MOVED)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "has schema None"),
        ({"schema": 1, "camera": []}, "unknown key 'camera'"),
        ({"schema": 1, "cameras": []}, "at least one"),
        ({"schema": 1, "cubes": 4}, "cubes is 4, not 1 to 3"),
        ({"schema": 1, "name": "x"}, "unknown key 'name'"),
        ({"schema": 1, "cameras": [{"role": "front", "shift_m": [1, 2], "aim_m": [0, 0, 0]}]}, "3 numbers"),
        ({"schema": 1, "colours": [{"name": "Light blue", "rgb": [0, 0, 1]}]}, "one word of small letters"),
        ({"schema": 1, "colours": [{"name": "pink", "rgb": [0, 0, 2]}]}, "in 0..1"),
        ({"schema": 1, "colours": [{"name": "pink", "rgb": [0, 0, 1]}] * 2}, "used more than once"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(table, said):
    with pytest.raises(SpecError, match=said):
        parse(table, "mine")


def test_a_target_that_no_cube_has_is_refused():
    with pytest.raises(SimulationError, match="no 'pink' cube"):
        draw_scene(0, variation=parse({"schema": 1, "target": "pink"}, "mine"))


def test_colours_of_distractors_are_no_cube_s():
    assert asked_colours(COLOURED) == ("purple",)
    assert asked_colours(AS_USUAL) == tuple(palette(AS_USUAL)) == tuple(COLOURS)
    assert COLOURED.colours[0].rgb not in DISTRACTOR_COLOURS
