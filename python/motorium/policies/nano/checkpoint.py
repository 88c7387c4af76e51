"""Checkpoints of the nano family: read and checked as a whole, written as a whole."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...containers import (
    CONFIG,
    LARGEST_CONFIG,
    NEEDED,
    WEIGHTS,
    Shape,
    check_container,
    compare_shapes,
    read_tensors,
    require_finite,
    write_container,
    write_tensors,
)
from ...errors import CheckpointError
from ...foreign import read_text
from ...types import Float32
from .. import recognise
from ..find import find_checkpoint, refuse_foreign, shipped
from .config import Descriptor
from .picture_statistics import PictureStatistics, from_tensors, statistics_tensors, to_tensors
from .weights import nano_tensors

__all__ = [  # with what `motorium.checkpoints` of 0.1.0 had, whose old name leads here
    "Checkpoint",
    "check_container",
    "find_checkpoint",
    "load_checkpoint",
    "save_checkpoint",
    "shipped",
    "write_tensors",
]
MAX_ELEMENTS = 1 << 28


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        path: the directory it came from.
        descriptor: `config.json`.
        tensors: name -> float32 array, exactly the names and shapes of `nano_tensors(descriptor)`.
        pictures: by view, what the pictures of training looked like to it; empty where it does not keep that.
    """

    path: Path
    descriptor: Descriptor
    tensors: Mapping[str, Float32]
    pictures: Mapping[str, PictureStatistics] = field(default_factory=dict)


def load_checkpoint(name_or_path: str | os.PathLike[str]) -> Checkpoint:
    """Read and check a checkpoint by directory or shipped name. Raises CheckpointError."""
    path = find_checkpoint(name_or_path)
    refuse_foreign(path)
    descriptor = _read_descriptor(path / CONFIG)
    kept = _kept(descriptor)
    tensors = read_tensors(path / WEIGHTS, _bounded_shapes(descriptor, path) | kept)
    own = {name: tensors.pop(name) for name in kept}
    try:
        pictures = from_tensors(_roles(descriptor), own) if own else {}
    except CheckpointError as error:
        raise CheckpointError(f"{path / WEIGHTS}: {error}") from error
    return Checkpoint(path, descriptor, tensors, pictures)


def save_checkpoint(
    directory: str | os.PathLike[str],
    descriptor: Descriptor,
    tensors: Mapping[str, Any],
    pictures: Mapping[str, PictureStatistics] | None = None,
) -> Path:
    """Write a checkpoint so that the directory holds either the old one or the new one, never half of one.

    Other files already in the directory (a model card) are kept, links among them as links; so are permissions. A
    directory that is a link stays one. Values may be anything numpy can turn into float32. `pictures`, by view, are
    wanted where the descriptor says that there are `picture_statistics`.

    Raises CheckpointError when the tensors do not fit the descriptor.
    """
    target = Path(os.path.realpath(directory))
    kept = to_tensors(pictures or {})
    arrays = {
        name: np.ascontiguousarray(v, dtype=np.float32) for name, v in (*tensors.items(), *kept.items())
    }
    shapes = _bounded_shapes(descriptor, target) | _kept(descriptor)
    compare_shapes({name: array.shape for name, array in arrays.items()}, shapes, f"cannot save to {target}")
    for name, array in arrays.items():
        require_finite(name, array, f"cannot save to {target}")
    write_container(target, descriptor.to_json(), arrays, {"format": descriptor.format})
    return target


def _read_descriptor(path: Path) -> Descriptor:
    if not os.path.lexists(path):
        near = recognise.checkpoint_near(path.parent)
        advice = NEEDED if near is None else f"there is one in {near}: give that folder"
        raise CheckpointError(f"{path} is missing; {advice}")
    text = read_text(path, LARGEST_CONFIG, error=CheckpointError, inside=path.parent)
    try:
        return Descriptor.from_json(text)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _roles(descriptor: Descriptor) -> list[str]:
    return [camera.role for camera in descriptor.cameras]


def _kept(descriptor: Descriptor) -> dict[str, Shape]:
    """Return the shapes of what the weights come with beside the network."""
    if not descriptor.picture_statistics:
        return {}
    return statistics_tensors(_roles(descriptor), descriptor.dims.prefix_width)


def _bounded_shapes(descriptor: Descriptor, where: Path) -> dict[str, Shape]:
    shapes = nano_tensors(descriptor)
    elements = sum(math.prod(shape) for shape in shapes.values())
    if elements > MAX_ELEMENTS:
        raise CheckpointError(
            f"{where}: dims in {CONFIG} ask for {elements:.3g} weights; at most {MAX_ELEMENTS:.3g} allowed"
        )
    return shapes
