"""Hindsight: the next close and open from recorded joints alone, in the robot's own kinematics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motorium.errors import DataError
from motorium.learn.objectives.hindsight import CLOSE, OPEN, gripper_events, hindsight
from motorium.specs.kinematics import Chain
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map

SPEC = RobotSpec.load("so101")
# Open, close on something 25 mm wide, carry, let go: openings of 60 frames.
OPENING = np.interp(np.arange(60), [0, 15, 18, 40, 43, 59], [0.38, 0.38, 0.17, 0.17, 0.38, 0.38])


def recording(seed: int, opening: np.ndarray = OPENING) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, J) radians and the slot values that a dataset has of them."""
    rng = np.random.default_rng(seed)
    q = np.cumsum(rng.normal(0.0, 0.02, (len(opening), 6)), axis=0) + [
        joint.home_rad for joint in SPEC.joints
    ]
    grip = SPEC.joints[5]
    q[:, 5] = (opening - grip.slot_offset) / grip.slot_scale
    slots = slot_map(SPEC).scatter_chunk(q)[:, [joint.slot for joint in SPEC.joints]]
    return q, np.asarray(slots, dtype=np.float32)


def test_the_next_close_and_open_are_where_the_tool_was_then():
    q, state = recording(0)
    found = hindsight(SPEC, state, np.zeros(60, dtype=np.int32))
    closes, opens = gripper_events(state[:, 5], np.zeros(60, dtype=np.int32))
    assert closes.shape == opens.shape == (1,)
    assert 15 <= closes[0] < 18
    assert 40 <= opens[0] < 43
    for kind, event in ((CLOSE, closes[0]), (OPEN, opens[0])):
        position, rotation = Chain(SPEC).tcp(q[event])
        before = np.arange(60) < event
        np.testing.assert_array_equal(found.known[:, 0, kind], before)
        np.testing.assert_array_equal(found.ahead[before, 0, kind], event - np.arange(60)[before])
        np.testing.assert_allclose(
            found.position_m[:event, 0, kind], np.tile(position, (event, 1)), atol=1e-6
        )
        np.testing.assert_allclose(
            found.rotation[:event, 0, kind], np.tile(rotation, (event, 1, 1)), atol=1e-6
        )
        assert not found.position_m[event:, 0, kind].any()
        assert not found.ahead[event:, 0, kind].any()


def test_an_event_of_the_next_episode_is_nobodys():
    _, first = recording(1, OPENING[:10])
    _, second = recording(2)
    episode = np.repeat([4, 5], [10, 60])
    both = hindsight(SPEC, np.concatenate([first, second]), episode)
    alone = hindsight(SPEC, second, np.zeros(60, dtype=int))
    assert not both.known[:10].any()
    np.testing.assert_array_equal(both.known[10:], alone.known)
    np.testing.assert_array_equal(both.position_m[10:], alone.position_m)


def test_frames_are_told_of_the_next_event_of_several():
    opening = np.concatenate([OPENING, OPENING])
    closes, opens = gripper_events(opening, np.zeros(120, dtype=int))
    _, state = recording(3, opening)
    found = hindsight(SPEC, state, np.zeros(120, dtype=int))
    assert len(closes) == len(opens) == 2
    between = np.arange(closes[0], closes[1])
    np.testing.assert_array_equal(found.ahead[between, 0, CLOSE], closes[1] - between)
    assert found.known[between, 0, CLOSE].all()


@pytest.mark.parametrize("rest", [0.0, 1.0])
def test_where_the_gripper_rests_does_not_hide_what_it_holds(rest):
    """It may rest shut or wide open, take its approach width in time, and open wider once it has let go."""
    approach, leave = np.linspace(rest, 0.38, 8), np.linspace(0.38, rest, 8)
    opening = np.concatenate([np.full(20, rest), approach, OPENING, leave, np.full(20, rest)])
    closes, opens = gripper_events(opening, np.zeros(len(opening), dtype=int))
    assert 28 + 15 <= closes[0] < 28 + 18
    assert any(28 + 40 <= event < 28 + 43 for event in opens)


def test_trembling_and_still_grippers_have_no_events():
    episode = np.zeros(200, dtype=int)
    tremble = 0.3 + 0.02 * np.random.default_rng(0).standard_normal(200).clip(-2, 2)
    for opening in (np.full(200, 0.3), tremble):
        assert [len(events) for events in gripper_events(opening, episode)] == [0, 0]
    # Noise on a real close and open adds none.
    noisy = OPENING + 0.01 * np.random.default_rng(1).standard_normal(60)
    assert [len(events) for events in gripper_events(noisy, episode[:60])] == [1, 1]


def test_no_frames_have_no_targets():
    found = hindsight(SPEC, np.zeros((0, 6), dtype=np.float32), np.zeros(0, dtype=int))
    assert found.known.shape == (0, 1, 2)


def test_two_arms_have_targets_of_their_own():
    pair = RobotSpec.load("bi_so101_follower")
    still = np.full(60, 0.2)
    (_, left), (q, right) = recording(4, still), recording(5)
    found = hindsight(pair, np.concatenate([left, right], axis=1), np.zeros(60, dtype=int))
    assert found.known.shape == (60, 2, 2)
    assert not found.known[:, 0].any()
    event = 60 - int((~found.known[:, 1, CLOSE]).sum())
    np.testing.assert_allclose(found.position_m[0, 1, CLOSE], Chain(SPEC).tcp(q[event])[0], atol=1e-6)


def test_what_does_not_fit_is_refused():
    _, state = recording(6)
    with pytest.raises(DataError, match="so101 has 6 joints, but states are"):
        hindsight(SPEC, state[:, :5], np.zeros(60, dtype=int))
    with pytest.raises(DataError, match="episodes"):
        hindsight(SPEC, state, np.zeros(59, dtype=int))
    arm_only = replace(SPEC, joints=SPEC.joints[:5])
    with pytest.raises(DataError, match="0 joints of unit 'opening'"):
        hindsight(arm_only, state[:, :5], np.zeros(60, dtype=int))


def test_in_a_whole_demonstration_the_thing_lay_in_the_hand_that_closed():
    """What was computed from joints alone, against the simulator's truth: always the same place in the tool's frame."""
    pytest.importorskip("mujoco")
    from motorium.sim.expert import Expert
    from motorium.sim.lockstep import LockStep
    from motorium.sim.world import World

    world, expert, slots = World(SPEC), Expert(SPEC), slot_map(SPEC)
    play = LockStep(world)
    cubes, heights = [], []
    for seed in range(8):
        world.reset(seed)
        play.restart()
        first, states = world.truth(), []
        while not world.success and len(states) < 200:
            states.append(slots.scatter(world.position_rad)[[joint.slot for joint in SPEC.joints]])
            play.run_row(expert.target(world.truth(), world.position_rad, play.setpoint))
        found = hindsight(SPEC, np.array(states, dtype=np.float32), np.zeros(len(states), dtype=int))
        assert found.known[0, 0].all()
        cube = np.array([first.cube.x_m, first.cube.y_m, first.cube.z_m])
        cubes.append(found.rotation[0, 0, CLOSE].T @ (cube - found.position_m[0, 0, CLOSE]))
        heights.append(found.position_m[0, 0, OPEN, 2])
    spread = np.linalg.norm(np.array(cubes) - np.median(cubes, axis=0), axis=1)
    assert spread.max() < 0.002
    assert np.ptp(heights) < 0.002
