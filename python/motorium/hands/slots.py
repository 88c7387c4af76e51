"""Hands in the unified slots (Being-H0.5): wrists as end effectors, MANO shape and pose in slots 90 to 199."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MotoriumError
from ..types import SLOTS, Float32
from .rotations import Float64, to_axis_angle, to_matrix
from .tracks import SIDES, HandTrack


@dataclass(frozen=True)
class HandSlots:
    """Where one hand lies in the 200 slots (unified action space table of Being-H0.5)."""

    position: slice
    rotation: slice
    beta: slice
    theta: slice


HAND_SLOTS: Mapping[str, HandSlots] = {
    "right": HandSlots(slice(0, 3), slice(3, 6), slice(90, 100), slice(110, 155)),
    "left": HandSlots(slice(9, 12), slice(12, 15), slice(100, 110), slice(155, 200)),
}


@dataclass(frozen=True)
class HandDemo:
    """What a policy learns from: N states and the N - 1 actions between them.

    Attributes:
        t_s: (N,).
        state: (N, 200) float32: wrists in the world (metres, axis-angle), beta, theta.
        action: (N - 1, 200) float32: wrists as deltas in the world frame, fingers as the theta to be reached.
        state_valid, action_valid: (200,) bool; beta is a state only.
    """

    t_s: Float64
    state: Float32
    action: Float32
    state_valid: NDArray[np.bool_]
    action_valid: NDArray[np.bool_]


def to_slots(hands: Mapping[str, HandTrack]) -> HandDemo:
    """Turn the hands of one recording into states and actions. Raises MotoriumError when their times differ."""
    if not hands or set(hands) - set(SIDES):
        raise MotoriumError(f"hands are {', '.join(SIDES)}, one or both, not {', '.join(hands) or 'none'}")
    first = next(iter(hands.values()))
    if any(not np.array_equal(track.t_s, first.t_s) for track in hands.values()) or len(first) < 2:
        raise MotoriumError("both hands need the same times, and at least two")
    state, action = np.zeros((len(first), SLOTS)), np.zeros((len(first) - 1, SLOTS))
    state_valid, action_valid = np.zeros(SLOTS, np.bool_), np.zeros(SLOTS, np.bool_)
    for side, track in hands.items():
        at = HAND_SLOTS[side]
        state[:, at.position], state[:, at.rotation] = track.wrist_position_m, track.wrist_rotation
        state[:, at.beta], state[:, at.theta] = track.beta, track.theta
        action[:, at.position], action[:, at.rotation] = world_deltas(track)
        action[:, at.theta] = track.theta[1:]
        for part in (at.position, at.rotation, at.theta):
            state_valid[part] = action_valid[part] = True
        state_valid[at.beta] = True
    return HandDemo(first.t_s, state.astype(np.float32), action.astype(np.float32), state_valid, action_valid)


def world_deltas(track: HandTrack) -> tuple[Float64, Float64]:
    """Return the deltas from frame to frame, in world axes: p' - p and the axis-angle of R' R^T, (N - 1, 3) each."""
    turned = to_matrix(track.wrist_rotation)
    return np.diff(track.wrist_position_m, axis=0), to_axis_angle(turned[1:] @ turned[:-1].swapaxes(1, 2))


def follow_deltas(
    position_m: Float64, rotation: Float64, deltas: tuple[Float64, Float64]
) -> tuple[Float64, Float64]:
    """Return the wrist's path, (N, 3) places and (N, 3) axis-angles, from where it began; undoes `world_deltas`."""
    places = np.concatenate([position_m[None], position_m + np.cumsum(deltas[0], axis=0)])
    turned = [to_matrix(rotation)]
    for step in to_matrix(deltas[1]):
        turned.append(step @ turned[-1])
    return places, to_axis_angle(np.stack(turned))
