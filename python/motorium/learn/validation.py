"""Judge a network by recordings that it never learned from: open-loop error of its chunks, and flow loss.

A student is judged by how far its chunks are from its teacher's as well, and that is what chooses its weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..types import UInt8
from .chunks import Flow, chunk, encoded
from .data import Recordings
from .examples import ExampleMaker, Index
from .learner import Learner
from .model import NanoModel

FRAMES = 192
"""Judged each time, at most."""
BATCH = 32


@dataclass(frozen=True)
class Judgement:
    """What held-out recordings say of averaged weights.

    Attributes:
        step: of training.
        l1_rad: mean absolute error of chunks from noise without committed rows, over known rows and all joints.
        flow: mean square error of the velocity; of a student's chunk from its teacher's.
        success: share of episodes in closed loop that succeeded; NaN where none was played.
        teacher_rad: mean absolute difference of a student's chunks from its teacher's, from the same noise, over all
            rows and joints; NaN for a network without a teacher.
    """

    step: int
    l1_rad: float
    flow: float
    success: float = math.nan
    teacher_rad: float = math.nan

    @property
    def error(self) -> float:
        """By which weights are chosen."""
        return self.l1_rad if math.isnan(self.teacher_rad) else self.teacher_rad


class Validation:
    """The same frames, noise and flow times each time; processes share them."""

    def __init__(
        self,
        recordings: Recordings,
        maker: ExampleMaker,
        teacher: NanoModel | None = None,
        frames: int = FRAMES,
    ) -> None:
        self._recordings, self._maker, self._teacher = recordings, maker, teacher
        self.frames = spread_evenly(recordings.validation, frames)
        scale = {joint.slot: joint.slot_scale for robot in recordings.robots for joint in robot.joints}
        self._to_rad = torch.as_tensor([1.0 / abs(scale[slot]) for slot in maker.slots.tolist()])

    def judge(self, learner: Learner) -> Judgement:
        """Judge the averaged weights as they are now."""
        group, sums = learner.group, torch.zeros(6, dtype=torch.float64)
        batches = [self.frames[start : start + BATCH] for start in range(0, len(self.frames), BATCH)]
        mine = range(group.rank, len(batches), group.size)
        for number, (index, pictures) in zip(
            mine, self._recordings.ahead(batches[n] for n in mine), strict=True
        ):
            sums += self._sums(learner, index, pictures, np.random.default_rng([self._maker.seed, 2, number]))
        group.average([sums])
        l1, rows, flow, count, apart, told = sums.tolist()
        return Judgement(
            learner.done, l1 / max(rows, 1e-9), flow / max(count, 1e-9),
            teacher_rad=apart / told if told else math.nan,
        )  # fmt: skip

    @torch.inference_mode()
    def _sums(
        self, learner: Learner, index: Index, pictures: UInt8, rng: np.random.Generator
    ) -> torch.Tensor:
        """Return three sums, each with its number: of absolute errors, of squared ones, and apart from the teacher."""
        maker, model, slots = self._maker, learner.averaged, learner.slots
        part = maker.plain(index, pictures, rng).to(learner.device)
        noise = part.noisy - part.time[..., None] * part.velocity
        known = part.weight.double()
        scale = torch.from_numpy(maker.statistics.action_std).to(slots.device) * self._to_rad.to(slots.device)
        with learner.autocast():
            flow = Flow(model, encoded(model, part), part, slots)
            made = chunk(flow, part)
            if self._teacher is None:
                error = (flow(part.noisy, part.time) - part.velocity)[..., slots]
                apart, counted = torch.zeros(1), known
            else:
                shown = Flow(self._teacher, encoded(self._teacher, part), part, slots)
                error = (made - chunk(shown, part))[..., slots]
                apart, counted = error * scale, torch.ones_like(known)
        wrong = ((made - noise - part.velocity)[..., slots] * scale).abs() * known
        square = error.square() * counted
        count, told = known.sum() * len(slots), float(counted.sum()) * len(slots)
        sums = (
            wrong.sum(),
            count,
            square.sum(),
            told,
            apart.abs().double().sum(),
            told if self._teacher else 0.0,
        )
        return torch.tensor([float(one) for one in sums], dtype=torch.float64)


def spread_evenly(frames: Index, most: int) -> Index:
    """Return up to `most` frames, evenly spread."""
    if len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).round().astype(np.int64)]
