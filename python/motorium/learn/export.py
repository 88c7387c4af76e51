"""Make networks from descriptors, write them to checkpoint folders and read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..policies.nano.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ..policies.nano.config import Descriptor, Dims
from ..policies.nano.picture_statistics import PictureStatistics
from .model import NanoModel

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


def build(descriptor: Descriptor) -> NanoModel:
    """Return a network with fresh weights, laid out for CPU convolutions."""
    return NanoModel(descriptor).to(memory_format=torch.channels_last)


def save_network(
    folder: Path,
    descriptor: Descriptor,
    tensors: Mapping[str, Tensor],
    pictures: Mapping[str, PictureStatistics] | None = None,
) -> None:
    """Write a checkpoint folder, whole or not at all; `pictures` as `save_checkpoint` takes them."""
    arrays = {name: t.detach().contiguous().numpy() for name, t in tensors.items()}
    save_checkpoint(folder, descriptor, arrays, pictures)


def load_network(folder: str | Path) -> NanoModel:
    """Load the network of a checkpoint folder or shipped name. Raises CheckpointError: absent or damaged."""
    return network_of(load_checkpoint(folder))


def network_of(checkpoint: Checkpoint) -> NanoModel:
    """Return the network of a checkpoint in memory."""
    model = build(checkpoint.descriptor)
    model.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in checkpoint.tensors.items()})
    return model
