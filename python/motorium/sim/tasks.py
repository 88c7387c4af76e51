"""The task "pick-to-tray": its words and its judge. Success is read from physics state, never from pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypedDict

from ..errors import SimulationError
from ..instructions import shortened
from .scene import COLOURS, CUBE_M, TRAY_FLOOR_M, TRAY_INNER_M

TASK = "pick-to-tray"
HOLD_S = 1.0
LOW_M = TRAY_FLOOR_M + CUBE_M / 2.0 + 0.007
AT_REST_M_S = 0.03
OPEN_RAD = 0.30
_PATTERN = re.compile(r"^\s*put the (\w+) cube in the tray\s*[.!]?\s*$", re.IGNORECASE)


def instruction(colour: str) -> str:
    """Return the task in words."""
    return f"put the {colour} cube in the tray"


def target_colour(text: str, colours: Collection[str] = tuple(COLOURS)) -> str:
    """Return which of `colours` an instruction asks for. Raises SimulationError with the valid instructions."""
    match = _PATTERN.match(text)
    if match is None or match.group(1).lower() not in colours:
        valid = "; ".join(instruction(colour) for colour in colours)
        raise SimulationError(
            f"{shortened(text)} is not a task of this simulator; valid tasks: {valid}; or {TASK}, which lets every "
            "scene draw its own"
        )
    return match.group(1).lower()


def is_name(text: str) -> bool:
    """Return whether `text` is a task's name, such as "pick-to-tray", and not an instruction."""
    return text.strip().lower() == TASK


def resembles_name(text: str) -> bool:
    """Return whether `text` is one word, as a task's name is, and not the name of any task."""
    return not is_name(text) and "-" in text and len(text.split()) == 1


def forced_colour(task: str | None, colours: Collection[str] = tuple(COLOURS)) -> str | None:
    """Return the colour that `task` forces on a scene; None for no task or a task's name, when the scene draws its own.

    `colours`: those that may be asked for. Raises SimulationError with the valid tasks.
    """
    return None if task is None or is_name(task) else target_colour(task, colours)


class Judgement(TypedDict):
    """What the judge sees now."""

    target_in_tray: bool
    wrong_in_tray: bool
    gripper_open: bool
    touching: bool
    held_s: float
    success: bool


@dataclass(frozen=True)
class Pose:
    """A thing on the table: centre (m), yaw (rad), speed (m/s)."""

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    speed_m_s: float = 0.0


def in_tray(cube: Pose, tray: Pose, *, margin_m: float = 0.0) -> bool:
    """Return whether a cube's centre is inside the tray's walls and low."""
    dx, dy = cube.x_m - tray.x_m, cube.y_m - tray.y_m
    c, s = math.cos(tray.yaw_rad), math.sin(tray.yaw_rad)
    half = TRAY_INNER_M / 2.0 - margin_m
    return abs(c * dx + s * dy) <= half and abs(c * dy - s * dx) <= half and cube.z_m <= LOW_M


@dataclass
class Judge:
    """Counts for how long the task has been done without a break."""

    held_s: float = 0.0
    wrong: bool = False
    _now: dict[str, bool] = field(default_factory=dict)

    def update(
        self, cubes: dict[str, Pose], target: str, tray: Pose, grip: tuple[float, bool], dt_s: float
    ) -> None:
        """Look at the world `dt_s` after the last look; `grip` is (gripper angle, finger touches the target)."""
        angle_rad, touching = grip
        there = in_tray(cubes[target], tray) and cubes[target].speed_m_s < AT_REST_M_S
        wrong = any(in_tray(pose, tray) for colour, pose in cubes.items() if colour != target)
        self.wrong = self.wrong or wrong
        done = there and not wrong and angle_rad > OPEN_RAD and not touching
        self.held_s = self.held_s + dt_s if done else 0.0
        self._now = {"there": there, "wrong": wrong, "open": angle_rad > OPEN_RAD, "touching": touching}

    @property
    def success(self) -> bool:
        """Done for a whole second, and never a wrong cube in the tray."""
        return self.held_s >= HOLD_S - 1e-9 and not self.wrong

    def report(self) -> Judgement:
        """Return the judgement; `wrong_in_tray` stays true once it happened."""
        now = self._now
        return {
            "target_in_tray": now.get("there", False),
            "wrong_in_tray": self.wrong,
            "gripper_open": now.get("open", False),
            "touching": now.get("touching", False),
            "held_s": self.held_s,
            "success": self.success,
        }
