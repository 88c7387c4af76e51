"""Describe a network that learns from given demonstrations; write networks to checkpoint folders and read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..policies.channels import ActionChannel, CameraInput, StateChannel
from ..policies.nano.checkpoint import load_checkpoint, save_checkpoint
from ..policies.nano.config import (
    ActionNormalisation,
    Chunk,
    Descriptor,
    Dims,
    Flow,
    ImageNormalisation,
    Mask,
    PrefixLock,
    Prompt,
    SceneReadout,
)
from ..specs.robot import RobotSpec
from .batches import BatchParams
from .dataset import Demos
from .model import NanoModel
from .normalise import Statistics, short_floats

DEFAULT_DIMS = Dims(
    prefix_width=128,
    expert_width=160,
    heads=4,
    head_dim=32,
    layers=3,
    shared_layers=1,
    prefix_mlp=256,
    expert_mlp=320,
    experts=4,
    top_k=2,
    routed_mlp=96,
    soft_tokens=4,
    vision_channels=(40, 80, 128),
    groups=8,
    rms_eps=1e-6,
    norm_eps=1e-5,
)
POINT_DIMS = replace(DEFAULT_DIMS, points=64, point_tokens=4)
"""Of a network that learns from recordings: places alone are less to learn scenes by heart with than patches."""
MAX_DELAY = len(BatchParams().delay_weights) - 1
"""Committed rows a network is trained to keep: as many as its batches have drawn."""
HORIZON = 8
FLOW_STEPS = 4


def describe(name: str, demos: Demos, dims: Dims) -> Descriptor:
    """Return the descriptor of a new network for the robot, cameras and words of a data set, with its statistics."""
    manifest: dict[str, Any] = demos.manifests[0]
    spec = RobotSpec.load(manifest["robot"])
    relative = np.array([joint.unit == "rad" for joint in spec.joints], dtype=np.float32)
    stats = Statistics.of(demos, relative)
    height, width = demos.images(np.array([0])).shape[2:4]
    channels = [(joint.slot, joint.name, joint.unit) for joint in spec.joints]
    state = zip(channels, *map(short_floats, _state_columns(stats)), strict=True)
    action = zip(
        channels, relative, short_floats(stats.action_min), short_floats(stats.action_max), strict=True
    )
    return Descriptor(
        format="motorium-checkpoint",
        format_version=1,
        family="nano",
        name=name,
        embodiments=(spec.name,),
        chunk=Chunk(rows=len(stats.action_mean), dt_s=float(manifest["dt_s"]), execution_horizon=HORIZON),
        flow=Flow(time="noise_at_0", prediction="velocity", steps=FLOW_STEPS),
        prefix_lock=PrefixLock(rule="hard", max_delay=MAX_DELAY),
        mask=Mask(prefix="full", suffix="causal"),
        cameras=tuple(CameraInput(role=role, height=height, width=width) for role in manifest["cameras"]),
        image=ImageNormalisation(mean=stats.image_mean, std=stats.image_std),
        state=tuple(StateChannel(*c, *numbers) for c, *numbers in state),
        action=tuple(ActionChannel(*c, bool(r), low, high) for c, r, low, high in action),
        action_normalisation=ActionNormalisation(
            mean=tuple(map(short_floats, stats.action_mean)), std=tuple(map(short_floats, stats.action_std))
        ),
        prompt=Prompt(
            vocabulary=tuple(manifest["vocabulary"]),
            max_tokens=int(demos.column("tokens").shape[1]),
            lowercase=True,
        ),
        scene=SceneReadout(
            names=tuple(manifest["scene"]),
            mean=short_floats(stats.scene_mean),
            std=short_floats(stats.scene_std),
        ),
        dims=dims,
    )


def build(descriptor: Descriptor) -> NanoModel:
    """Return a network with fresh weights, laid out for CPU convolutions."""
    return NanoModel(descriptor).to(memory_format=torch.channels_last)


def save_network(folder: Path, descriptor: Descriptor, tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint folder, whole or not at all."""
    save_checkpoint(
        folder, descriptor, {name: t.detach().contiguous().numpy() for name, t in tensors.items()}
    )


def load_network(folder: str | Path) -> NanoModel:
    """Load the network of a checkpoint folder or shipped name. Raises CheckpointError: absent or damaged."""
    checkpoint = load_checkpoint(folder)
    model = build(checkpoint.descriptor)
    model.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in checkpoint.tensors.items()})
    return model


def _state_columns(stats: Statistics) -> tuple[Any, ...]:
    return stats.state_mean, stats.state_std, stats.state_min, stats.state_max
