"""Play kinds of demonstration, each one episode in lock-step, and return the frames that may be learned from.

full       the whole task, with knocks against the arm, the gripper and the cube
miss       a deliberate miss beside the cube; only the recovery is kept
approach   from an arbitrary arm pose to the grasp
glance     one observation from the start pose and one from any pose, each with the expert's chunk: most scenes per hour
hover      observations from close above the cube, turned anyhow: near a cube is not yet in line with it
correct    a policy drives; at its replanning instants the expert shows how to go on (DAgger, Ross et al., 2011)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from motorium.errors import SafetyError
from motorium.policies.base import Policy
from motorium.policies.nano.config import Prompt
from motorium.policies.nano.tokenizer import Tokenizer
from motorium.sim.expert import Expert
from motorium.sim.kinematics import DOWN_RAD, Tool
from motorium.sim.lockstep import LockStep
from motorium.sim.scene import CUBE_M, polar
from motorium.sim.tasks import in_tray
from motorium.sim.world import Truth, World
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map, slot_values
from motorium.timeline.pairing import Setpoints, label_rows
from motorium.types import Float32, Observation

from .features import scene_features
from .shards import DemoFrame

Float64 = NDArray[np.float64]
LIFTED_M = CUBE_M / 2 + 0.006


@dataclass(frozen=True)
class EpisodeParams:
    """How demonstrations are disturbed; lengths in rows of the policy."""

    rows: int = 16
    limit: int = 240
    stride: int = 2
    stay: int = 12
    knock_every: float = 28.0
    knock_rad: float = 0.16
    gripper_knock_share: float = 0.35
    cube_knock_share: float = 0.15
    approach_limit: int = 36
    horizon: int = 8
    delays: tuple[int, ...] = (1, 2, 2, 3)


@dataclass
class _Log:
    """What happened, row by row: when, setpoints, which moves were the expert's own, and the frames observed."""

    times_ns: list[int] = field(default_factory=list)
    setpoints: list[Float64] = field(default_factory=list)
    clean: list[bool] = field(default_factory=list)
    frames: list[tuple[int, DemoFrame]] = field(default_factory=list)


