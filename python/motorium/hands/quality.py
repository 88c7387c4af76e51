"""Which stretches of a hand's motion are good enough to learn from: trackers lose hands, swap them, and tremble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rotations import Float64, to_axis_angle, to_matrix
from .tracks import HandTrack

REASONS = ("confidence", "gap", "speed", "spin", "jitter", "finger_jitter")


@dataclass(frozen=True)
class QualityLimits:
    """Limits of plausible hand motion.

    Attributes:
        confidence: a frame below is bad.
        gap_s: a longer step in time is a break.
        speed_m_s: of the wrist; people reach with up to 2 m/s.
        spin_rad_s: of the wrist.
        jitter_m: root mean square over `window_s` of how far the wrist is from the middle of its neighbours.
        finger_jitter_rad: the same of the finger joint that trembles most.
        window_s: over which jitter is measured.
        shortest_s: a good stretch that is shorter is dropped.
    """

    confidence: float = 0.5
    gap_s: float = 0.2
    speed_m_s: float = 3.0
    spin_rad_s: float = 25.0
    jitter_m: float = 0.004
    finger_jitter_rad: float = 0.12
    window_s: float = 0.33
    shortest_s: float = 0.5


@dataclass(frozen=True)
class Quality:
    """The verdict on one track.

    Attributes:
        good: (N,) bool.
        bad: reason -> number of frames; a frame may have several.
        stretches: (first, end) frame numbers of what is kept.
    """

    good: NDArray[np.bool_]
    bad: dict[str, int]
    stretches: tuple[tuple[int, int], ...]

    @property
    def kept_share(self) -> float:
        """Of all frames, 0 to 1."""
        return sum(end - first for first, end in self.stretches) / max(1, len(self.good))


def judge(track: HandTrack, limits: QualityLimits | None = None) -> Quality:
    """Check every frame of a track; a step that is too large rejects the frames on both sides."""
    limits = limits or QualityLimits()
    dt = np.diff(track.t_s)
    turned = to_matrix(track.wrist_rotation)
    spin = np.linalg.norm(to_axis_angle(turned[1:] @ turned[:-1].swapaxes(1, 2)), axis=1)
    speed = np.linalg.norm(np.diff(track.wrist_position_m, axis=0), axis=1)
    gap = dt > limits.gap_s
    window = max(3, round(limits.window_s / float(np.median(dt))))
    steps = {
        "gap": gap,
        "speed": (speed / dt > limits.speed_m_s) & ~gap,
        "spin": (spin / dt > limits.spin_rad_s) & ~gap,
    }
    frames = {
        "confidence": track.confidence < limits.confidence,
        **{name: _both_sides(found) for name, found in steps.items()},
        "jitter": _tremble(track.wrist_position_m, window) > limits.jitter_m,
        "finger_jitter": _joint_tremble(track.theta, window) > limits.finger_jitter_rad,
    }
    frames["gap"] = np.zeros(len(track), np.bool_)  # both sides may be good, but not one stretch
    good = ~np.any(list(frames.values()), axis=0)
    bad = {name: int(found.sum()) for name, found in frames.items() if found.any()}
    if gap.any():
        bad["gap"] = int(gap.sum())
    return Quality(good, bad, _stretches(track.t_s, good, gap, limits.shortest_s))


def _both_sides(steps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(np.concatenate([[False], steps]) | np.concatenate([steps, [False]]))


def _tremble(values: Float64, window: int) -> Float64:
    """(N,) root mean square over a window of the distance of (N, K) values from the middle of their neighbours."""
    off = np.zeros(len(values))
    off[1:-1] = ((values[1:-1] - 0.5 * (values[:-2] + values[2:])) ** 2).sum(1)
    return np.sqrt(_mean(off, window))


def _joint_tremble(theta: Float64, window: int) -> Float64:
    joints = [_tremble(theta[:, 3 * j : 3 * j + 3], window) for j in range(theta.shape[1] // 3)]
    return np.asarray(np.max(joints, axis=0))


def _mean(values: Float64, window: int) -> Float64:
    """Centred moving mean, over what there is at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    middle = np.arange(len(values))
    first, end = np.maximum(middle - window // 2, 0), np.minimum(middle + window // 2 + 1, len(values))
    return np.asarray(np.maximum(sums[end] - sums[first], 0.0) / (end - first))


def _stretches(
    t_s: Float64, good: NDArray[np.bool_], gap: NDArray[np.bool_], shortest_s: float
) -> tuple[tuple[int, int], ...]:
    joined = good[1:] & good[:-1] & ~gap
    starts = np.flatnonzero(good & ~np.concatenate([[False], joined]))
    ends = np.flatnonzero(good & ~np.concatenate([joined, [False]])) + 1
    kept = [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if t_s[b - 1] - t_s[a] >= shortest_s]
    return tuple(kept)
