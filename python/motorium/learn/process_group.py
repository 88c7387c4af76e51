"""Train one network in several processes: each draws a part of every batch, gradients are averaged.

Rank 0 starts the others, or torchrun has started all of them.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..children import await_start, spawning
from ..errors import MotoriumError
from ..moved import renamed

LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun tells each process that it starts."""
PATIENCE = timedelta(hours=12)
"""For each other: rank 0 decodes all pictures before it meets those that torchrun started."""


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


def launched() -> ProcessGroup | None:
    """Return this process's place among those that torchrun started; None where it was started by itself.

    Raises MotoriumError for a place that cannot be.
    """
    if not all(os.environ.get(name) for name in LAUNCHED):
        return None
    rank, size = (os.environ[name] for name in LAUNCHED[:2])
    if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        raise MotoriumError(
            f"the environment says RANK={rank} of WORLD_SIZE={size}: start all processes by torchrun, or unset both"
        )
    return ProcessGroup(int(rank), int(size))


@contextlib.contextmanager
def process_group(size: int, run_rank: Callable[..., object], *arguments: Any) -> Iterator[ProcessGroup]:
    """Make this process rank 0 of a group of `size`; the others run `run_rank(group, *arguments)`, all picklable.

    The other ranks end with rank 0, however it ends. Where torchrun started all of them, none is started here: each has
    its own rank. Raises MotoriumError when one of them cannot start.
    """
    here = launched()
    if size == 1:
        yield ProcessGroup()
        return
    if here is not None:
        with _joined(here, "env://"):
            yield here
            torch.distributed.barrier()
        return
    context = torch.multiprocessing.get_context("spawn")
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        rendezvous, begun = f"file://{Path(folder) / 'rendezvous'}", context.Semaphore(0)
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
    run_rank: Callable[..., object],
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
        "gloo", init_method=rendezvous, rank=group.rank, world_size=group.size, timeout=PATIENCE
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


__getattr__ = renamed(__name__, Team="ProcessGroup", lead="process_group")
