"""Several processes that train one network: each has its share of every batch, gradients are averaged."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..children import spawning


@dataclass(frozen=True)
class Team:
    """One member of a team; alone by default."""

    rank: int = 0
    size: int = 1

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


@contextlib.contextmanager
def lead(size: int, follow: Callable[..., None], *arguments: Any) -> Iterator[Team]:
    """This process as the leader of a team of `size`; the others run `follow(team, *arguments)`, all picklable.

    The followers end with the leader, however it ends.
    """
    if size == 1:
        yield Team()
        return
    context = torch.multiprocessing.get_context("spawn")
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        others = [
            context.Process(
                target=_follower, args=(Team(rank, size), meeting, follow, arguments), daemon=True
            )
            for rank in range(1, size)
        ]
        with spawning():
            for process in others:
                process.start()
        try:
            with _meeting(Team(0, size), meeting):
                yield Team(0, size)
                for process in others:
                    process.join()
        finally:
            for process in others:
                process.terminate()
            torch.set_num_threads(threads)


def _follower(team: Team, meeting: str, follow: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    with _meeting(team, meeting):
        follow(team, *arguments)


@contextlib.contextmanager
def _meeting(team: Team, meeting: str) -> Iterator[None]:
    torch.set_num_threads(1)
    distributed = torch.distributed
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=team.rank, world_size=team.size
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()
