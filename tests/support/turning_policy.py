"""A policy without a network that turns the first joint steadily, and thinks for as long as a test wants it to."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from motorium.policies.base import Policy, PolicyInfo
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import valid_mask
from motorium.types import ActionChunk, Float32, Observation


class Turn(Policy):
    """Turns the first joint at `speed_rad_s`, on from the committed rows.

    Attributes:
        calls: inferences begun.
        free: set it, and no inference waits any longer.
    """

    def __init__(
        self,
        spec: RobotSpec,
        rows: int = 64,
        dt_s: float = 0.05,
        *,
        max_delay: int | None = None,
        thinks_s: Callable[[int], float] = lambda _: 0.0,
        speed_rad_s: float = 0.4,
    ) -> None:
        """`thinks_s`: of the call with that number, from 1 on."""
        self.info = PolicyInfo(rows, dt_s, min(4, rows), rows - 1 if max_delay is None else max_delay)
        self.slot, self.valid = spec.joints[0].slot, valid_mask(spec)
        self.speed_rad_s, self.thinks_s = speed_rad_s, thinks_s
        self.calls = 0
        self.free = threading.Event()

    def infer(self, obs: Observation, *, committed: Float32 | None) -> ActionChunk:
        """The committed rows, then a straight line from its last row."""
        self.calls += 1
        self.free.wait(self.thinks_s(self.calls))
        delay = 0 if committed is None else len(committed)
        rows = np.tile(obs.state, (self.info.rows, 1)).astype(np.float32)
        begin = obs.state[self.slot] if committed is None else committed[-1, self.slot]
        if committed is not None:
            rows[:delay] = committed
        steps = np.arange(1, self.info.rows - delay + 1)
        rows[delay:, self.slot] = begin + self.speed_rad_s * self.info.dt_s * steps
        return ActionChunk(self.spoil(rows), self.valid, obs.t_ns, self.info.dt_s, delay=delay)

    def spoil(self, rows: Float32) -> Float32:
        """For a policy that gives something else; called before each answer."""
        return rows
