"""Puts a drawn Scene into a compiled model: one model serves all scenes, so pictures need one OpenGL context."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..specs.geometry import ViewSpec
from ..specs.robot import RobotSpec
from .mjcf import camera_axes
from .scene import COLOURS, CUBE_M, DISTRACTORS, Look, Scene, Tray

FAR_M = 5.0


def stage_scene(
    spec: RobotSpec, model: Any, data: Any, scene: Scene, colours: Iterable[str] = tuple(COLOURS)
) -> None:
    """Set poses, colours, light and cameras in a mujoco model, which has a cube of each of `colours`, and its data."""
    _stage_cubes(model, data, scene, colours)
    _stage_distractors(model, data, scene)
    _stage_tray(model, data, scene.tray)
    stage_look(spec, model, scene.look)


def _stage_cubes(model: Any, data: Any, scene: Scene, colours: Iterable[str]) -> None:
    present = {cube.colour: cube for cube in scene.cubes}
    for i, colour in enumerate(colours):
        geom, body, at = model.geom(colour).id, model.body(colour).id, int(model.joint(colour).qposadr[0])
        cube = present.get(colour)
        # An absent cube floats far away: no contact, no weight.
        model.geom_contype[geom] = model.geom_conaffinity[geom] = int(cube is not None)
        model.body_gravcomp[body] = float(cube is None)
        if cube is None:
            data.qpos[at : at + 7] = [-FAR_M, i - FAR_M, -FAR_M, 1.0, 0.0, 0.0, 0.0]
            continue
        half = cube.yaw_rad / 2.0
        model.geom_rgba[geom, :3] = cube.rgb
        data.qpos[at : at + 7] = [cube.x_m, cube.y_m, CUBE_M / 2, math.cos(half), 0.0, 0.0, math.sin(half)]


def _stage_distractors(model: Any, data: Any, scene: Scene) -> None:
    shown = {distractor.name: distractor for distractor in scene.distractors}
    for i, (name, (shape, size)) in enumerate(DISTRACTORS.items()):
        mocap = int(model.body(name).mocapid[0])
        data.mocap_pos[mocap] = (-FAR_M, FAR_M + i, -FAR_M)
        if name in shown:
            height = size[0] if shape == "sphere" else size[1]
            data.mocap_pos[mocap] = (shown[name].x_m, shown[name].y_m, height)
            model.geom_rgba[model.geom(name).id, :3] = shown[name].rgb


def _stage_tray(model: Any, data: Any, tray: Tray) -> None:
    body = model.body("tray").id
    mocap = int(model.body_mocapid[body])
    data.mocap_pos[mocap] = (tray.x_m, tray.y_m, 0.0)
    data.mocap_quat[mocap] = (math.cos(tray.yaw_rad / 2), 0.0, 0.0, math.sin(tray.yaw_rad / 2))
    model.geom_rgba[model.geom_bodyid == body, :3] = tray.rgb


def stage_look(spec: RobotSpec, model: Any, look: Look) -> None:
    """Set light and cameras."""
    import mujoco

    model.geom_rgba[model.geom("table").id, :3] = look.table_rgb
    lamp = model.light("lamp").id
    aim = np.array([0.19, 0.01, 0.0]) - np.array(look.lamp_m)
    model.light_pos[lamp] = look.lamp_m
    model.light_dir[lamp] = aim / np.linalg.norm(aim)
    model.light_diffuse[lamp] = look.lamp_strength
    model.vis.headlight.ambient[:] = look.ambient
    for view in spec.views:
        moved = _shifted(view, look)
        right, up = camera_axes(moved)
        camera = model.camera(view.role).id
        model.cam_pos[camera] = moved.position_m
        mujoco.mju_mat2Quat(
            model.cam_quat[camera], np.stack([right, up, np.cross(right, up)], axis=1).ravel()
        )


def _shifted(view: ViewSpec, look: Look) -> ViewSpec:
    still = (0.0, 0.0, 0.0)
    px, py, pz = np.array(view.position_m) + look.camera_shift_m.get(view.role, still)
    ax, ay, az = np.array(view.look_at_m) + look.camera_aim_m.get(view.role, still)
    return ViewSpec(view.role, view.mount, (px, py, pz), (ax, ay, az), view.up, view.fovy_deg)
