"""`motorium hands`: from a file of MANO parameters to demonstrations in the unified slots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MotoriumError
from ..files import write_whole
from .mirror import mirror
from .quality import QualityLimits, judge
from .slots import HandDemo, to_slots
from .tracks import HandTrack, load_hands


def convert(
    path: Path, *, mirrored: bool = False, limits: QualityLimits | None = None
) -> tuple[list[HandDemo], dict[str, Any]]:
    """Demonstrations of a file: the stretches in which every hand is good, and a report for JSON.

    Args:
        path: see `tracks.load_hands`.
        mirrored: add each stretch in the mirror.
        limits: of the quality filter.

    Raises:
        MotoriumError: as `load_hands`.
    """
    limits = limits or QualityLimits()
    hands = load_hands(path)
    verdicts = {side: judge(track, limits) for side, track in hands.items()}
    count = len(next(iter(hands.values())))
    kept = np.ones(count, np.bool_)
    for verdict in verdicts.values():
        inside = np.zeros(count, np.bool_)
        for first, end in verdict.stretches:
            inside[first:end] = True
        kept &= inside
    demos = []
    for first, end in _runs(kept, hands, limits):
        part = {side: track.part(slice(first, end)) for side, track in hands.items()}
        demos.append(to_slots(part))
        if mirrored:
            demos.append(to_slots(mirror(part)))
    report = {
        "file": str(path),
        "frames": count,
        "seconds": float(next(iter(hands.values())).t_s[-1] - next(iter(hands.values())).t_s[0]),
        "hands": {side: {"kept": round(v.kept_share, 4), "bad": v.bad} for side, v in verdicts.items()},
        "demonstrations": len(demos),
        "states": sum(len(demo.state) for demo in demos),
        "mirrored": mirrored,
    }
    return demos, report


def save(path: Path, demos: list[HandDemo]) -> None:
    """Write all demonstrations into one .npz, whole or not at all; `episode` (N,) tells them apart.

    The last action of each is zero and not valid (`action_given`). Raises MotoriumError when there is nothing to write.
    """
    if not demos:
        raise MotoriumError("no stretch of this recording is good enough; see the counts of what was bad")
    padded = [
        np.concatenate([demo.action, np.zeros((1, demo.action.shape[1]), np.float32)]) for demo in demos
    ]
    given = [np.arange(len(demo.state)) < len(demo.action) for demo in demos]
    arrays = {
        "t_s": np.concatenate([demo.t_s for demo in demos]),
        "episode": np.concatenate([np.full(len(demo.state), i) for i, demo in enumerate(demos)]),
        "state": np.concatenate([demo.state for demo in demos]),
        "action": np.concatenate(padded),
        "action_given": np.concatenate(given),
        "state_valid": np.stack([demo.state_valid for demo in demos]),
        "action_valid": np.stack([demo.action_valid for demo in demos]),
    }
    write_whole(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))


def _runs(kept: Any, hands: dict[str, HandTrack], limits: QualityLimits) -> list[tuple[int, int]]:
    t_s = next(iter(hands.values())).t_s
    joined = kept[1:] & kept[:-1] & (np.diff(t_s) <= limits.gap_s)
    starts = np.flatnonzero(kept & ~np.concatenate([[False], joined]))
    ends = np.flatnonzero(kept & ~np.concatenate([joined, [False]])) + 1
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return [(a, b) for a, b in pairs if t_s[b - 1] - t_s[a] >= limits.shortest_s]
