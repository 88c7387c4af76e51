"""`motorium hands`: from a file of MANO parameters to demonstrations in the unified slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..deprecated import dict_access
from ..errors import MotoriumError
from ..files import write_whole
from .mirror import AXES, FRAMES, Plane, mirror
from .quality import QualityLimits, judge
from .slots import HandDemo, to_slots
from .tracks import ORTHONORMAL, HandFile, HandTrack, load_hand_file

LOOKS_UP = 0.7
"""Cosine between a camera's view and straight up, beyond which nobody films hands."""


@dict_access
@dataclass(frozen=True)
class HandCheck:
    """One hand of a recording.

    Attributes:
        kept: fraction of its frames that are kept.
        bad: reason -> number of frames; a frame may have several.
    """

    kept: float
    bad: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"kept": self.kept, "bad": dict(self.bad)}


@dict_access
@dataclass(frozen=True)
class ConvertReport:
    """What became of a recording of hands.

    Attributes:
        file: its path.
        frames: of the recording, which lasts `seconds`.
        hands: "left", "right" -> its quality.
        demonstrations: stretches that were kept, with their mirror images; `states` in all of them.
        mirrored: whether there are mirror images.
    """

    file: str
    frames: int
    seconds: float
    hands: Mapping[str, HandCheck]
    demonstrations: int
    states: int
    mirrored: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "hands": {side: hand.as_dict() for side, hand in self.hands.items()}}


def convert(
    path: Path, *, mirrored: bool = False, frame: str | None = None, limits: QualityLimits | None = None
) -> tuple[list[HandDemo], ConvertReport]:
    """Convert a file into demonstrations: the stretches in which every hand is good, and a report.

    Args:
        path: see `tracks.load_hands`.
        mirrored: add each stretch in the mirror.
        frame: whose left and right are exchanged, "world" or "camera" (see `mirror.FRAMES`); None: as the file says.
        limits: of the quality filter.

    Raises:
        MotoriumError: as `load_hand_file`; `mirrored`, and it is not known in which frame.
    """
    limits = limits or QualityLimits()
    loaded = load_hand_file(path)
    hands = loaded.hands
    plane = mirror_plane(loaded, frame, path) if mirrored else None
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
        if plane is not None:
            demos.append(to_slots(mirror(part, plane)))
    t_s = next(iter(hands.values())).t_s
    report = ConvertReport(
        file=str(path),
        frames=count,
        seconds=float(t_s[-1] - t_s[0]),
        hands={side: HandCheck(round(v.kept_share, 4), v.bad) for side, v in verdicts.items()},
        demonstrations=len(demos),
        states=sum(len(demo.state) for demo in demos),
        mirrored=mirrored,
    )
    return demos, report


def mirror_plane(loaded: HandFile, frame: str | None, path: Path) -> Plane:
    """Return the mirror that exchanges left and right of a file's hands, in the frame they were brought into.

    Raises:
        MotoriumError: the frame is not known, or it is that of a camera that moves.
    """
    said = frame or loaded.frame or ("world" if loaded.camera_to_world is not None else None)
    axis = "x is right and z ahead in a camera's frame, y is left and z up in the world's"
    if said is None:
        raise MotoriumError(
            f"{path} does not say in which frame its hands are, and the mirror plane differs ({axis}): "
            f"give --frame camera or --frame world, or an array `frame` in the file"
        )
    if said not in FRAMES:
        raise MotoriumError(f"a frame {said!r}; valid choices: {', '.join(FRAMES)}")
    plane = Plane(np.eye(3)[AXES[FRAMES[said]]])
    camera = loaded.camera_to_world
    if camera is None:
        return plane
    if said == "camera":
        if np.abs(camera - camera[0]).max() > ORTHONORMAL:
            raise MotoriumError(
                f"{path}: its camera moves, so no single mirror fits all its pictures; give --frame world"
            )
        return Plane(camera[0, :3, :3] @ plane.normal, camera[0, :3, 3])
    if frame is None and float(camera[:, 2, 2].mean()) > LOOKS_UP:
        raise MotoriumError(
            f"{path}: its camera looks along the world's z, as if that were a camera's frame ({axis}): "
            "give --frame camera, or --frame world if z does point up"
        )
    return plane


def save(path: Path, demos: list[HandDemo]) -> None:
    """Write all demonstrations into one .npz, whole or not at all; `episode` (N,) tells them apart.

    The last action of each is zero and not valid (`action_given`). Raises MotoriumError when there is nothing to write.
    """
    if not demos:
        raise MotoriumError("no part of this recording is good enough; see the counts of what was bad")
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
