"""Who demonstrates in virtual time: the exact expert, or a person who is slower, late, and wrong about places.

A `Person` sees the scene as people do: the farther away a thing is, the less sure its place. Twice a second or so the
guess is a fresh one, so that the approach corrects itself on the way, as a hand does that is watched by an eye. What is
done with a guess is the expert's pure function of what can be seen: during the approach no phase is hidden from who
looks at the pictures (a policy that imitates a hidden phase bobs above the cube for ever). What is hidden is noise: the
guess, the pace of the day, slips of the hand, and now and then a mistake, which is seen and made good.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import SimulationError
from ..specs.robot import RobotSpec
from .expert import Expert, ExpertParams
from .kinematics import Tool
from .tasks import Pose, in_tray
from .world import Truth

Float64 = NDArray[np.float64]

LOWEST_M = 0.008
"""A slip of the hand does not go into the table."""
LIFTED_M = 0.045
"""A cube whose centre is higher hangs in the gripper."""

PRESSED_M, STUCK_M = 0.006, 0.0005
"""A tip that is so far above its setpoint and has moved no more than that since the last row stands on something."""


class Operator(Protocol):
    """Demonstrates the task, a row of the policy (0.05 s) at a time."""

    def begin(self, rng: np.random.Generator) -> None:
        """Start an episode; whatever is random about it is drawn from `rng`."""
        ...

    def row(self, truth: Truth, measured: Float64, setpoint: Float64) -> Float64:
        """Return the (J,) setpoint of one row later from poses, measured joints and the setpoint in force, (J,)."""
        ...


class Exact:
    """The expert itself: never late, never wrong, the same speed every time."""

    def __init__(self, spec: RobotSpec) -> None:
        """Raise SimulationError for a robot without a grasp."""
        self._expert = Expert(spec)

    def begin(self, rng: np.random.Generator) -> None:
        """Start an episode; nothing is random about it."""
        del rng

    def row(self, truth: Truth, measured: Float64, setpoint: Float64) -> Float64:
        """Return the expert's row."""
        return self._expert.target(truth, measured, setpoint)


@dataclass(frozen=True)
class PersonParams:
    """How imperfect a person is; a row is 0.05 s, pairs are the ends of what is drawn evenly.

    Attributes:
        pace: share of the expert's speed, drawn per episode.
        delay_rows: until the hand begins to move.
        guess: standard deviation of a guessed place, as a share of the distance to it.
        guess_rows: for how long a guess is kept.
        slip_rows: mean distance of slips of the hand.
        slip_rad: their size per joint, standard deviation.
        miss: probability that the first grasp of an episode goes beside the cube.
        miss_m: how far beside.
        drop: probability that the cube is let go on the way.
    """

    pace: tuple[float, float] = (0.65, 1.0)
    delay_rows: tuple[int, int] = (4, 16)
    guess: float = 0.10
    guess_rows: tuple[int, int] = (5, 12)
    slip_rows: float = 70.0
    slip_rad: float = 0.06
    miss: float = 0.15
    miss_m: tuple[float, float] = (0.014, 0.028)
    drop: float = 0.04


SURE_M = 0.015
"""Nearer than this a place is not guessed but seen."""


