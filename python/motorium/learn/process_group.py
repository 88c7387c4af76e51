"""Train one network in several processes: each draws a part of every batch, gradients are averaged."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..children import await_start, spawning
from ..moved import renamed


@dataclass(frozen=True)
class ProcessGroup:
    """One process among those that train together; alone by default."""

    rank: int = 0
    size: int = 1

    def part(self, count: int) -> int:
        """Return how many of `count` things this process takes. Raises ValueError when it does not divide."""
        if count % self.size:
            raise ValueError(f"{count} observations cannot be shared equally by {self.size} processes")
        return count // self.size

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace every tensor by its mean over the group, in place."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        flat /= self.size
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view(tensor.shape))
            start += tensor.numel()

    def mean(self, value: float) -> float:
        """Return the mean over the group, so that all processes decide alike."""
        tensor = torch.tensor([value], dtype=torch.float64)
        self.average([tensor])
        return float(tensor)


@contextlib.contextmanager
def process_group(size: int, run_rank: Callable[..., None], *arguments: Any) -> Iterator[ProcessGroup]:
    """Make this process rank 0 of a group of `size`; the others run `run_rank(group, *arguments)`, all picklable.

    The other ranks end with rank 0, however it ends. Raises MotoriumError when one of them cannot start.
    """
    if size == 1:
        yield ProcessGroup()
        return
    context = torch.multiprocessing.get_context("spawn")
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        rendezvous, begun = str(Path(folder) / "rendezvous"), context.Semaphore(0)
        others = [
            context.Process(
                target=_run,
                args=(begun, ProcessGroup(rank, size), rendezvous, run_rank, arguments),
                daemon=True,
            )
            for rank in range(1, size)
        ]
        with spawning():
            for process in others:
                process.start()
        try:
            await_start(begun, len(others), others)
            with _joined(ProcessGroup(0, size), rendezvous):
                yield ProcessGroup(0, size)
                for process in others:
                    process.join()
        finally:
            for process in others:
                process.terminate()
            torch.set_num_threads(threads)


def _run(
    begun: Semaphore,
    group: ProcessGroup,
    rendezvous: str,
    run_rank: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    begun.release()
    with _joined(group, rendezvous):
        run_rank(group, *arguments)


@contextlib.contextmanager
def _joined(group: ProcessGroup, rendezvous: str) -> Iterator[None]:
    torch.set_num_threads(1)
    distributed = torch.distributed
    distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=group.rank, world_size=group.size
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


__getattr__ = renamed(__name__, Team="ProcessGroup", lead="process_group")
