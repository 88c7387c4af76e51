"""Train nothing but the small matrices of the slots that the robots in the data use (eq. 12 of Being-H0.5).

A step on embodiment e changes W[k] for its active slots k alone: dW[k] = 0 for k outside I_e. Robots that share a slot
share its matrix. A checkpoint without such matrices gets them, as zeros, with format version 2; robots that are not in
the data then use none, and stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ...errors import DataError
from ...policies.nano.config import ADAPTED_VERSION, Descriptor, SlotAdapters
from ...policies.nano.weights import nano_tensors
from ...types import SLOTS
from .adapter import Adapter

BANKS = ("slot.in.weight", "slot.out.weight")


class SlotAdapter(Adapter):
    """The matrices of the slots of the robots in the data change; all else is frozen."""

    method = "slot-adapter"

    def described(self) -> Descriptor:
        """Return the descriptor with the slots of the robots in the data active, and a place for a new robot."""
        before = self._before.descriptor
        used = {adapters.embodiment: set(adapters.slots) for adapters in before.slot_adapters}
        for robot in self._before.robots:
            used[robot.name] = used.get(robot.name, set()) | self._slots(robot.name)
        return replace(
            before,
            format_version=max(ADAPTED_VERSION, before.format_version),
            embodiments=self.embodiments,
            slot_adapters=tuple(
                SlotAdapters(name, tuple(sorted(used.get(name, ())))) for name in self.embodiments
            ),
        )

    def begun(self, tensors: Mapping[str, Tensor], after: Descriptor) -> dict[str, Tensor]:
        """Return the tensors with matrices of zeros where the checkpoint has none.

        Raises DataError: the data has words that the checkpoint does not know, which slots cannot learn.
        """
        new = after.prompt.vocabulary[len(self._before.descriptor.prompt.vocabulary) :]
        if new:
            raise DataError(
                f"the data has words that checkpoint {self._before.descriptor.name!r} does not know "
                f"({', '.join(new[:5])}), and slot adapters learn no words: take --method lora, soft-prompt or full"
            )
        shapes = nano_tensors(after)
        return {name: torch.zeros(shapes[name]) for name in BANKS} | dict(tensors)

    def group(self, name: str) -> str | None:
        """Return one group for the matrices of slots."""
        return "slots" if name in BANKS else None

    def rows(self, name: str, values: Tensor) -> Tensor | None:
        """Return 1 for the slots of the robots in the data."""
        del name
        mine = torch.zeros(SLOTS, 1, 1, dtype=values.dtype, device=values.device)
        mine[sorted(set().union(*(self._slots(robot.name) for robot in self._before.robots)))] = 1.0
        return mine

    def _slots(self, robot: str) -> set[int]:
        """Return the slots that the checkpoint commands on a robot of the data."""
        joints = next(spec.joints for spec in self._before.robots if spec.name == robot)
        return {channel.slot for channel in self._before.descriptor.action} & {j.slot for j in joints}