class Person:
    """An imperfect operator, see the module. `begin` before the first row."""

    def __init__(self, spec: RobotSpec, params: PersonParams | None = None) -> None:
        """Raise SimulationError for a robot without a grasp."""
        self._spec, self._params = spec, params or PersonParams()
        self._expert = Expert(spec)
        self._travel = np.array([(joint.lower_rad, joint.upper_rad) for joint in spec.joints]).T

    def begin(self, rng: np.random.Generator) -> None:
        """Start an episode: draw the pace, the delay, and which mistakes there will be."""
        p = self._params
        self._rng = rng
        self._expert = Expert(self._spec, _slower(rng.uniform(*p.pace)))
        self._delay = int(rng.integers(p.delay_rows[0], p.delay_rows[1] + 1))
        self._errors, self._keep = np.zeros((2, 2)), 0
        angle, distance = rng.uniform(-math.pi, math.pi), rng.uniform(*p.miss_m)
        missing = rng.random() < p.miss
        self._beside = distance * missing * np.array([math.cos(angle), math.sin(angle)])
        self._drops = bool(rng.random() < p.drop)
        self._next_slip = self._slip_in()
        self._height_m = math.inf  # of the tip, a row ago
        self._hand: deque[Float64] = deque()  # rows that are under way whatever is seen meanwhile

    def row(self, truth: Truth, measured: Float64, setpoint: Float64) -> Float64:
        """Return the person's next row."""
        if self._delay > 0:
            self._delay -= 1
            return np.array(setpoint, dtype=np.float64)
        self._notice(truth, measured, setpoint)
        if self._hand:
            return self._hand.popleft()
        return self._expert.target(self.guessed(truth, measured), measured, setpoint)

    def guessed(self, truth: Truth, measured: Float64) -> Truth:
        """Return where the person thinks cube and tray are; the guess is kept for a few rows."""
        p = self._params
        if self._keep <= 0:
            self._errors = self._rng.normal(0.0, p.guess, (2, 2))
            self._keep = int(self._rng.integers(p.guess_rows[0], p.guess_rows[1] + 1))
        self._keep -= 1
        cube, tray = truth.cube, truth.tray
        if in_tray(cube, tray):  # whoever sees that is done, wherever exactly it lies
            return truth
        tip = self._tip(measured)
        cube = _moved(cube, _unsure_m(cube, tip) * self._errors[0] + self._beside)
        tray = _moved(tray, _unsure_m(tray, tip) * self._errors[1])
        return replace(truth, cubes={**truth.cubes, truth.target: cube}, tray=tray)

    def _notice(self, truth: Truth, measured: Float64, setpoint: Float64) -> None:
        """See that the gripper went beside the cube, or stands on something; let the cube slip, or the hand."""
        grasp = self._expert.grasp
        closed = measured[5] < grasp.grip_rad + 0.06
        if self._beside.any() and closed:
            self._beside = np.zeros(2)
            if self._rng.random() < 0.5:  # noticed only when nothing comes up with the gripper
                self._lift(setpoint, grasp.closed_rad, self._rng.uniform(0.01, 0.04))
        if self._drops and closed and truth.cube.z_m > LIFTED_M:
            self._drops = False
            opened = np.array(setpoint, dtype=np.float64)
            opened[5] = grasp.open_rad
            self._hand.extend([opened] * 3)
        height_m = self._expert.arm.tool(measured).height
        pressed_m = height_m - self._expert.arm.tool(setpoint).height
        if not self._hand and pressed_m > PRESSED_M and abs(height_m - self._height_m) < STUCK_M:
            self._beside, self._keep = np.zeros(2), 0
            self._lift(measured, measured[5], self._rng.uniform(0.03, 0.05))
        self._height_m = height_m
        self._next_slip -= 1
        if self._next_slip <= 0:
            self._next_slip = self._slip_in()
            self._slip(setpoint)

    def _lift(self, start: Float64, gripper_rad: float, by_m: float) -> None:
        """Go straight up from `start`."""
        arm, tool = self._expert.arm, self._expert.arm.tool(start)
        rows = math.ceil(by_m / self._expert.params.rates.height)
        for i in range(rows):
            raised = arm.joints(replace(tool, height=tool.height + by_m * (i + 1) / rows))
            self._hand.append(np.append(raised, gripper_rad))

    def _slip(self, setpoint: Float64) -> None:
        """Push the arm off its path for a few rows; the gripper stays as it is."""
        joints, rows = len(setpoint), int(self._rng.integers(2, 5))
        offset = self._rng.normal(0.0, self._params.slip_rad, joints) * (self._rng.random(joints) < 0.6)
        offset[5] = 0.0
        start = np.array(setpoint, dtype=np.float64)
        self._hand.clear()
        for i in range(rows):
            row = np.clip(start + offset * (i + 1) / rows, *self._travel)
            tool: Tool = self._expert.arm.tool(row)
            if tool.height < LOWEST_M:
                row[:5] = self._expert.arm.joints(replace(tool, height=LOWEST_M))
            self._hand.append(row)

    def _slip_in(self) -> int:
        return 8 + int(self._rng.exponential(self._params.slip_rows))

    def _tip(self, measured: Float64) -> Float64:
        arm = self._expert.arm
        tool = arm.tool(measured)
        x = float(arm.pan_xy[0]) + tool.radius * math.cos(tool.pan)
        y = float(arm.pan_xy[1]) - tool.radius * math.sin(tool.pan)
        return np.array([x, y, tool.height])


OPERATORS: dict[str, type[Person | Exact]] = {"person": Person, "exact": Exact}


def operator(name: str, spec: RobotSpec) -> Operator:
    """Return a fresh operator of OPERATORS. Raises SimulationError for another name, or a robot without a grasp."""
    if name not in OPERATORS:
        raise SimulationError(f"no operator {name!r:.40}; operators: {', '.join(OPERATORS)}")
    return OPERATORS[name](spec)


def _slower(pace: float) -> ExpertParams:
    usual = ExpertParams()
    rates = Tool(
        *(pace * getattr(usual.rates, axis) for axis in ("pan", "radius", "height", "pitch", "roll"))
    )
    return replace(
        usual,
        rates=rates,
        gripper_rate_rad=pace * usual.gripper_rate_rad,
        approach_gain=pace * usual.approach_gain,
        joint_speed_share=pace * usual.joint_speed_share,
    )


def _unsure_m(thing: Pose, tip: Float64) -> float:
    """Return the distance that makes a guess of its place unsure."""
    return max(0.0, math.dist((thing.x_m, thing.y_m, thing.z_m), tip.tolist()) - SURE_M)


def _moved(thing: Pose, by_m: Float64) -> Pose:
    return replace(thing, x_m=thing.x_m + float(by_m[0]), y_m=thing.y_m + float(by_m[1]))
