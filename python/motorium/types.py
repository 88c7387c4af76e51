"""The vocabulary: plain data that floors hand to one another. Times are CLOCK_MONOTONIC nanoseconds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .units import NS_PER_S

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

SLOTS = 200
"""Width of the unified state-action space (Being-H0.5, unified action space table)."""


@dataclass(frozen=True)
class Frame:
    """One camera image.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        t_ns: capture time.
        seq: counts up by one for each captured frame; a gap is a dropped frame.
    """

    image: UInt8
    t_ns: int
    seq: int


@dataclass(frozen=True)
class Observation:
    """What a policy sees at one instant.

    Attributes:
        t_ns: the newest moment that all cameras have seen (`timeline.pairing`); t0 of the chunk planned from it.
        state: (200,) float32, the joints then, in unified slots; zeros where the robot has none.
        images: camera role -> (H, W, 3) uint8 RGB.
        task: the instruction in words.
        skew_ns: image role or "state" -> signed distance of that measurement from `t_ns`.
    """

    t_ns: int
    state: Float32
    images: Mapping[str, UInt8]
    task: str
    skew_ns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ActionChunk:
    """A plan in slot space: row i is the setpoint at `t0_ns + i * dt_s`.

    Attributes:
        rows: (T, 200) float32 slot values.
        valid: (200,) bool, the slots the policy speaks for.
        t0_ns: time of row 0, the time of the observation it was inferred from.
        dt_s: distance between rows.
        delay: rows below this were committed before and are unchanged.
        latency_s: how long the inference took.
    """

    rows: Float32
    valid: NDArray[np.bool_]
    t0_ns: int
    dt_s: float
    delay: int = 0
    latency_s: float = 0.0

    @property
    def end_ns(self) -> int:
        """Time of the last row."""
        return self.t0_ns + round((len(self.rows) - 1) * self.dt_s * NS_PER_S)


class Camera(Protocol):
    """A source of frames, bound to a role on the robot."""

    role: str

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        """Return the newest frame; waits for the first one. Raises CameraError after `timeout_s` without any."""
        ...

    def close(self) -> None:
        """Release the device; safe to call twice."""
        ...


class Stoppable(Protocol):
    """An arm that a person can stop: an open `Robot`."""

    @property
    def control(self) -> Any:
        """Its control thread; asking for it connects a robot that is not open yet."""
        ...

    def watch_estop(self, input_: int | HasFileno) -> None:
        """Make whatever this descriptor says an emergency stop."""
        ...


class HasFileno(Protocol):
    """A file, a socket, a serial port."""

    def fileno(self) -> int:
        """Return its descriptor."""
        ...


def __getattr__(name: str) -> Any:
    if name == "Policy":  # here in 0.1.0
        warnings.warn("motorium.types.Policy is motorium.Policy now", DeprecationWarning, stacklevel=2)
        return import_module("motorium.policies.base").Policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
