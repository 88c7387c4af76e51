"""Describe a new network for demonstrations: the statistics of their frames, and what their manifests say."""

from __future__ import annotations

from typing import Any

import numpy as np

from motorium.learn.describe import Outline, describe
from motorium.learn.moments import known_moments
from motorium.learn.normalise import MIN_STD, Statistics
from motorium.policies.channels import CameraInput
from motorium.policies.nano.config import Descriptor, Dims, Prompt
from motorium.specs.robot import RobotSpec
from motorium.types import Float32

from .batches import BatchParams
from .shards import Demos

MAX_DELAY = len(BatchParams().delay_weights) - 1
"""Committed rows a network is trained to keep: as many as its batches have drawn."""
HORIZON = 8


def describe_demos(name: str, demos: Demos, dims: Dims) -> Descriptor:
    """Return the descriptor of a new network for the robot, cameras and words of demonstrations."""
    manifest: dict[str, Any] = demos.manifests[0]
    spec = RobotSpec.load(manifest["robot"])
    height, width = demos.images(np.array([0])).shape[2:4]
    outline = Outline(
        name=name,
        robots=(spec,),
        dt_s=float(manifest["dt_s"]),
        horizon=HORIZON,
        most=MAX_DELAY,
        cameras=tuple(CameraInput(role, height, width) for role in manifest["cameras"]),
        prompt=Prompt(tuple(manifest["vocabulary"]), int(demos.column("tokens").shape[1]), lowercase=True),
        scene=tuple(manifest["scene"]),
        dims=dims,
    )
    return describe(outline, statistics_of(demos, spec))


def statistics_of(demos: Demos, spec: RobotSpec) -> Statistics:
    """Return the statistics of demonstrations; joints that turn count from where they are."""
    relative = np.array([joint.unit == "rad" for joint in spec.joints], dtype=np.float32)
    state, rows, scene = demos.column("state"), demos.column("rows"), demos.column("scene")
    known = demos.column("valid")[..., None]
    _, mean, std = known_moments(rows - state[:, None] * relative, known)
    seen = rows[np.broadcast_to(known, rows.shape)].reshape(-1, rows.shape[-1])

    def f32(values: object) -> Float32:
        return np.asarray(values, dtype=np.float32)

    return Statistics(
        state_mean=f32(state.mean(axis=0)),
        state_std=f32(np.maximum(state.std(axis=0), MIN_STD)),
        state_min=f32(state.min(axis=0)),
        state_max=f32(state.max(axis=0)),
        relative=relative,
        action_mean=f32(mean),
        action_std=f32(np.maximum(std, MIN_STD)),
        action_min=f32(seen.min(axis=0)),
        action_max=f32(seen.max(axis=0)),
        scene_mean=f32(scene.mean(axis=0)),
        scene_std=f32(np.maximum(scene.std(axis=0), 1e-3)),
    )
