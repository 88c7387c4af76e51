"""Setpoint rows played straight into a world: what demonstrations are made of.

Nothing but straight lines between rows, so that a side branch of time can be played and undone. Evaluation goes
through the control core and its safety gate instead (`motorium.sim.lockstep`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..sim.world import World
from ..units import NS_PER_S

Float64 = NDArray[np.float64]


class RowPlayer:
    """Plays rows of setpoints, each reached one policy step after the last.

    Attributes:
        setpoint: (J,) radians, in force now.
        now_ns: virtual time since the last restart.
        row_s: length of a policy step.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.row_s = 1.0 / world.spec.policy.rate_hz
        self._ticks = round(self.row_s * world.spec.control.rate_hz)
        self.restart()

    def restart(self) -> None:
        """Call after `world.reset` or `world.set_joints`: setpoint := measured, no plan."""
        self.now_ns = 0
        self.setpoint: Float64 = self.world.position_rad
        self._plan: list[Float64] = []

    def run_row(self, setpoint_next: NDArray[np.floating]) -> None:
        """One policy step: the setpoint moves on a straight line to (J,) `setpoint_next` radians."""
        start, end = self.setpoint, np.asarray(setpoint_next, dtype=np.float64)
        slope = (end - start) / self._ticks
        for i in range(1, self._ticks + 1):
            self.world.step(start + slope * i, self.row_s / self._ticks)
        self.setpoint = end.copy()
        self.now_ns += round(self.row_s * NS_PER_S)

    def run_chunk(self, rows: NDArray[np.floating], *, delay: int, count: int) -> None:
        """Plays `count` steps of a (T, J) chunk observed now that arrives `delay` steps late."""
        plan = [np.asarray(row, dtype=np.float64) for row in rows]
        for i in range(1, count + 1):
            late = i <= delay and bool(self._plan)
            self.run_row(self._plan.pop(0) if late else plan[min(i, len(plan) - 1)])
        self._plan = plan[count + 1 :]

    def committed(self, delay: int) -> Float64:
        """(delay, J) setpoints promised from now on: row 0 is in force now, the rest is the plan."""
        rows = [self.setpoint, *self._plan]
        rows += [rows[-1]] * max(0, delay - len(rows))
        return np.stack(rows[:delay]) if delay else np.zeros((0, self.world.joints))
