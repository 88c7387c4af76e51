"""One network in training: its optimiser, its averaged weights, and one step on parts of a batch."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..errors import MotoriumError
from ..policies.nano.config import NO_NOISE
from .adapters import Adapter, Full
from .examples import Examples
from .model import NanoModel, Prefix
from .process_group import ProcessGroup


@dataclass(frozen=True)
class LearnParams:
    """Parameters of learning.

    Attributes:
        steps: of the whole schedule.
        learning_rate: at its highest.
        warm_up: steps until then, at most a tenth of all.
        final_share: of the learning rate, at the end of the cosine.
        weight_decay: of matrices.
        clip: largest norm of the gradient.
        ema: decay of the averaged weights, less at the beginning.
        scene_weight, balance_weight: of the readout's and the router's loss beside the flow loss.
        pictures_rate: share of the learning rate for what looks and reads, with the adapter `Full`.
        bf16: compute in bfloat16 where the machine has it; weights stay float32.
    """

    steps: int = 2600
    learning_rate: float = 1e-3
    warm_up: int = 100
    final_share: float = 0.02
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    scene_weight: float = 1.0
    balance_weight: float = 0.01
    pictures_rate: float = 1.0
    bf16: bool = True

    @property
    def warm_up_steps(self) -> int:
        """Steps until the learning rate is at its highest."""
        return max(1, min(self.warm_up, self.steps // 10))


class Learner:
    """A network, its averaged weights and its optimiser.

    Attributes:
        model: in training.
        adapter: which weights change, and how fast.
        averaged: network with the averaged weights.
        done: steps taken.
    """

    LOSSES: ClassVar[tuple[str, ...]] = ("flow", "scene", "balance")
    """What `step` measures of each batch."""

    def __init__(
        self,
        model: NanoModel,
        params: LearnParams,
        group: ProcessGroup,
        device: torch.device,
        adapter: Adapter | None = None,
    ) -> None:
        self.params, self.group, self.device = params, group, device
        self.adapter = adapter or Full()
        self.model = model.to(device).train()
        self.averaged = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.slots = torch.as_tensor([c.slot for c in model.descriptor.action], device=device)
        self._noisy = model.descriptor.flow.noise != NO_NOISE
        self.done = 0
        self._trained: list[tuple[Tensor, Tensor]] = []
        self._rows: list[tuple[Tensor, Tensor]] = []
        self.optimiser = torch.optim.AdamW(
            self._groups(), lr=params.learning_rate, betas=(0.9, 0.98), fused=True
        )
        self._precision = half_precision(device) if params.bf16 else None

    def step(self, parts: Iterable[Examples]) -> dict[str, float]:
        """Take one optimiser step on the parts of this process; return what was measured, over all processes.

        Raises MotoriumError: the gradient is not finite, or memory is not enough.
        """
        p, rate = self.params, self._set_rate()
        self.optimiser.zero_grad(set_to_none=True)
        sums, learned = torch.zeros(len(self.LOSSES)), self.learned()
        with memory_told():
            for part in parts:
                sums += self._backward(part.to(self.device)).cpu()
        self.group.average([q.grad for q in learned if q.grad is not None])
        self.group.average([sums])
        for parameter, rows in self._rows:
            if parameter.grad is not None:
                parameter.grad.mul_(rows)
        norm = float(torch.nn.utils.clip_grad_norm_(learned, p.clip))
        if not math.isfinite(norm):
            raise MotoriumError(f"gradient is not finite at step {self.done}; lower the learning rate")
        self.optimiser.step()
        self.done += 1
        decay = min(p.ema, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            torch._foreach_lerp_(*map(list, zip(*self._trained, strict=True)), 1.0 - decay)
        return {"rate": rate, **dict(zip(self.LOSSES, sums.tolist(), strict=True)), "norm": norm}

    def learned(self) -> list[nn.Parameter]:
        """Return all parameters whose gradients count."""
        return list(self.model.parameters())

    @property
    def over(self) -> float:
        """Share of the schedule that is over."""
        return self.done / self.params.steps

    def _backward(self, part: Examples) -> Tensor:
        """Add the gradient of a part; return its shares of `LOSSES`."""
        with self.autocast():
            prefix, predicted, balance = _predicted(self.model, part)
        loss, shares = self._losses(part, prefix, predicted.float(), balance)
        loss.backward()
        return torch.stack([share.detach().float() for share in shares])

    def _losses(
        self, part: Examples, prefix: Prefix, predicted: Tensor, balance: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Return what is made small, and a part's shares of `LOSSES`."""
        p, size = self.params, self.group.size
        # The mean over the whole batch, however it is divided: the group averages, so its size is put back.
        error = (predicted - part.velocity)[..., self.slots]
        wrong = (error.square() if self._noisy else error.abs()) * part.weight
        flow = wrong.sum() * size / max(part.rows_total, 1.0)
        scene = prefix.scene.float()
        seen = ((scene - part.scene).square() * part.scene_known).sum() * size / max(part.scene_total, 1.0)
        even = balance * (len(part.tokens) * size / part.observations)
        return flow + p.scene_weight * seen + p.balance_weight * even, [flow, seen, even]

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which networks are computed."""
        if self._precision is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self._precision)

    def _set_rate(self) -> float:
        p, over = self.params, self.over
        cosine = p.final_share + (1.0 - p.final_share) * 0.5 * (1.0 + math.cos(math.pi * over))
        rate = p.learning_rate * min(1.0, (self.done + 1) / p.warm_up_steps) * cosine
        for parameters in self.optimiser.param_groups:
            share = p.pictures_rate if parameters["group"] == "pictures" else 1.0
            parameters["lr"] = rate * share * self.adapter.rate(parameters["group"], over)
            for parameter in parameters["params"]:  # without a gradient the optimiser leaves it as it is
                parameter.requires_grad_(parameters["lr"] > 0.0)
        return rate

    def _groups(self) -> list[dict[str, Any]]:
        """Return the parameters that the adapter trains, by its groups and whether they decay; freeze the others."""
        groups: dict[tuple[str, bool], list[Tensor]] = {}
        averages = dict(self.averaged.named_parameters())
        for name, parameter in self.model.named_parameters():
            group = self.adapter.trained_group(name)
            parameter.requires_grad_(group is not None)
            if group is None:
                continue
            groups.setdefault((group, self.adapter.decays(name, parameter)), []).append(parameter)
            self._trained.append((averages[name], parameter))
            rows = self.adapter.rows(name, parameter.detach())
            if rows is not None:
                self._rows.append((parameter, rows))
        decay = self.params.weight_decay
        return [
            {"params": parameters, "weight_decay": decay if decays else 0.0, "group": group}
            for (group, decays), parameters in groups.items()
        ]


def forward(model: NanoModel, part: Examples) -> tuple[Tensor, Tensor, Tensor]:
    """Return velocities (B, n, T, 200) and readouts (B, S) in float32, and the router's balance loss."""
    prefix, predicted, balance = _predicted(model, part)
    return predicted.float(), prefix.scene.float(), balance


def _predicted(model: NanoModel, part: Examples) -> tuple[Prefix, Tensor, Tensor]:
    aside = dict(zip(model.roles, part.aside, strict=True)) if part.aside else None
    prefix = model.encode(part.views(model.roles), part.tokens, part.embodiment, aside)
    given = replace(prefix, scene=prefix.scene + part.doubt)
    return prefix, *model.velocity(given, part.state, part.noisy, part.time)


def half_precision(device: torch.device) -> torch.dtype | None:
    """Return bfloat16 where the device computes in it by itself, else None."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    known = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return torch.bfloat16 if device.type == "cpu" and known is not None and known() else None


@contextlib.contextmanager
def memory_told() -> Iterator[None]:
    """Say what to do where a batch does not fit in memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        text = str(error)
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "allocate memory" not in text:
            raise
        raise MotoriumError(
            f"the batch does not fit in memory ({text.splitlines()[0][:120] if text else 'out of memory'}); divide it "
            f"with --accumulate 2 or more, or give a smaller --batch"
        ) from error
