"""Judge a network by recordings that it never learned from: open-loop error of its chunks, and flow loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..types import SLOTS, UInt8
from .data import Recordings
from .examples import ExampleMaker, Index
from .learner import Learner
from .objectives.rectified_flow import integrate

FRAMES = 192
"""Judged each time, at most."""
BATCH = 32


@dataclass(frozen=True)
class Judgement:
    """What held-out recordings say of averaged weights.

    Attributes:
        step: of training.
        l1_rad: mean absolute error of chunks from noise without committed rows, over known rows and all joints.
        flow: mean square error of the velocity.
        success: share of episodes in closed loop that succeeded; NaN where none was played.
    """

    step: int
    l1_rad: float
    flow: float
    success: float = math.nan


class Validation:
    """The same frames, noise and flow times each time; processes share them."""

    def __init__(self, recordings: Recordings, maker: ExampleMaker, frames: int = FRAMES) -> None:
        self._recordings, self._maker = recordings, maker
        self.frames = _spread(recordings.validation, frames)
        scale = {joint.slot: joint.slot_scale for robot in recordings.robots for joint in robot.joints}
        self._to_rad = torch.as_tensor([1.0 / abs(scale[slot]) for slot in maker.slots.tolist()])

    def judge(self, learner: Learner) -> Judgement:
        """Judge the averaged weights as they are now."""
        group, sums = learner.group, torch.zeros(4, dtype=torch.float64)
        batches = [self.frames[start : start + BATCH] for start in range(0, len(self.frames), BATCH)]
        mine = range(group.rank, len(batches), group.size)
        for number, (index, pictures) in zip(
            mine, self._recordings.ahead(batches[n] for n in mine), strict=True
        ):
            sums += self._sums(learner, index, pictures, np.random.default_rng([self._maker.seed, 2, number]))
        group.average([sums])
        l1, rows, flow, count = sums.tolist()
        return Judgement(learner.done, l1 / max(rows, 1e-9), flow / max(count, 1e-9))

    @torch.inference_mode()
    def _sums(
        self, learner: Learner, index: Index, pictures: UInt8, rng: np.random.Generator
    ) -> torch.Tensor:
        """Return the sums of absolute errors and of squared ones, each with their number."""
        maker, model, slots = self._maker, learner.averaged, learner.slots
        examples = maker.plain(index, pictures, rng).to(learner.device)
        noise = examples.noisy - examples.time[..., None] * examples.velocity
        mapped = torch.zeros(SLOTS, device=slots.device)
        mapped[slots] = 1.0
        with learner.autocast():
            prefix = model.encode(examples.views(model.roles), examples.tokens, examples.embodiment)

            def velocity(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
                return model.velocity(prefix, examples.state, x, time)[0].float() * mapped

            predicted = velocity(examples.noisy, examples.time)
            chunk = integrate(velocity, noise, model.descriptor.flow.steps)
        known = examples.weight.double()
        scale = torch.from_numpy(maker.statistics.action_std).to(slots.device) * self._to_rad.to(slots.device)
        wrong = ((chunk - noise - examples.velocity)[..., slots] * scale).abs() * known
        square = (predicted - examples.velocity)[..., slots].square() * known
        count = known.sum() * len(slots)
        return torch.stack([wrong.sum(), count, square.sum(), count]).cpu()


def _spread(frames: Index, most: int) -> Index:
    """Return up to `most` frames, evenly spread."""
    if len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).round().astype(np.int64)]
