"""Inputs and outputs of a policy by name: what a checkpoint declares, and what is bound to a robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from ..types import SLOTS
from .schema import one_of, within

UNITS = ("rad", "opening")


@dataclass(frozen=True)
class CameraInput:
    """One view, by role, pixels."""

    role: str
    height: Annotated[int, within(16, 512)]
    width: Annotated[int, within(16, 512)]


@dataclass(frozen=True)
class StateChannel:
    """One state input: slot, the joint it comes from, unit, statistics in that unit."""

    slot: Annotated[int, within(0, SLOTS - 1)]
    joint: str
    unit: Annotated[str, one_of(*UNITS)]
    mean: float
    std: Annotated[float, within(1e-9, 1e9)]
    min: float
    max: float


@dataclass(frozen=True)
class ActionChannel:
    """One action output; `relative` = learnt as difference to the state in the same slot. min/max are raw."""

    slot: Annotated[int, within(0, SLOTS - 1)]
    joint: str
    unit: Annotated[str, one_of(*UNITS)]
    relative: bool
    min: float
    max: float


class Interface(Protocol):
    """What is matched with a robot by name: a `PolicyInfo`, or the descriptor of a checkpoint."""

    @property
    def name(self) -> str:
        """Name of the checkpoint, for messages."""
        ...

    @property
    def embodiments(self) -> tuple[str, ...]:
        """Robots that it was trained for; the place in this list is what the network is told."""
        ...

    @property
    def state(self) -> tuple[StateChannel, ...]:
        """State inputs."""
        ...

    @property
    def action(self) -> tuple[ActionChannel, ...]:
        """Action outputs."""
        ...

    @property
    def cameras(self) -> tuple[CameraInput, ...]:
        """Views, in the order in which the network takes them."""
        ...
