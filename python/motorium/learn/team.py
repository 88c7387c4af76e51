"""Several processes that train one network: each has its share of every batch, gradients are averaged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Team:
    """One member of a team; alone by default."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this member reports and saves."""
        return self.rank == 0

    def share(self, count: int) -> int:
        """This member's part of `count` things. Raises ValueError when it does not divide."""
        if count % self.size:
            raise ValueError(f"{count} observations cannot be shared equally by {self.size} processes")
        return count // self.size

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replaces every tensor by its mean over the team, in place."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        flat /= self.size
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view(tensor.shape))
            start += tensor.numel()

    def agreed(self, value: float) -> float:
        """The mean over the team, so that all decide alike."""
        shared = torch.tensor([value], dtype=torch.float64)
        self.average([shared])
        return float(shared)


def run_team(size: int, work: Callable[..., None], *arguments: Any) -> None:
    """Calls `work(team, *arguments)` in `size` processes, or here when there is one. An error in one ends all."""
    if size == 1:
        work(Team(), *arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        torch.multiprocessing.spawn(_member, (size, meeting, work, arguments), nprocs=size)


def _member(
    rank: int, size: int, meeting: str, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    try:
        work(Team(rank, size), *arguments)
    finally:
        torch.distributed.destroy_process_group()