class Stage:
    """A world with an expert in it; the tools that all kinds of episode share."""

    def __init__(self, spec: RobotSpec, prompt: Prompt, params: EpisodeParams) -> None:
        self.spec, self.params = spec, params
        self.world = World(spec)
        self.expert = Expert(spec)
        self.play = LockStep(self.world)
        self._tokenizer = Tokenizer(prompt)

    def begin(self, seed: int) -> np.random.Generator:
        """Lay the scene of a seed."""
        self.world.reset(seed)
        self.play.restart()
        self.log = _Log()
        return np.random.default_rng([seed, 7])

    def expert_row(self, truth: Truth | None = None) -> Float64:
        """Return the expert's next setpoint, for the true world or an imagined one."""
        return self.expert.target(truth or self.world.truth(), self.world.position_rad, self.play.setpoint)

    def move(self, row: NDArray[np.floating], *, clean: bool) -> None:
        """Play one row and log whether it was the expert's own."""
        self.log.times_ns.append(self.play.now_ns)
        self.log.setpoints.append(self.play.setpoint.copy())
        self.log.clean.append(clean)
        self.play.run_row(row)

    def observe(self, committed: int = 0) -> DemoFrame:
        """Observe now, with a chunk that is still empty."""
        world, rows = self.world, self.params.rows
        joints = len(self.spec.joints)
        truth = world.truth()
        return DemoFrame(
            images=np.stack([world.render(camera.role) for camera in self.spec.cameras]),
            state=slot_values(self.spec, world.position_rad),
            rows=np.zeros((rows, joints), dtype=np.float32),
            valid=np.zeros(rows, dtype=np.bool_),
            committed=committed,
            scene=scene_features(world, self.expert),
            tokens=self._tokenizer.encode(world.task),
            pregrasp=truth.cube.z_m < LIFTED_M and not in_tray(truth.cube, truth.tray),
            seed=world.scene.seed,
        )

    def remember(self, committed: int = 0) -> None:
        """Keep the observation before the row that is played next."""
        self.log.frames.append((len(self.log.setpoints), self.observe(committed)))

    def finish(self) -> list[DemoFrame]:
        """Play the tail that the last frames need and fill every frame's chunk."""
        for _ in range(self.params.rows):
            self.move(self.expert_row(), clean=True)
        setpoints = Setpoints(self.log.times_ns, self.log.setpoints)
        clean = np.array(self.log.clean)
        out = []
        for k, frame in self.log.frames:
            rows = self._labels(self.log.times_ns[k], setpoints)
            # Row i is the expert's only while every move from the committed rows up to it was.
            moves = clean[k : k + self.params.rows - 1].copy()
            moves[: max(0, frame.committed - 1)] = True
            valid = np.concatenate([[True], np.logical_and.accumulate(moves)])
            if valid[: frame.committed + 2].all():
                out.append(replace(frame, rows=rows, valid=valid))
        return out

    def _labels(self, t0_ns: int, setpoints: Setpoints) -> Float32:
        """Return (T, J) slot values of the chunk that belongs to what was observed at `t0_ns`."""
        rows = label_rows(t0_ns, self.play.row_ns, self.params.rows, setpoints.at)
        assert rows is not None  # as many rows were played
        return slot_values(self.spec, rows)

    def observe_with_chunk(self, wait: int) -> DemoFrame:
        """Observe now, with the chunk of an expert that starts after `wait` committed rows of standing still."""
        chunk = self.branch([self.play.setpoint.copy()] * (wait - 1))
        return replace(self.observe(wait), rows=chunk, valid=np.ones(self.params.rows, dtype=np.bool_))

    def branch(self, plan: list[Float64]) -> Float32:
        """Return (T, J) slot values: the committed `plan`, then the expert, played in a side branch of time."""
        t0_ns = self.play.now_ns
        times_ns, rows = [t0_ns], [self.play.setpoint]
        with self.play.side_branch():
            for i in range(self.params.rows - 1):
                self.play.run_row(plan[i] if i < len(plan) else self.expert_row())
                times_ns.append(self.play.now_ns)
                rows.append(self.play.setpoint)
        return self._labels(t0_ns, Setpoints(times_ns, rows))


def full(stage: Stage, seed: int) -> list[DemoFrame]:
    """Play the whole task with knocks, and a while of staying put at the end."""
    rng = stage.begin(seed)
    params = stage.params
    _hesitate(stage, rng)
    phase, stay = int(rng.integers(params.stride)), params.stay
    next_knock = int(rng.exponential(params.knock_every)) + 4
    for k in range(params.limit):
        if k == next_knock:
            _knock(stage, rng)
            next_knock = k + int(rng.exponential(params.knock_every)) + 8
        if k % params.stride == phase:
            stage.remember()
        stage.move(stage.expert_row(), clean=True)
        if stage.world.success:
            stay -= 1
            next_knock = -1
            if stay <= 0:
                break
    return stage.finish()


def miss(stage: Stage, seed: int) -> list[DemoFrame]:
    """Go for a place beside the cube, close on air, then see the mistake."""
    rng = stage.begin(seed)
    angle, distance = rng.uniform(-math.pi, math.pi), rng.uniform(0.012, 0.035)
    truth = stage.world.truth()
    wrong = replace(
        truth.cube,
        x_m=truth.cube.x_m + distance * math.cos(angle),
        y_m=truth.cube.y_m + distance * math.sin(angle),
    )
    imagined = replace(truth, cubes={**truth.cubes, truth.target: wrong})
    closed_for = int(rng.integers(1, 9))
    for _ in range(70):
        stage.move(stage.expert_row(imagined), clean=False)
        if stage.play.setpoint[5] < stage.expert.grasp.open_rad - 0.15:
            closed_for -= 1
            if closed_for <= 0:
                break
    if rng.random() < 0.5:  # some carry the air upwards for a while
        s = stage.expert.arm.tool(stage.play.setpoint)
        steps, rise = int(rng.integers(2, 8)), rng.uniform(0.004, 0.010)
        for i in range(steps):
            lifted = replace(s, height=s.height + rise * (i + 1))
            stage.move(np.append(stage.expert.arm.joints(lifted), stage.expert.grasp.closed_rad), clean=False)
    return _record_until(stage, rng, stage.params.limit, lambda: stage.world.judge()["target_in_tray"])


