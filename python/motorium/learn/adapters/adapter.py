"""What every way of adapting answers: which weights it trains, at what rate, and what is exported of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ...errors import MotoriumError
from ...policies.nano.config import Descriptor
from ...specs.robot import RobotSpec
from ..model import NanoModel
from .parts import PARTS, part_of

WORDS, PROMPTS = "text.embedding.weight", "soft_prompt"
ROWS = (WORDS, PROMPTS, "slot.in.weight", "slot.out.weight")
"""Tables of which a row belongs to one word, robot or slot: decay would change rows of which the data has nothing."""


@dataclass(frozen=True)
class AdapterSpec:
    """How a network is adapted, as a person asks for it.

    Attributes:
        method: full, lora, soft-prompt or slot-adapter.
        freeze: parts that stay as they are, whatever the method.
        rank: of LoRA's matrices; None takes its default.
    """

    method: str = "full"
    freeze: tuple[str, ...] = ()
    rank: int | None = None

    def __str__(self) -> str:
        """Return it as it is given to `motorium finetune`."""
        rank = "" if self.rank is None else f" --rank {self.rank}"
        frozen = f" --freeze {','.join(self.freeze)}" if self.freeze else ""
        return f"{self.method}{rank}{frozen}"

    def checked(self, methods: tuple[str, ...]) -> AdapterSpec:
        """Return itself. Raises MotoriumError, by name: no such method or part, or a rank of what has none."""
        if self.method not in methods:
            raise MotoriumError(f"--method {self.method}: there is {', '.join(methods)}")
        for part in self.freeze:
            if part not in PARTS:
                raise MotoriumError(f"--freeze {part}: no such part; there is {', '.join(PARTS)}")
        if self.rank is not None and self.method != "lora":
            raise MotoriumError(f"--rank is for --method lora, and --method {self.method} has none")
        return self


@dataclass(frozen=True)
class Before:
    """What a network is adapted from, and to whom.

    Attributes:
        descriptor: of the checkpoint.
        robots: in the data.
    """

    descriptor: Descriptor
    robots: tuple[RobotSpec, ...]


class Adapter(ABC):
    """One way of adapting a network; it holds no state but in the network's parameters."""

    method: ClassVar[str]
    stages: ClassVar[tuple[float, ...]] = (0.0,)
    """Shares of the run at which the set of weights that change is another one."""

    def __init__(self, spec: AdapterSpec | None = None, before: Before | None = None) -> None:
        self.spec = spec or AdapterSpec(self.method)
        self.before = before

    def described(self) -> Descriptor:
        """Return the descriptor of the network that is trained, before it grows by what recordings bring."""
        return self._before.descriptor

    def begun(self, tensors: Mapping[str, Tensor], after: Descriptor) -> dict[str, Tensor]:
        """Return the tensors of the checkpoint, grown to `after`, and those that the adapter adds."""
        del after
        return dict(tensors)

    def attach(self, model: NanoModel) -> None:
        """Give the network parameters that are not its own; `exported` takes them back."""
        del model

    @abstractmethod
    def group(self, name: str) -> str | None:
        """Return the group of weights that a parameter belongs to; None: it never changes."""

    def rate(self, group: str, progress: float) -> float:
        """Return by what a group's learning rate is multiplied at this share of the run; 0 freezes it."""
        del group, progress
        return 1.0

    def rows(self, name: str, values: Tensor) -> Tensor | None:
        """Return (N, 1, ...): 1 for the rows of a parameter (N, ...) that may change, else 0; None: all may.

        Here new words, and the prompts of the robots in the data.
        """
        if name == WORDS:
            known = len(self._before.descriptor.prompt.vocabulary)
            return (torch.arange(len(values), device=values.device) >= known).to(values.dtype)[:, None]
        if name == PROMPTS:
            mine = torch.zeros(len(values), 1, 1, dtype=values.dtype, device=values.device)
            mine[[self.embodiments.index(robot.name) for robot in self._before.robots]] = 1.0
            return mine
        return None

    def decays(self, name: str, values: Tensor) -> bool:
        """Return whether weight decay applies to a parameter."""
        return values.ndim >= 2 and name not in ROWS

    def exported(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors of an ordinary checkpoint from those of the network in training."""
        return dict(tensors)

    def trained_group(self, name: str) -> str | None:
        """Return the group of a parameter unless its part is frozen."""
        return None if part_of(name) in self.spec.freeze else self.group(name)

    def count(self, model: NanoModel, progress: float) -> int:
        """Return how many weights change at this share of the run."""
        total = 0
        for name, values in model.named_parameters():
            group = self.trained_group(name)
            if group is None or not self.rate(group, progress):
                continue
            rows = self.rows(name, values)
            total += values.numel() if rows is None else int(rows.sum()) * values[0].numel()
        return total

    def told(self, model: NanoModel) -> str:
        """Say how many weights change, and their share of the checkpoint's. Raises MotoriumError: none at some time."""
        of = sum(values.numel() for values in self.exported(model.state_dict()).values())
        counts = [self.count(model, stage) for stage in self.stages]
        if not all(counts):
            raise MotoriumError(f"--method {self.spec} leaves no weights to train; freeze less")
        said = [f"{count:,} ({100 * count / of:.3g} %)" for count in counts]
        return f"{self.method} trains {', then '.join(said)} of {of:,} weights"

    @property
    def embodiments(self) -> tuple[str, ...]:
        """Names of the network's robots, those that are new behind the others."""
        new = (robot.name for robot in self._before.robots)
        return tuple(dict.fromkeys((*self._before.descriptor.embodiments, *new)))

    @property
    def _before(self) -> Before:
        if self.before is None:
            raise MotoriumError(f"--method {self.method} adapts a checkpoint, and this network has none")
        return self.before
