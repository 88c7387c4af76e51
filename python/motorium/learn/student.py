"""Describe a student, and begin it with its teacher's weights: fewer steps, fewer layers, thinner pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, MotoriumError
from ..policies.nano.checkpoint import Checkpoint
from ..policies.nano.config import FLOAT32, Descriptor, Dims
from ..policies.nano.tokenizer import Tokenizer
from .adapters import AdapterSpec
from .data import Recordings
from .describe import check_joints

MOST_STEPS = 2
"""Of a student."""
EYES = ("text", "vision")
"""Parts that look: words steer what is seen."""


@dataclass(frozen=True)
class StudentSpec:
    """What a student has less of than its teacher.

    Attributes:
        steps: of the flow, 1 or 2; as many as the teacher where that takes no more.
        layers: of both streams; None: as many as the teacher.
        channels: of the first two convolutions of the picture side; None: it looks with the teacher's own weights.
        precision: in which it is computed, for its config.json.
    """

    steps: int = 1
    layers: int | None = None
    channels: tuple[int, int] | None = None
    precision: str = FLOAT32

    @property
    def adapter(self) -> AdapterSpec:
        """Which weights are learned: all, but what looks where that is the teacher's own."""
        return AdapterSpec(freeze=() if self.channels else EYES)

    def checked(self, teacher: Descriptor) -> StudentSpec:
        """Return itself. Raises MotoriumError, by option: it would have more of something than its teacher."""
        dims, most = teacher.dims, min(MOST_STEPS, teacher.flow.steps)
        if not 1 <= self.steps <= most:
            raise MotoriumError(
                f"--steps {self.steps}: {teacher.name!r} takes {teacher.flow.steps}, and a student at most {most}: "
                f"give fewer, or another teacher"
            )
        if self.layers is not None and not 1 <= self.layers <= dims.layers:
            raise MotoriumError(
                f"--layers {self.layers}: {teacher.name!r} has {dims.layers}; give at most as many"
            )
        for own, there in zip(self.channels or (), dims.vision_channels, strict=False):
            if not 0 < own <= there or own % dims.groups:
                raise MotoriumError(
                    f"--channels {own}: {teacher.name!r} has {there} there; give a multiple of {dims.groups} up to that"
                )
        asked = (
            self.steps,
            self.layers or dims.layers,
            self.channels or dims.vision_channels[:2],
            self.precision,
        )
        if asked == (teacher.flow.steps, dims.layers, dims.vision_channels[:2], teacher.precision):
            raise MotoriumError(
                f"a student as large as {teacher.name!r} would be {teacher.name!r}: give fewer --steps, --layers or "
                f"--channels, or another --precision"
            )
        return self

    def described(self, teacher: Descriptor, name: str, recordings: Recordings) -> Descriptor:
        """Return the student's descriptor: statistics, words, robots and committed rows are the teacher's.

        Raises DataError: recordings of other joints or robots. PromptError: of instructions without a known word.
        """
        check_joints(teacher, recordings)
        for robot in recordings.robots:
            if robot.name not in teacher.embodiments:
                raise DataError(
                    f"{teacher.name!r} drives {', '.join(teacher.embodiments)} and not {robot.name}: give recordings "
                    f"of its own robot, or adapt it to the other first (motorium finetune)"
                )
        for task in recordings.tasks:
            Tokenizer(teacher.prompt).check(task)
        dims, kept = teacher.dims, self._layers(teacher.dims)
        channels = (*(self.channels or dims.vision_channels[:2]), dims.vision_channels[2])
        less = replace(
            dims,
            layers=len(kept),
            shared_layers=sum(at < dims.shared_layers for at in kept),
            vision_channels=channels,
        )
        flow = replace(teacher.flow, steps=self.steps)
        return replace(teacher, name=name, flow=flow, dims=less, precision=self.precision)

    def begun(self, tensors: Mapping[str, Tensor], teacher: Descriptor) -> dict[str, Tensor]:
        """Return the tensors that a student begins with, from all of its teacher's."""
        out = {name: values for name, values in tensors.items() if not name.startswith("layers.")}
        for at, layer in enumerate(self._layers(teacher.dims)):
            here = f"layers.{layer}."
            out |= {
                f"layers.{at}.{name.removeprefix(here)}": values
                for name, values in tensors.items()
                if name.startswith(here)
            }
        if self.channels is not None:
            for camera in teacher.cameras:
                thin(out, f"vision.{camera.role}.", self.channels, teacher.dims.groups)
        return out

    def _layers(self, dims: Dims) -> list[int]:
        """Return which of the teacher's layers are kept: the first, the last, and some evenly between them."""
        count = dims.layers if self.layers is None else self.layers
        return [int(at) for at in np.linspace(0, dims.layers - 1, count).round()]


def thin(tensors: dict[str, Tensor], here: str, channels: tuple[int, int], groups: int) -> None:
    """Keep of a view's convolutions the channels whose outputs weigh most in what reads them.

    A channel's weight is the size of its normalisation times the norm of the filters that read it (Li et al., 2017,
    "Pruning filters for efficient ConvNets", arXiv:1608.08710); as many stay of each group, so that groups stay whole.

    Args:
        tensors: of the network, changed in place.
        here: what the names of the view begin with.
        channels: of the first convolution, and of the second and third, which share theirs.
        groups: of the normalisations.
    """

    def kept(gain: Tensor, readers: Tensor, count: int) -> Tensor:
        weight = (gain.abs() * readers.transpose(0, 1).flatten(1).norm(dim=1)).view(groups, -1)
        best = weight.topk(count // groups, dim=1).indices.sort(dim=1).values
        return (best + torch.arange(groups)[:, None] * weight.shape[1]).flatten()

    def cut(name: str, index: Tensor, axis: int = 0) -> None:
        tensors[here + name] = tensors[here + name].index_select(axis, index)

    reader = "points.weight" if f"{here}points.weight" in tensors else "conv4.weight"
    first = kept(tensors[f"{here}norm1.weight"], tensors[f"{here}conv2.weight"], channels[0])
    gain = tensors[f"{here}norm2.weight"].abs() + tensors[f"{here}norm3.weight"].abs()
    second = kept(gain, tensors[here + reader], channels[1])
    steered = torch.cat([second, second + len(gain)])
    for number, index in ((1, first), (2, second), (3, second)):
        for name in (
            f"conv{number}.weight",
            f"conv{number}.bias",
            f"norm{number}.weight",
            f"norm{number}.bias",
        ):
            cut(name, index)
    cut("conv2.weight", first, 1)
    cut("conv3.weight", second, 1)
    cut(reader, second, 1)
    cut("film.weight", steered)
    cut("film.bias", steered)


def fingerprint(checkpoint: Checkpoint) -> str:
    """Return the SHA-256 of a network: of its descriptor and weights."""
    digest = hashlib.sha256(checkpoint.descriptor.to_json().encode())
    for name in sorted(checkpoint.tensors):
        digest.update(name.encode() + checkpoint.tensors[name].tobytes())
    return digest.hexdigest()
