"""The simulated world: seeds, physics, servos, judge, pictures."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from motorium.errors import SimulationError
from motorium.sim.scene import draw_scene
from motorium.sim.world import SCENE_NAMES, World, scene_vector
from motorium.specs.kinematics import Chain
from motorium.specs.robot import RobotSpec


@pytest.fixture(scope="module")
def world() -> World:
    return World(RobotSpec.load("so101"), 0)


def test_same_seed_same_scene_and_motion(world: World) -> None:
    runs = []
    for _ in range(2):
        scene = world.reset(11)
        for i in range(40):
            world.step(world.position_rad + 0.02 * np.sin(i), 0.005)
        runs.append((scene, world.data.qpos.copy()))
    assert runs[0][0] == runs[1][0] == draw_scene(11)
    assert np.array_equal(runs[0][1], runs[1][1])
    assert draw_scene(12) != draw_scene(11)


def test_simulated_chain_is_the_declared_chain(world: World) -> None:
    chain = Chain(world.spec)
    link = world.model.body(world.spec.tcp.parent).id
    for q in ([0.0] * 6, [0.3, -0.6, 0.9, 0.4, -0.2, 0.5]):
        world.set_joints(np.array(q))
        turned = world.data.xmat[link].reshape(3, 3)
        tip = world.data.xpos[link] + turned @ chain.tcp_offset
        assert tip == pytest.approx(chain.tcp(np.array(q))[0], abs=1e-6)


def test_task_words_choose_the_target(world: World) -> None:
    for colour in ("red", "green", "blue"):
        scene = world.reset(5, task=f"Put the {colour} cube in the tray.")
        assert scene.target == colour == world.truth().target
        assert colour in scene.colours
    with pytest.raises(SimulationError, match="put the red cube in the tray"):
        world.reset(5, task="dance")


def test_goal_that_is_not_finite_is_refused(world: World) -> None:
    world.reset(1)
    with pytest.raises(SimulationError, match="not finite"):
        world.step(np.full(6, np.nan), 0.005)


def test_limp_arm_falls_and_held_arm_stays(world: World) -> None:
    world.reset(1)
    start = world.position_rad
    for _ in range(100):
        world.step(start, 0.005)
    assert world.position_rad == pytest.approx(start, abs=0.01)
    world.servos.torque_enable[:] = False
    world.servos.apply_limits()
    for _ in range(100):
        world.step(start, 0.005)
    assert np.max(np.abs(world.position_rad - start)) > 0.1
    assert np.max(np.abs(world.joint_state().effort)) < 0.01


def test_frames_follow_the_world(world: World) -> None:
    for role in ("front", "wrist"):
        frames = []
        world.reset(2)
        for i in range(4):
            home = world.position_rad
            home[0] += 0.1 * i
            world.set_joints(home)
            frames.append(world.render(role))
        assert frames[0].shape == (96, 96, 3)
        assert frames[0].dtype == np.uint8
        for before, after in pairwise(frames):
            assert not np.array_equal(before, after)
    with pytest.raises(SimulationError, match="front"):
        world.render("side")


def test_scene_vector_names_its_parts(world: World) -> None:
    scene = world.reset(4)
    vector = scene_vector(world)
    assert vector.shape == (len(SCENE_NAMES),)
    target = next(cube for cube in scene.cubes if cube.colour == scene.target)
    assert vector[0] == pytest.approx(target.x_m, abs=1e-3)
    assert vector[3] ** 2 + vector[4] ** 2 == pytest.approx(1.0, abs=1e-5)


def test_torque_limit_bounds_the_servo(world: World) -> None:
    world.reset(1)
    world.servos.torque_limit[:] = 0.1
    world.servos.apply_limits()
    goal = world.position_rad
    goal[0] += 1.0
    for _ in range(40):
        world.step(goal, 0.005)
        assert abs(world.joint_state().effort[0]) <= 0.1 + 1e-6
    world.reset(1)
    assert world.servos.torque_limit[0] == 1.0


def test_working_servos_draw_current_and_grow_warm(world: World) -> None:
    world.reset(1)
    cold = world.joint_state()
    start = world.position_rad
    for _ in range(400):
        world.step(start, 0.005)
    warm = world.joint_state()
    lift = world.spec.joint_names.index("shoulder_lift")
    assert warm.temperature_c[lift] > cold.temperature_c[lift] + 0.01
    assert warm.current_ma[lift] > 50 > cold.current_ma[lift]
    assert np.all(warm.voltage_v < cold.voltage_v)


def test_time_that_is_no_whole_step_is_carried_over(world: World) -> None:
    world.reset(1)
    for _ in range(100):
        world.step(world.position_rad, 0.0033)
    assert world.time_s == pytest.approx(0.33, abs=0.0026)


def test_a_robot_without_looks_is_refused() -> None:
    with pytest.raises(SimulationError, match="geoms"):
        World(replace(RobotSpec.load("so101"), geoms=()))
