"""The simulated world: one arm, one table; physics, servos, cameras, judge. The caller owns time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SimulationError
from ..specs.robot import RobotSpec
from ..types import UInt8
from .mjcf import TIMESTEP_S, build_mjcf
from .opengl import check_settings, choose_platform
from .render import Renderers
from .scene import CUBE_M, Scene, asked_colours, draw_scene, palette
from .servo import ServoBank, ServoModel, ServoState
from .stage import stage_look, stage_scene
from .tasks import Judge, Judgement, Pose, forced_colour, instruction
from .variation import AS_USUAL, Variation

Float64 = NDArray[np.float64]
JUDGE_PERIOD_S = 0.05
START_JITTER_RAD = (0.25, 0.06, 0.06, 0.06, 0.25, 0.0)
GRIPPER_TORQUE_LIMIT = 0.40


@dataclass(frozen=True)
class Truth:
    """Where everything really is, in the robot base frame (metres, radians)."""

    target: str
    cubes: Mapping[str, Pose]
    tray: Pose
    obstacles: tuple[Pose, ...] = ()

    @property
    def cube(self) -> Pose:
        """The cube the task is about."""
        return self.cubes[self.target]


@dataclass(frozen=True)
class WorldState:
    """A moment of a world, opaque to its owner."""

    physics: Float64
    servos: tuple[Float64, ...]
    judge: Judge
    clocks: tuple[float, float, float]


class World:
    """A robot, a table, a task.

    Args:
        spec: the robot; needs geoms, views and grasp for the task.
        seed: the first scene; see `reset`.
        variation: of all its scenes.

    Attributes:
        servos: torque limits and enables, settable at any time (call `servos.apply_limits()` after a change).
        scene: what was drawn for this episode.
        time_s: simulated time since the last reset.
    """

    def __init__(self, spec: RobotSpec, seed: int = 0, variation: Variation = AS_USUAL) -> None:
        check_settings()
        choose_platform()
        import mujoco

        if spec.grasp is None or not spec.geoms:
            raise SimulationError(
                f"robot {spec.name!r} has no [[geoms]] or [grasp] in its TOML; sim needs both"
            )
        roles = [view.role for view in spec.views]
        for move in variation.cameras:
            if move.role not in roles:
                raise SimulationError(
                    f"scene {variation.name} moves camera {move.role!r}, which robot {spec.name!r} has not; cameras: "
                    f"{', '.join(roles) or 'none'}"
                )
        self._mujoco = mujoco
        self.spec, self.variation = spec, variation
        self._colours = tuple(palette(variation))
        servos = [ServoModel.load(name) for name in spec.motor_names]
        self.model: Any = mujoco.MjModel.from_xml_string(build_mjcf(spec, servos, self._colours))
        self.data: Any = mujoco.MjData(self.model)
        self.joints = len(spec.joints)
        # Views into the physics state; mujoco keeps these buffers for the life of `data`.
        self._ctrl, self._torque = self.data.ctrl[: self.joints], self.data.qfrc_actuator[: self.joints]
        self._qpos, self._qvel = self.data.qpos[: self.joints], self.data.qvel[: self.joints]
        limits = np.array([GRIPPER_TORQUE_LIMIT if j.name == spec.grasp.joint else 1.0 for j in spec.joints])
        self.servos = ServoBank(servos, self.model, limits)
        self._gripper = spec.joint_names.index(spec.grasp.joint)
        self._index()
        self._renderers = Renderers(self.model)
        self.reset(seed)

    def _index(self) -> None:
        model = self.model
        self._cube_joint = {c: int(model.joint(c).qposadr[0]) for c in self._colours}
        self._cube_dof = {c: int(model.joint(c).dofadr[0]) for c in self._colours}
        self._cube_geom = {c: int(model.geom(c).id) for c in self._colours}
        self._fingers = {i for i in range(model.ngeom) if model.geom(i).name.startswith("finger_")}
        self._finger_masks = [
            (i, int(model.geom_contype[i]), int(model.geom_conaffinity[i])) for i in self._fingers
        ]
        self._lower = np.array([j.lower_rad for j in self.spec.joints])
        self._upper = np.array([j.upper_rad for j in self.spec.joints])

    def reset(self, seed: int, task: str | None = None) -> Scene:
        """Start the episode of a seed; `task` as in `forced_colour`. Raises SimulationError for an unknown one."""
        target = forced_colour(task, asked_colours(self.variation))
        self.scene = scene = draw_scene(seed, target=target, joints=self.joints, variation=self.variation)
        self.task = instruction(scene.target)
        self._mujoco.mj_resetData(self.model, self.data)
        self.servos.reset()
        self.time_s = 0.0
        self._debt_s = 0.0
        self._unjudged_s = 0.0
        self.judge_state = Judge()
        stage_scene(self.spec, self.model, self.data, scene, self._colours)
        home = np.array([j.home_rad for j in self.spec.joints])
        spread = np.resize(np.array(START_JITTER_RAD), self.joints)
        self.set_joints(home + spread * np.array(scene.start_jitter))
        return scene

    def set_joints(self, q_rad: Float64) -> None:
        """Put the arm at rest at (J,) joint angles, clipped to the limits, and the goal with it."""
        q = np.clip(np.asarray(q_rad, dtype=np.float64), self._lower, self._upper)
        self.data.qpos[: self.joints] = q
        self.data.qvel[: self.joints] = 0.0
        self.data.ctrl[: self.joints] = q
        self._mujoco.mj_forward(self.model, self.data)
        self._judge(0.0)

    def set_contacts(self, *, on: bool) -> None:
        """Let the fingers touch things, or pass through them, as those of an arm that is held in the air."""
        for geom, kind, others in self._finger_masks:
            self.model.geom_contype[geom] = kind if on else 0
            self.model.geom_conaffinity[geom] = others if on else 0

    def move_cube(self, colour: str, x_m: float, y_m: float, yaw_rad: float = 0.0) -> None:
        """Put a cube flat on the table somewhere else, at rest."""
        at, dof = self._cube_joint[colour], self._cube_dof[colour]
        half = yaw_rad / 2.0
        self.data.qpos[at : at + 7] = [x_m, y_m, CUBE_M / 2, math.cos(half), 0.0, 0.0, math.sin(half)]
        self.data.qvel[dof : dof + 6] = 0.0
        self._mujoco.mj_forward(self.model, self.data)

    def move_camera(self, role: str, shift_m: Sequence[float], aim_m: Sequence[float]) -> None:
        """Put a camera elsewhere until the next reset.

        Args:
            role: of the camera. Raises SimulationError for one that this robot has not.
            shift_m: (3,) added to where it stands, in the frame of its mount.
            aim_m: (3,) added to the point that it looks at.
        """
        roles = [view.role for view in self.spec.views]
        if role not in roles:
            raise SimulationError(f"no camera {role!r} to move; cameras: {', '.join(roles)}")
        self.scene = replace(self.scene, look=self.scene.look.with_camera(role, shift_m, aim_m))
        stage_look(self.spec, self.model, self.scene.look)
        self._mujoco.mj_camlight(self.model, self.data)  # and nothing of the physics

    def save(self) -> WorldState:
        """Return the present state, for `restore` in the same episode."""
        kind = self._mujoco.mjtState.mjSTATE_INTEGRATION
        physics = np.empty(self._mujoco.mj_stateSize(self.model, kind))
        self._mujoco.mj_getState(self.model, self.data, physics, kind)
        clocks = (self.time_s, self._debt_s, self._unjudged_s)
        return WorldState(physics, self.servos.save(), replace(self.judge_state), clocks)

    def restore(self, saved: WorldState) -> None:
        """Go back to a saved present, bit for bit."""
        kind = self._mujoco.mjtState.mjSTATE_INTEGRATION
        self._mujoco.mj_setState(self.model, self.data, saved.physics, kind)
        self._mujoco.mj_forward(self.model, self.data)
        # Again: computing forces has moved the solver's warm start on.
        self._mujoco.mj_setState(self.model, self.data, saved.physics, kind)
        self.servos.restore(saved.servos)
        self.judge_state = replace(saved.judge)
        self.time_s, self._debt_s, self._unjudged_s = saved.clocks

    def step(self, goal_rad: NDArray[Any], dt_s: float) -> None:
        """Let `dt_s` seconds pass with (J,) position goals in radians (clipped to the joint limits).

        Time that is no multiple of the physics step is carried to the next call. Raises SimulationError on a goal
        that is not finite.
        """
        goal = np.asarray(goal_rad, dtype=np.float64)
        if not math.isfinite(math.fsum(goal.tolist())):
            raise SimulationError(f"goal is not finite: {goal.tolist()}")
        np.minimum(np.maximum(goal, self._lower), self._upper, out=self._ctrl)
        self._debt_s += dt_s
        steps = int(self._debt_s / TIMESTEP_S + 1e-6)
        if steps <= 0:
            return
        self._mujoco.mj_step(self.model, self.data, steps)
        passed = steps * TIMESTEP_S
        self._debt_s -= passed
        self.time_s += passed
        self.servos.sense(self._torque, passed)
        self._unjudged_s += passed
        if self._unjudged_s >= JUDGE_PERIOD_S - 1e-9:
            self._judge(self._unjudged_s)
            self._unjudged_s = 0.0

    def _judge(self, dt_s: float) -> None:
        truth = self.truth()
        grip = (float(self._qpos[self._gripper]), self._touching(self._cube_geom[truth.target]))
        self.judge_state.update(dict(truth.cubes), truth.target, truth.tray, grip, dt_s)

    def _touching(self, geom: int) -> bool:
        pairs = self.data.contact.geom
        return any(
            (a == geom and b in self._fingers) or (b == geom and a in self._fingers)
            for a, b in pairs.tolist()
        )

    def joint_state(self) -> ServoState:
        """Return what the servos report now."""
        return self.servos.state(self._qpos, self._qvel)

    def readings(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return position (rad), velocity (rad/s), effort (share of stall), each (J,) float32: what a tick needs."""
        return self._qpos.astype(np.float32), self._qvel.astype(np.float32), self.servos.load

    @property
    def position_rad(self) -> Float64:
        """(J,) measured joint angles, a copy."""
        return np.array(self._qpos)

    def cube_pose(self, colour: str) -> Pose:
        """Return the pose of a cube; yaw in +-45 degrees (a cube looks the same four times a turn)."""
        at, dof = self._cube_joint[colour], self._cube_dof[colour]
        x, y, z, qw, qx, qy, qz = self.data.qpos[at : at + 7].tolist()
        vx, vy, vz = self.data.qvel[dof : dof + 3].tolist()
        return Pose(x, y, z, _flat_yaw(qw, qx, qy, qz), math.sqrt(vx * vx + vy * vy + vz * vz))

    def truth(self) -> Truth:
        """Return the poses of the cubes on the table and of the tray."""
        tray = self.scene.tray
        cubes = {colour: self.cube_pose(colour) for colour in self.scene.colours}
        others = tuple(Pose(d.x_m, d.y_m, CUBE_M / 2, 0.0) for d in self.scene.distractors)
        return Truth(self.scene.target, cubes, Pose(tray.x_m, tray.y_m, 0.0, tray.yaw_rad), others)

    def judge(self) -> Judgement:
        """Return the task's state; refreshed every 50 ms of simulated time."""
        return self.judge_state.report()

    @property
    def success(self) -> bool:
        """Target in the tray, let go, at rest, for one second; no wrong cube ever in the tray."""
        return self.judge_state.success

    def render(self, role: str) -> UInt8:
        """Render a camera now, (H, W, 3) uint8 RGB. Raises SimulationError for an unknown role or without OpenGL."""
        for camera in self.spec.cameras:
            if camera.role == role:
                return self._renderers.render(self.data, role, camera.height, camera.width)
        roles = ", ".join(camera.role for camera in self.spec.cameras)
        raise SimulationError(f"no camera {role!r}; cameras: {roles}")

    def close(self) -> None:
        """Free the OpenGL context; safe to call twice."""
        self._renderers.close()


def _flat_yaw(w: float, x: float, y: float, z: float) -> float:
    """Yaw of the body axis that lies flattest, folded to +-45 degrees."""
    columns = (
        (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)),
        (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)),
        (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)),
    )
    axis = min(columns, key=lambda c: abs(c[2]))
    yaw = math.atan2(axis[1], axis[0])
    return (yaw + math.pi / 4) % (math.pi / 2) - math.pi / 4


SCENE_NAMES = (
    "target_x_m",
    "target_y_m",
    "target_z_m",
    "target_cos4yaw",
    "target_sin4yaw",
    "tray_x_m",
    "tray_y_m",
)


def scene_vector(world: World) -> NDArray[np.float32]:
    """Return the target of an auxiliary scene head: (7,) float32 in the order of SCENE_NAMES, robot base frame."""
    truth = world.truth()
    cube, tray = truth.cube, truth.tray
    yaw = 4.0 * cube.yaw_rad
    return np.array(
        [cube.x_m, cube.y_m, cube.z_m, math.cos(yaw), math.sin(yaw), tray.x_m, tray.y_m], dtype=np.float32
    )
