"""Scenes are drawn from one seed, legal and varied."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from motorium.errors import SimulationError
from motorium.sim.scene import COLOURS, CUBE_SPACING_M, TRAY_SPACING_M, draw_scene

SCENES = [draw_scene(seed) for seed in range(300)]


def test_things_keep_their_distance() -> None:
    for scene in SCENES:
        things = [*scene.cubes, *scene.distractors]
        for a, b in combinations(things, 2):
            assert math.hypot(a.x_m - b.x_m, a.y_m - b.y_m) >= CUBE_SPACING_M
        for thing in things:
            assert math.hypot(thing.x_m - scene.tray.x_m, thing.y_m - scene.tray.y_m) >= TRAY_SPACING_M


def test_everything_varies() -> None:
    yaws = [cube.yaw_rad for scene in SCENES for cube in scene.cubes]
    assert min(yaws) < -0.7
    assert max(yaws) > 0.7
    assert {len(scene.cubes) for scene in SCENES} == {1, 2, 3}
    assert {len(scene.distractors) for scene in SCENES} == {0, 1, 2}
    for colour in COLOURS:
        assert 0.2 < sum(scene.target == colour for scene in SCENES) / len(SCENES) < 0.47
    assert len({scene.look.lamp_m for scene in SCENES}) == len({scene.tray.rgb for scene in SCENES}) == 300


def test_the_target_is_on_the_table() -> None:
    for scene in SCENES:
        assert scene.target in scene.colours
        assert len(set(scene.colours)) == len(scene.colours)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_asked_for_is_there(colour: str) -> None:
    for seed in range(20):
        scene = draw_scene(seed, target=colour)
        assert scene.target == colour
        assert colour in scene.colours


def test_an_unknown_colour_lists_the_known() -> None:
    with pytest.raises(SimulationError, match="red, green, blue"):
        draw_scene(0, target="mauve")
