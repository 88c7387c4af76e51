"""Slot-wise adapters in PyTorch: one small matrix for each slot, shared by every robot that uses the slot.

Eq. 12 of Being-H0.5: a bank W of shape (K, d_out, d_in); embodiment e uses W[k] for its active slots k in I_e, and a
training step on e changes only those. Here a slot's value is a scalar, so the matrix that leads into the network is
(width, 1) and the one that leads out of it (1, width). Both begin as zeros: a fresh adapter changes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..policies.nano.config import Descriptor
from ..types import SLOTS


def active_slots(descriptor: Descriptor) -> Tensor:
    """Return (embodiments, 200): 1 on the slots whose matrices the embodiment uses."""
    active = torch.zeros(len(descriptor.embodiments), SLOTS)
    for row, adapters in enumerate(descriptor.slot_adapters):
        active[row, list(adapters.slots)] = 1.0
    return active


class SlotBank(nn.Module):
    """The matrices of all slots, (200, d_out, d_in)."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(SLOTS, outputs, inputs))

    def spread(self, x: Tensor, active: Tensor) -> Tensor:
        """Return what active slots add to the tokens: (B, n, T, 200) and (B, 200) -> (B, n, T, d_out); d_in is 1."""
        return (x * active[:, None, None]) @ self.weight[:, :, 0]

    def gather(self, hidden: Tensor, active: Tensor) -> Tensor:
        """Return what is added to active slots: (B, n, T, d_in) and (B, 200) -> (B, n, T, 200); d_out is 1."""
        return (hidden @ self.weight[:, 0].T) * active[:, None, None]
