"""Compute what the scene readout of a network learns, from recordings alone: where the gripper closes and opens next.

Nothing here knows a simulator. An entry of a readout that recordings cannot fill is masked in every frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..specs.kinematics import Chain
from ..specs.robot import RobotSpec
from ..specs.slots import slot_radians
from ..types import Float32
from .data import Recordings
from .moments import known_moments
from .objectives.hindsight import CLOSE, OPEN, hindsight

AXES = ("x", "y", "z")
CLOSE_NAMES = (
    *(f"close_{axis}_m" for axis in AXES),
    *(f"close_{column}{axis}" for column in ("x", "y") for axis in AXES),
)
"""Pose at the next close in the base frame: position, then the first two columns of its rotation."""
OPEN_NAMES = tuple(f"open_{axis}_m" for axis in AXES)
HAND_NAMES = tuple(f"close_from_hand_{axis}_m" for axis in AXES)
"""Place of the next close as the tool sees it now, in the tool's frame."""
NOTHING = ("nothing",)
"""Readout of a robot without one gripper per arm: a network has one, and nothing is asked of it."""

Column = tuple[NDArray[np.floating], NDArray[np.bool_]]
"""Values of all frames, and where they are known."""


@dataclass(frozen=True)
class SceneTargets:
    """Targets of the scene readout of N frames, S entries.

    Attributes:
        names: (S,) of the entries.
        values: (N, S) float32, 0 where unknown.
        known: (N, S) bool.
        before_grasp: (N,) bool, a gripper closes later in the recording.
    """

    names: tuple[str, ...]
    values: Float32
    known: NDArray[np.bool_]
    before_grasp: NDArray[np.bool_]

    @classmethod
    def of(cls, recordings: Recordings, names: Sequence[str] | None = None) -> SceneTargets:
        """Compute the targets of all frames.

        Args:
            recordings: of one robot, or of robots with the same joints.
            names: of a checkpoint's readout; None takes all that recordings of this robot can fill.
        """
        table, old, before = _columns(recordings)
        wanted = (tuple(table) or NOTHING) if names is None else tuple(names)
        absent: Column = (np.zeros(len(recordings)), np.zeros(len(recordings), np.bool_))
        columns = [(old | table).get(name, absent) for name in wanted]
        values = np.stack([np.where(known, value, 0.0) for value, known in columns], axis=1)
        known = np.stack([known for _, known in columns], axis=1)
        return cls(wanted, values.astype(np.float32), known, before)

    def statistics(self, index: NDArray[np.integer]) -> tuple[Float32, Float32]:
        """Return mean and standard deviation of what is known in some frames, (S,); 0 and 1 where nothing is."""
        count, mean, std = known_moments(self.values[index], self.known[index])
        std = np.where(count > 0, np.maximum(std, 1e-3), 1.0)
        return mean.astype(np.float32), std.astype(np.float32)


def _columns(recordings: Recordings) -> tuple[dict[str, Column], dict[str, Column], NDArray[np.bool_]]:
    """Return entries by name, those that checkpoints of 0.1.0 name otherwise, and which frames are before a grasp."""
    table: dict[str, Column] = {}
    old: dict[str, Column] = {}
    before = np.zeros(len(recordings), np.bool_)
    robot, state = recordings.robots[0], recordings.column("state")
    try:
        found = hindsight(robot, state, recordings.column("episode"))
    except DataError:  # no arm with one gripper
        return table, old, before
    arms, start = [arm.spec for arm in robot.arms] or [robot], 0
    for number, arm in enumerate(arms):
        place, turn = found.position_m[:, number], found.rotation[:, number]
        close, opens = found.known[:, number, CLOSE], found.known[:, number, OPEN]
        before |= close
        hand, hand_turn = _tool(arm, state[:, start : start + len(arm.joints)])
        start += len(arm.joints)
        away = place[:, CLOSE] - hand
        columns = turn[:, CLOSE, :, :2].transpose(0, 2, 1).reshape(len(state), 6)
        seen = np.einsum("nij,ni->nj", hand_turn, away)
        prefix = f"arm{number}_" if len(arms) > 1 else ""
        for names, values, there in (
            (CLOSE_NAMES, np.hstack([place[:, CLOSE], columns]), close),
            (OPEN_NAMES, place[:, OPEN], opens),
            (HAND_NAMES, seen, close),
        ):
            table |= {prefix + name: (values[:, i], there) for i, name in enumerate(names)}
        old = {} if len(arms) > 1 else _upright(arm, (turn[:, CLOSE], hand_turn, away), table)
    return table, old, before


def _upright(
    arm: RobotSpec, parts: tuple[NDArray[np.floating], ...], table: dict[str, Column]
) -> dict[str, Column]:
    """Return entries of checkpoints of 0.1.0, whose task is to take a cube from above: a turn by 90 degrees is none."""
    close_turn, hand_turn, away = parts
    known = table["close_x_m"][1]
    yaw, hand_yaw = _heading(arm, close_turn), _heading(arm, hand_turn)
    c, s = np.cos(hand_yaw), np.sin(hand_yaw)
    angles = {"target": 4.0 * yaw, "hand": 4.0 * (yaw - hand_yaw)}
    out = {f"{what}_cos4yaw": (np.cos(angle), known) for what, angle in angles.items()}
    out |= {f"{what}_sin4yaw": (np.sin(angle), known) for what, angle in angles.items()}
    out |= {f"target_{axis}_m": table[f"close_{axis}_m"] for axis in AXES}
    out |= {f"tray_{axis}_m": table[f"open_{axis}_m"] for axis in AXES[:2]}
    seen = (c * away[:, 0] + s * away[:, 1], c * away[:, 1] - s * away[:, 0], away[:, 2])
    return out | {f"hand_{axis}_m": (values, known) for axis, values in zip(AXES, seen, strict=True)}


def _heading(arm: RobotSpec, turn: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return (N,) angles about the base's z of the x axis of the link that holds the tool, from tool rotations."""
    axis = turn @ Chain(arm).tcp_rotation.T[:, 0]
    return np.arctan2(axis[:, 1], axis[:, 0])


def _tool(arm: RobotSpec, state: Float32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions (N, 3) and rotations (N, 3, 3) of the tool for the slot values of an arm."""
    chain = Chain(arm)
    poses = [chain.tcp(q) for q in slot_radians(arm.joints[: chain.joints], state[:, : chain.joints])]
    return np.array([p for p, _ in poses]), np.array([r for _, r in poses])
