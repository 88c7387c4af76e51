"""Small datasets made by the real writer: a six-joint arm that waves, two cameras, every row different."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from motorium.data.format.dataset import Dataset
from motorium.data.format.schema import Feature, Schema
from motorium.data.record.writer import DatasetWriter

FPS = 20
SIDE = 64
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
NAMES = tuple(f"{joint}.pos" for joint in JOINTS)
CAMERAS = ("observation.images.front", "observation.images.wrist")
LIMITS = {joint: [-1.9, 1.9] for joint in JOINTS[:5]} | {"gripper": [-0.2, 1.7]}
UNITS = {"observation.state": "rad", "action": "rad"}


def schema(fps: int = FPS, cameras: Sequence[str] = CAMERAS, side: int = SIDE) -> Schema:
    features = [
        Feature("observation.state", "float32", (6,), NAMES),
        Feature("action", "float32", (6,), NAMES),
        Feature(
            "capture_s", "float64", (len(cameras) + 1,), (*(c.rpartition(".")[2] for c in cameras), "joints")
        ),
        Feature("row_s", "float64", (1,)),
    ]
    picture = ("height", "width", "channels")
    features += [Feature(camera, "video", (side, side, 3), picture) for camera in cameras]
    return Schema(fps, "so101", tuple(features), {"units": UNITS, "limits_rad": LIMITS})


def row(episode: int, k: int, fps: int = FPS, cameras: int = 2) -> dict[str, np.ndarray]:
    """Joints on slow sines whose phase is the episode's own."""
    t = k / fps
    phase = np.arange(6) * 0.7 + episode * 0.9
    speed = 0.9 + 0.05 * episode
    state = 0.8 * np.sin(speed * t + phase)
    action = 0.8 * np.sin(speed * (t + 1 / fps) + phase)
    state[5], action[5] = 0.75 + 0.6 * state[5], 0.75 + 0.6 * action[5]
    return {
        "observation.state": state.astype(np.float32),
        "action": action.astype(np.float32),
        "capture_s": np.full(cameras + 1, t - 0.004),
        "row_s": np.array([t]),
    }


def image(episode: int, k: int, camera: int, side: int = SIDE) -> np.ndarray:
    """A bright square that moves over a gradient."""
    y, x = np.mgrid[0:side, 0:side]
    out = np.stack([60 + x, 60 + y, np.full_like(x, 90)], axis=2).astype(np.uint8)
    at = (3 * k + 7 * episode + 11 * camera) % (side - 12)
    out[at : at + 12, 8 : 20 + camera * 8] = (220, 200, 180)
    return out


Row = Callable[[int, int, dict, dict], None]


def write(
    root: Path,
    tasks: Sequence[str] = ("put the cube in the tray",) * 3,
    *,
    seconds: float = 2.0,
    change: Row | None = None,
    cameras: Sequence[str] = CAMERAS,
    side: int = SIDE,
    pairing: int | None = None,
    fps: int = FPS,
) -> Path:
    """A dataset with one episode per task; `change(episode, k, row, images)` may spoil or clear a row."""
    described = schema(fps, cameras, side)
    if pairing is not None:
        described.own["pairing"] = pairing
    with DatasetWriter(root, described, patience_s=30.0, reserve_mb=1) as writer:
        for episode, task in enumerate(tasks):
            writer.begin(task, 0)
            for k in range(round(seconds * fps)):
                values = row(episode, k, fps, len(cameras))
                images = {camera: image(episode, k, i, side) for i, camera in enumerate(cameras)}
                if change is not None:
                    change(episode, k, values, images)
                if values:
                    writer.add(values, images)
            writer.end({"seed": episode, "success": True})
    return root


def content(dataset: Dataset) -> list[str]:
    """Every episode's rows and frames, as digests, without the columns that number them."""
    out = []
    for episode, rows in dataset.stream():
        numbers = {"episode_index", "index", "task_index"}
        digest = hashlib.sha256(b"".join(v.tobytes() for k, v in sorted(rows.items()) if k not in numbers))
        for key in sorted(episode.videos):
            for _, frame in dataset.pictures(episode, key):
                digest.update(frame.tobytes())
        out.append(digest.hexdigest())
    return out