def approach(stage: Stage, seed: int) -> list[DemoFrame]:
    """Go from an arbitrary arm pose to the first rows of carrying."""
    rng = stage.begin(seed)
    stage.world.set_joints(_arbitrary_pose(stage, rng))
    stage.play.restart()
    _hesitate(stage, rng)
    lifted = 0

    def done() -> bool:
        nonlocal lifted
        lifted += stage.world.truth().cube.z_m > LIFTED_M + 0.01
        return lifted > 4

    return _record_until(stage, rng, stage.params.approach_limit, done)


def glance(stage: Stage, seed: int) -> list[DemoFrame]:
    """Record two single observations of a scene that is used for nothing else."""
    rng = stage.begin(seed)
    frames = [stage.observe_with_chunk(int(rng.integers(0, 4)))]
    stage.world.set_joints(_arbitrary_pose(stage, rng))
    stage.play.restart()
    return [*frames, stage.observe_with_chunk(int(rng.integers(0, 4)))]


def hover(stage: Stage, seed: int) -> list[DemoFrame]:
    """Record three single observations of the target from close above, the gripper turned and shifted at random."""
    rng = stage.begin(seed)
    arm, grasp = stage.expert.arm, stage.expert.grasp
    cube = stage.world.truth().cube
    frames = []
    for _ in range(3):
        point = np.array([cube.x_m, cube.y_m, 0.0]) + np.append(
            rng.normal(0.0, 0.012, 2), rng.uniform(0.032, 0.09)
        )
        offset = grasp.pad_x_m + stage.expert.pad_gap(grasp.open_rad) / 2
        pan = arm.tool_above(point, offset, 0.0).pan
        tool = arm.tool_above(point, offset, arm.yaw_zero - pan + rng.uniform(-1.5, 1.5))
        gripper = rng.uniform(-0.1, 0.9) if rng.random() < 0.25 else grasp.open_rad
        stage.world.set_joints(
            np.append(arm.joints(replace(tool, pitch=tool.pitch + rng.normal(0.0, 0.06))), gripper)
        )
        stage.play.restart()
        frames.append(stage.observe_with_chunk(int(rng.integers(0, 4))))
    return frames


