"""Make chunks of recorded frames with a network as it is played: from a part of a batch, all rows, in its own steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..types import SLOTS
from .examples import Examples
from .model import NanoModel, Prefix
from .objectives.commitment import commit
from .objectives.direct_distillation import reached


class Flow:
    """The velocity of a network for given observations, as it is integrated; zero on slots that are not mapped.

    Attributes:
        steps: of Euler that the network takes.
    """

    def __init__(self, model: NanoModel, prefix: Prefix, part: Examples, slots: Tensor) -> None:
        self.steps = model.descriptor.flow.steps
        self._model, self._state = model, part.state
        self._prefix = replace(prefix, scene=prefix.scene + part.doubt)
        self._mapped = torch.zeros(SLOTS, device=slots.device)
        self._mapped[slots] = 1.0
        self._balance: list[Tensor] = []

    def __call__(self, state: Tensor, time: Tensor) -> Tensor:
        """Map flow states (B, n, T, 200) at times (B, n, T) to velocities (B, n, T, 200) in float32."""
        velocity, balance = self._model.velocity(self._prefix, self._state, state, time)
        self._balance.append(balance)
        return velocity.float() * self._mapped

    @property
    def balance(self) -> Tensor:
        """The router's balance loss, the mean of all calls."""
        return torch.stack(self._balance).mean()


def chunk(flow: Flow, part: Examples) -> Tensor:
    """Return the chunks (B, n, T, 200) that a network makes of the noise and the committed rows of a part."""
    locked = part.time == 1.0  # a free row's time is drawn below that
    noise = part.noisy - part.time[..., None] * part.velocity
    return reached(flow, commit(noise, part.noisy, locked), locked, flow.steps)


def encoded(model: NanoModel, part: Examples, views: Sequence[Tensor] | None = None) -> Prefix:
    """Encode the observations of a part; `views` are those of another network that looks with the same weights."""
    aside = dict(zip(model.roles, part.aside, strict=True)) if part.aside else None
    seen = model.look(part.views(model.roles), part.tokens, aside) if views is None else views
    return model.read(seen, part.tokens, part.embodiment)
