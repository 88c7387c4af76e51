"""The world is built from the robot's own TOML."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from motorium.sim.mjcf import build_mjcf
from motorium.sim.servo import ServoModel
from motorium.specs.robot import RobotSpec


@pytest.fixture(scope="module")
def spec() -> RobotSpec:
    return RobotSpec.load("so101")


def compiled(spec: RobotSpec) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(
        build_mjcf(spec, [ServoModel.load(name) for name in spec.motor_names])
    )


def test_joints_keep_names_limits_and_masses(spec: RobotSpec) -> None:
    model = compiled(spec)
    for joint in spec.joints:
        assert model.joint(joint.name).range == pytest.approx([joint.lower_rad, joint.upper_rad])
        assert model.body(joint.name).mass[0] == pytest.approx(joint.mass_kg)
        assert model.body(joint.name).ipos == pytest.approx(joint.com_m)


def test_only_fingers_of_the_arm_collide(spec: RobotSpec) -> None:
    model = compiled(spec)
    links = {model.body(name).id for name in ("base", *spec.joint_names)}
    touching = [i for i in range(model.ngeom) if model.geom_bodyid[i] in links and model.geom_contype[i]]
    assert len(touching) == sum(geom.role == "finger" for geom in spec.geoms)
    assert not any(model.geom_type[i] == mujoco.mjtGeom.mjGEOM_MESH for i in range(model.ngeom))


def test_a_camera_looks_where_its_view_says(spec: RobotSpec) -> None:
    model = compiled(spec)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for view in spec.views:
        mount = model.body(view.mount).id
        turn = data.xmat[mount].reshape(3, 3)
        aim = data.xpos[mount] + turn @ np.array(view.look_at_m)
        camera = model.camera(view.role).id
        seen = data.cam_xmat[camera].reshape(3, 3).T @ (aim - data.cam_xpos[camera])
        assert seen[:2] == pytest.approx([0.0, 0.0], abs=1e-6)
        assert seen[2] < 0.0


def test_a_change_in_the_data_reaches_the_model(spec: RobotSpec) -> None:
    first = replace(spec.joints[0], lower_rad=-1.0)
    assert compiled(replace(spec, joints=(first, *spec.joints[1:]))).joint(first.name).range[
        0
    ] == pytest.approx(-1.0)


def test_a_servo_turns_no_faster_than_its_no_load_speed(spec: RobotSpec) -> None:
    model = compiled(spec)
    data = mujoco.MjData(model)
    data.ctrl[0] = 1.9
    fastest = 0.0
    for _ in range(300):
        mujoco.mj_step(model, data)
        fastest = max(fastest, float(data.qvel[0]))
    servo = ServoModel.load(spec.bus.motor)
    assert 0.5 * servo.no_load_speed_rad_s < fastest < servo.no_load_speed_rad_s
    assert data.qpos[0] == pytest.approx(1.9, abs=0.05)
