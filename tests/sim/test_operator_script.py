"""The person who demonstrates in virtual time: how imperfect, and that nothing of the approach is hidden."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motorium.errors import SimulationError
from motorium.sim.lockstep import LockStep
from motorium.sim.operator_script import SURE_M, Person, PersonParams, operator
from motorium.sim.scene import TRAINING_SEEDS_FROM
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
PERFECT = PersonParams(pace=(1.0, 1.0), delay_rows=(0, 0), guess=0.0, slip_rows=1e9, miss=0.0, drop=0.0)
ROWS = 300


@pytest.fixture(scope="module")
def play() -> LockStep:
    return LockStep(World(SPEC))


def demonstrate(play: LockStep, who, seed: int, rows: int = ROWS) -> list[np.ndarray]:
    """Play a scene until it is solved; the rows that were asked for."""
    play.world.reset(TRAINING_SEEDS_FROM + seed)
    play.restart()
    who.begin(np.random.default_rng([seed, 11]))
    out = []
    while len(out) < rows and not play.world.success:
        out.append(who.row(play.world.truth(), play.world.position_rad, play.setpoint))
        play.run_row(out[-1])
    return out


def test_a_person_without_faults_is_the_expert(play):
    exact = demonstrate(play, operator("exact", SPEC), 3)
    np.testing.assert_array_equal(demonstrate(play, Person(SPEC, PERFECT), 3), exact)


def test_a_scene_is_solved_in_the_same_way_every_time_and_another_by_a_fresh_draw(play):
    who = operator("person", SPEC)
    first, other, again = (demonstrate(play, who, seed) for seed in (5, 6, 5))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(other)


def test_most_scenes_are_solved_more_slowly_than_by_the_expert(play):
    person, exact = operator("person", SPEC), operator("exact", SPEC)
    seeds = range(20, 32)
    slow = [len(demonstrate(play, person, seed)) for seed in seeds]
    quick = [len(demonstrate(play, exact, seed)) for seed in seeds]
    assert sum(rows < ROWS for rows in slow) >= 11
    assert 1.15 < np.median(slow) / np.median(quick) < 2.0


def test_the_hand_waits_before_it_moves(play):
    rows = demonstrate(play, operator("person", SPEC), 8, rows=40)
    still = next(i for i, row in enumerate(rows) if not np.allclose(row, rows[0], atol=1e-9))
    assert PersonParams().delay_rows[0] <= still <= PersonParams().delay_rows[1] + 1


def test_a_guess_is_off_by_a_tenth_of_the_distance_and_kept_for_a_few_rows(play):
    play.world.reset(TRAINING_SEEDS_FROM)
    who = Person(SPEC, PersonParams(miss=0.0))
    who.begin(np.random.default_rng(0))
    truth, measured = play.world.truth(), play.world.position_rad
    places = [(g.cube.x_m, g.cube.y_m) for g in (who.guessed(truth, measured) for _ in range(4000))]
    off = np.array(places) - (truth.cube.x_m, truth.cube.y_m)
    cube = (truth.cube.x_m, truth.cube.y_m, truth.cube.z_m)
    distance = math.dist(cube, who._tip(measured).tolist()) - SURE_M
    assert off.std() / distance == pytest.approx(0.10, abs=0.015)
    changes = np.flatnonzero(np.any(np.diff(off, axis=0) != 0.0, axis=1))
    kept = np.diff(changes)
    assert (kept.min(), kept.max()) == (5, 12)


def test_what_is_done_with_a_guess_depends_on_nothing_before(play):
    """A person in the middle of a demonstration decides as one who comes to the table now: there is no phase."""
    pace = PersonParams(pace=(0.8, 0.8), delay_rows=(0, 0), guess=0.0, slip_rows=1e9, miss=0.0, drop=0.0)
    old, fresh = Person(SPEC, pace), Person(SPEC, pace)
    play.world.reset(TRAINING_SEEDS_FROM + 4)
    play.restart()
    old.begin(np.random.default_rng(1))
    for _ in range(70):
        fresh.begin(np.random.default_rng(2))
        seen = play.world.truth(), play.world.position_rad, play.setpoint
        row = old.row(*seen)
        np.testing.assert_array_equal(fresh.row(*seen), row)
        play.run_row(row)


@pytest.mark.parametrize("fault", ["miss", "drop"])
def test_a_mistake_is_seen_and_made_good(play, fault):
    certain = {"miss": 1.0, "drop": 0.0} if fault == "miss" else {"miss": 0.0, "drop": 1.0}
    who, exact = Person(SPEC, PersonParams(pace=(1.0, 1.0), **certain)), operator("exact", SPEC)
    longer, solved = 0, 0
    for seed in range(40, 48):
        rows = demonstrate(play, who, seed)
        solved += len(rows) < ROWS
        longer += len(rows) > len(demonstrate(play, exact, seed)) + 20
    assert solved >= 7
    assert longer >= 4


def test_an_unknown_operator_is_refused_by_name():
    with pytest.raises(SimulationError, match=r"no operator 'robot'; operators: person, exact"):
        operator("robot", SPEC)
