"""Hindsight targets: where the gripper will close and open next, known once the episode is over.

    target(k) = FK(q(e)),  e = the first frame after k at which the gripper begins to close (or open)

An auxiliary target for the pictures, in place of a simulator's truth: where a hand closed, there was the thing it took.
The idea of labelling by what came later is that of hindsight experience replay (Andrychowicz et al., 2017,
arXiv:1707.01495). Everything follows from recorded joints and the kinematics that the robot's spec declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...specs.kinematics import Chain
from ...specs.robot import RobotSpec
from ...specs.slots import slot_radians
from ...types import Float32

Integers = NDArray[np.integer]
Bools = NDArray[np.bool_]

CLOSE, OPEN = 0, 1
"""Kinds of event, as indices of the axis E of `Hindsight`."""

TRAVEL = 0.1
"""Slot value (0 closed .. 1 open) that a gripper has to move one way before that counts: SO-101 closes on a cube of
25 mm by 0.2."""

REST = 0.05
"""Of `travel`: a gripper that moves less from one frame to the next is at rest."""


@dataclass(frozen=True)
class Hindsight:
    """Targets of N frames, for each of A arms and E = 2 events (close, open).

    Attributes:
        position_m: (N, A, E, 3) float32, the tool centre point in the base frame of its arm.
        rotation: (N, A, E, 3, 3) float32, the tool's rotation in that frame.
        ahead: (N, A, E) int32, frames until the event; 0 where there is none.
        known: (N, A, E) bool, whether such an event is still to come in the episode; elsewhere targets are 0.
    """

    position_m: Float32
    rotation: Float32
    ahead: NDArray[np.int32]
    known: Bools


def hindsight(spec: RobotSpec, state: Float32, episode: Integers, travel: float = TRAVEL) -> Hindsight:
    """Find where the tool was at the next close and open of every frame.

    Args:
        spec: the robot that was recorded.
        state: (N, J) slot values, joints in the order of `spec`; frames of an episode follow each other in time.
        episode: (N,) number of the episode of each frame.
        travel: slot value that a gripper moves to close or open.

    Raises DataError: shapes that do not fit, or an arm without exactly one gripper.
    """
    if state.ndim != 2 or state.shape[1] != len(spec.joints) or episode.shape != (len(state),):
        raise DataError(
            f"{spec.name} has {len(spec.joints)} joints, but states are {state.shape} and episodes {episode.shape}; "
            "give (N, J) states in the order of its joints and (N,) episodes"
        )
    arms, start = [], 0
    for arm in [a.spec for a in spec.arms] or [spec]:
        columns = slice(start, start + len(arm.joints))
        arms.append(_one_arm(arm, state[:, columns], episode, travel))
        start = columns.stop
    return Hindsight(
        position_m=np.stack([a.position_m for a in arms], axis=1),
        rotation=np.stack([a.rotation for a in arms], axis=1),
        ahead=np.stack([a.ahead for a in arms], axis=1),
        known=np.stack([a.known for a in arms], axis=1),
    )


def gripper_events(opening: Float32, episode: Integers, travel: float = TRAVEL) -> tuple[Integers, Integers]:
    """Return the frames at which a gripper closes, and those at which it opens.

    A close is a fall by `travel` from the widest since the gripper last turned, an open a rise by as much from the
    narrowest: relative, because a gripper that holds something stops at the width of the thing. A thing is taken when
    the gripper has closed as far as it goes, so of several falls in a row the last counts; it is let go as soon as it
    opens, so of several rises the first. The event is where that fall or rise begins: the arm stands there, and may
    be on its way again before the fingers have come to rest.

    Args:
        opening: (N,) slot values.
        episode: (N,).
        travel: slot value.
    """
    events: tuple[list[int], list[int]] = ([], [])
    bounds = [*np.flatnonzero(np.diff(episode, prepend=episode[:1] - 1)).tolist(), len(opening)]
    for start, stop in pairwise(bounds):
        values = opening[start:stop].tolist()
        low = high = values[0]
        was: int | None = None
        for at, value in enumerate(values):
            low, high = min(low, value), max(high, value)
            kind = CLOSE if high - value >= travel else OPEN if value - low >= travel else None
            if kind is None:
                continue
            if kind != was:
                events[kind].append(start + _begin(values, at, travel))
            elif kind == CLOSE:
                events[CLOSE][-1] = start + _begin(values, at, travel)
            # Whoever goes on in the same direction only moves the mark that a turn is measured from.
            was, low, high = kind, value, value
    return np.array(events[CLOSE], dtype=np.int64), np.array(events[OPEN], dtype=np.int64)


def _begin(values: list[float], at: int, travel: float) -> int:
    """Return where the movement that has reached index `at` begins: no more than `travel` back, and not in a rest.

    What is held settles while it is carried, so a resting opening may lie `travel` off long before the hand moves.
    """
    begin = at - 1
    sign = 1.0 if values[at] > values[begin] else -1.0
    while begin > 0 and abs(values[at] - values[begin]) < travel:
        if sign * (values[begin] - values[begin - 1]) < REST * travel:
            break
        begin -= 1
    return begin


def _one_arm(spec: RobotSpec, state: Float32, episode: Integers, travel: float) -> Hindsight:
    """Return targets without the axis of arms."""
    opening = state[:, _gripper(spec)]
    chain = Chain(spec)
    size = (len(state), 2)
    position = np.zeros((*size, 3), dtype=np.float32)
    rotation = np.zeros((*size, 3, 3), dtype=np.float32)
    ahead, known = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.bool_)
    for kind, events in enumerate(gripper_events(opening, episode, travel)):
        if not len(events):
            continue
        poses = [
            chain.tcp(slot_radians(spec.joints[: chain.joints], state[event, : chain.joints]))
            for event in events
        ]
        frame = np.arange(len(state))
        following = np.searchsorted(events, frame, side="right")
        next_event = events[np.minimum(following, len(events) - 1)]
        there = (following < len(events)) & (episode[next_event] == episode)
        which = following[there]
        position[there, kind] = np.array([p for p, _ in poses])[which]
        rotation[there, kind] = np.array([r for _, r in poses])[which]
        ahead[there, kind] = (next_event - frame)[there]
        known[:, kind] = there
    return Hindsight(position, rotation, ahead, known)


def _gripper(spec: RobotSpec) -> int:
    """Return the column of an arm's gripper."""
    columns = [i for i, joint in enumerate(spec.joints) if joint.unit == "opening"]
    if len(columns) != 1:
        raise DataError(
            f"{spec.name} has {len(columns)} joints of unit 'opening'; the next close or open is known of one gripper "
            "alone, so train without hindsight targets"
        )
    return columns[0]
