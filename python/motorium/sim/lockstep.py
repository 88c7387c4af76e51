"""The world and the control ticks in lock-step, in virtual time: no threads, no waiting, repeatable.

One policy row lasts `row_s` (0.05 s) and is played as 200 Hz ticks. Time is an integer number of nanoseconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..units import NS_PER_S
from .world import World

Float64 = NDArray[np.float64]


class LockStep:
    """Plays setpoint rows into a world.

    Attributes:
        now_ns: virtual time since the last reset.
        setpoint: (J,) radians, the setpoint in force now: row 0 of a chunk observed now.
    """

    def __init__(self, world: World, *, row_s: float | None = None) -> None:
        self.world = world
        self.row_s = 1.0 / world.spec.policy.rate_hz if row_s is None else row_s
        self.ticks = round(self.row_s * world.spec.control.rate_hz)
        self.tick_ns = round(NS_PER_S / world.spec.control.rate_hz)
        self.restart()

    def restart(self) -> None:
        """Call after `world.reset` or `world.set_joints`: setpoint := measured."""
        self.now_ns = 0
        self.setpoint: Float64 = self.world.position_rad
        self._plan: list[Float64] = []

    def run_row(self, setpoint_next: NDArray[np.floating]) -> None:
        """One policy step: the setpoint moves on a straight line to (J,) `setpoint_next` radians."""
        start = self.setpoint
        end = np.asarray(setpoint_next, dtype=np.float64)
        tick_s = self.row_s / self.ticks
        slope = (end - start) / self.ticks
        for i in range(1, self.ticks + 1):
            self.world.step(start + slope * i, tick_s)
        self.setpoint = end.copy()
        self.now_ns += self.ticks * self.tick_ns

    def run_chunk(self, rows: NDArray[np.floating], *, delay: int, count: int) -> None:
        """Plays `count` policy steps of a (T, J) chunk whose row 0 is the setpoint at its observation.

        The chunk was observed now and arrives `delay` rows late: until then the plan in force goes on (its rows are
        the ones that were committed), then rows `delay + 1` .. `count` of the new one are played.
        """
        plan = [np.asarray(row, dtype=np.float64) for row in rows]
        for i in range(1, count + 1):
            late = i <= delay
            row = self._plan.pop(0) if late and self._plan else plan[min(i, len(plan) - 1)]
            self.run_row(row)
        self._plan = plan[count + 1 :]

    def committed(self, delay: int) -> Float64:
        """(delay, J) setpoints already promised from now on: row 0 is in force now, the rest is the plan in force."""
        rows = [self.setpoint, *self._plan]
        rows += [rows[-1]] * max(0, delay - len(rows))
        return np.stack(rows[:delay]) if delay else np.zeros((0, self.world.joints))