def correct(stage: Stage, seed: int, policy: Policy) -> list[DemoFrame]:
    """Let the policy drive as when deployed; at each replanning the expert's continuation is kept."""
    rng = stage.begin(seed)
    params, spec = stage.params, stage.spec
    slots = slot_map(spec)
    if rng.random() < 0.3:
        stage.world.set_joints(_arbitrary_pose(stage, rng))
        stage.play.restart()
    out, settled = [], 0
    for _ in range(params.limit // params.horizon):
        delay = int(rng.choice(params.delays))
        committed = stage.play.committed(delay)
        frame = stage.observe(committed=delay)
        chunk = stage.branch(list(committed[1:]))
        settled += stage.world.success
        out.append(replace(frame, rows=chunk, valid=np.ones(params.rows, dtype=np.bool_)))
        if settled > 1:
            break
        images = {camera.role: frame.images[i] for i, camera in enumerate(spec.cameras)}
        state = slots.scatter(stage.world.position_rad.astype(np.float32))
        plan = policy.infer(
            Observation(0, state, images, stage.world.task), committed=slots.scatter_chunk(committed)
        )
        count = int(rng.integers(3, params.horizon + 1))
        try:
            stage.play.run_chunk(slots.gather_chunk(plan.rows), delay=delay, count=count)
        except SafetyError:  # the gate has tripped; what came before is still worth learning
            break
    return out


def _record_until(
    stage: Stage, rng: np.random.Generator, limit: int, done: Callable[[], bool]
) -> list[DemoFrame]:
    phase = int(rng.integers(stage.params.stride))
    for k in range(limit):
        if k % stage.params.stride == phase:
            stage.remember()
        stage.move(stage.expert_row(), clean=True)
        if done():
            break
    return stage.finish()


def _hesitate(stage: Stage, rng: np.random.Generator) -> None:
    """Keep the frames in which a deployed arm waits for its first chunk, with the wait as committed."""
    wait = int(rng.integers(0, 5))
    if wait:
        stage.remember(committed=wait)
    for _ in range(wait - 1):
        stage.move(stage.play.setpoint, clean=False)


def _knock(stage: Stage, rng: np.random.Generator) -> None:
    """Push the arm off its path for a few rows, or opens or closes the gripper, or moves the cube."""
    params, grasp = stage.params, stage.expert.grasp
    kind = rng.random()
    truth = stage.world.truth()
    if kind < params.cube_knock_share and truth.cube.z_m < LIFTED_M:
        _shove_cube(stage, rng, truth)
        return
    offset = rng.normal(0.0, params.knock_rad, len(stage.spec.joints)) * (
        rng.random(len(stage.spec.joints)) < 0.6
    )
    offset[5] = 0.0
    if kind > 1.0 - params.gripper_knock_share:
        offset[:5] *= 0.3
        offset[5] = rng.choice([grasp.closed_rad, grasp.open_rad]) - stage.play.setpoint[5]
    steps = int(rng.integers(2, 7))
    start = stage.play.setpoint.copy()
    lower = np.array([j.lower_rad for j in stage.spec.joints])
    upper = np.array([j.upper_rad for j in stage.spec.joints])
    for i in range(steps):
        row = np.clip(start + offset * (i + 1) / steps, lower, upper)
        tool = stage.expert.arm.tool(row)
        if tool.height < 0.008:  # not into the table
            row[:5] = stage.expert.arm.joints(replace(tool, height=0.008))
        stage.move(row, clean=False)


def _shove_cube(stage: Stage, rng: np.random.Generator, truth: Truth) -> None:
    others = [(p.x_m, p.y_m) for c, p in truth.cubes.items() if c != truth.target] + [
        (truth.tray.x_m, truth.tray.y_m)
    ]
    tool = stage.expert.arm.tool(stage.world.position_rad)
    tip = polar(tool.radius, -tool.pan)
    for _ in range(20):
        x, y = polar(rng.uniform(0.15, 0.225), rng.uniform(-0.75, 0.25))
        clear = min(math.hypot(x - ox, y - oy) for ox, oy in others)
        if clear > 0.075 and math.hypot(x - tip[0], y - tip[1]) > 0.06 and tool.height > 0.03:
            stage.move(stage.play.setpoint, clean=False)
            stage.world.move_cube(truth.target, x, y, float(rng.uniform(-math.pi / 4, math.pi / 4)))
            return


def _arbitrary_pose(stage: Stage, rng: np.random.Generator) -> Float64:
    """Draw (J,) radians: over the table, any roll, sometimes with a partly closed gripper; clear of all cubes."""
    arm, grasp = stage.expert.arm, stage.expert.grasp
    truth = stage.world.truth()
    while True:
        tool = Tool(
            rng.uniform(-1.0, 1.0),
            rng.uniform(0.12, 0.25),
            0.015 + 0.15 * rng.random() ** 1.5,
            DOWN_RAD + rng.normal(0.0, 0.15),
            rng.uniform(-1.7, 1.7),
        )
        tip = polar(tool.radius, -tool.pan)
        near = min(math.hypot(p.x_m - tip[0], p.y_m - tip[1]) for p in truth.cubes.values())
        tray = math.hypot(truth.tray.x_m - tip[0], truth.tray.y_m - tip[1])
        if tool.height > 0.055 or (near > 0.065 and tray > 0.10):
            break
    gripper = rng.uniform(-0.1, 0.9) if rng.random() < 0.4 else grasp.open_rad
    return np.append(arm.joints(tool), gripper)
