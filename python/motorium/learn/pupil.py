"""A student in training: a step makes small how far its chunks are from its teacher's."""

from __future__ import annotations

import torch
from torch import Tensor

from .adapters import Adapter
from .chunks import Flow, chunk, encoded
from .examples import Examples
from .learner import Learner, LearnParams
from .model import NanoModel
from .process_group import ProcessGroup
from .student import EYES


class Pupil(Learner):
    """A network whose target is another's chunk, from the same noise, pictures and committed rows.

    What it sees (the tokens of its views) and reads is held to the teacher's as well, as hints are (Romero et al.,
    2015, arXiv:1412.6550).
    """

    def __init__(
        self, model: NanoModel, teacher: NanoModel, params: LearnParams, group: ProcessGroup, adapter: Adapter
    ) -> None:
        device = next(teacher.parameters()).device
        super().__init__(model, params, group, device, adapter)
        self.teacher = teacher.eval().requires_grad_(False)
        # It looks with weights that are the teacher's and stay so: one look is enough for both.
        same = model.dims.vision_channels == teacher.dims.vision_channels
        self._same_eyes = same and set(EYES) <= set(adapter.spec.freeze)

    def _backward(self, part: Examples) -> Tensor:
        """Add the gradient of a part; return its shares of `LOSSES`."""
        p = self.params
        with self.autocast():
            with torch.no_grad():
                shown = encoded(self.teacher, part)
                target = chunk(Flow(self.teacher, shown, part, self.slots), part)
            learned = encoded(self.model, part, shown.views if self._same_eyes else None)
            flow = Flow(self.model, learned, part, self.slots)
            made = chunk(flow, part)
        # The mean over the whole batch, however it is divided: the group averages, so its size is put back.
        share = len(part.tokens) * self.group.size / part.observations
        wrong = (made - target)[..., self.slots].square().mean() * share
        seen = (learned.scene.float() - shown.scene.float()).square().mean()
        for own, wanted in zip(learned.views, shown.views, strict=True):
            seen = seen + (own.float() - wanted.float()).square().mean() / len(shown.views)
        seen, even = seen * share, flow.balance * share
        (wrong + p.scene_weight * seen + p.balance_weight * even).backward()
        return torch.stack([loss.detach().float() for loss in (wrong, seen, even)])
