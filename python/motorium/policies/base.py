"""What the runtime asks of every policy family."""

from __future__ import annotations

from typing import Protocol

from ..specs.robot import RobotSpec
from ..types import Policy
from .nano.config import Descriptor


class ChunkPolicy(Policy, Protocol):
    """A policy that plans chunks ahead and keeps promised rows.

    Attributes:
        descriptor: the checkpoint's declaration.
        max_delay: most promised rows it was trained to keep.
        execution_horizon: rows to execute before the next plan is due.
    """

    descriptor: Descriptor
    max_delay: int
    execution_horizon: int

    def bind(self, robot: RobotSpec) -> None:
        """Check that every input and output fits `robot` and speak as its embodiment. Raises BindingError."""
        ...

    def warm_up(self) -> None:
        """Touch all memory once, so that the first real call is as fast as the others."""
        ...
