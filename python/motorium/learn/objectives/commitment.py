"""UAC, universal asynchronous chunking: train with rows that are already committed (Being-H0.5 eq. 17-19).

    d ~ pi_e over {0, ..., d_max - 1}                                             (17)
    t_i = 1 for i < d, t_base for i >= d                                          (18)
    loss = E sum_{i >= d} |v_i - v*_i|^2                                          (19)

pi_e belongs to the robot: a latency of its `[latency]` needs as many committed rows as the scheduler of a deployed
robot asks for (`runtime/schedule.py`; both call the same function of the core). The paper's ceil(L_e / dt_e) is that
number for a fresh observation, without the row that the scheduler keeps to spare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..._core import Bridge
from ...errors import SpecError
from ...specs.latency import LatencySpec
from ...specs.robot import RobotSpec
from ...units import s_to_ns
from .rectified_flow import Velocity

EVEN_SHARE = 0.1
"""Of all draws, spread evenly over the delays: a first plan has no committed row, and a machine is not its table."""


@dataclass(frozen=True)
class DelayTable:
    """pi_e: how often d rows are committed.

    Attributes:
        chances: of d = 0, 1, ..., d_max - 1; they add up to 1.
    """

    chances: tuple[float, ...]

    @classmethod
    def of(
        cls, latency: LatencySpec, dt_s: float, *, age_s: float = 0.0, even_share: float = EVEN_SHARE
    ) -> DelayTable:
        """Count, for every declared latency, the rows that a deployed robot commits.

        Args:
            latency: the robot's `[latency]`.
            dt_s: seconds between rows.
            age_s: seconds, of an observation when its inference starts.
            even_share: of the draws, spread evenly over all delays up to the largest.
        """
        age_ns, dt_ns = s_to_ns(age_s), s_to_ns(dt_s)
        rows = [Bridge(s_to_ns(seconds), 0, age_ns, dt_ns, 0).needed for seconds in latency.seconds]
        counted = np.bincount(rows, weights=latency.weights)
        chances = (1.0 - even_share) * counted / counted.sum() + even_share / len(counted)
        return cls(tuple(float(chance) for chance in chances))

    @classmethod
    def of_robot(cls, robot: RobotSpec, dt_s: float) -> DelayTable:
        """Read a robot's table; an observation is as old as one frame of its slowest camera, as in `Bridge.of`.

        Raises SpecError: the robot declares no `[latency]`.
        """
        if robot.latency is None:
            raise SpecError(
                f"{robot.name} declares no [latency], so nothing says how many rows are committed while it thinks; "
                "add seconds and weights to its TOML file"
            )
        age_s = max((1.0 / camera.fps for camera in robot.cameras), default=0.0)
        return cls.of(robot.latency, dt_s, age_s=age_s)

    @property
    def d_max(self) -> int:
        """Delays are below this, as in eq. 17."""
        return len(self.chances)

    def capped(self, most: int) -> DelayTable:
        """Return a table without delays above `most`; what they had goes to `most`, as a scheduler commits then."""
        if most >= self.d_max - 1:
            return self
        return DelayTable((*self.chances[:most], sum(self.chances[most:])))

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
        """Return delays in rows, int64 of `shape`; one for each chunk is (B, n)."""
        chances = np.array(self.chances)
        return torch.from_numpy(rng.choice(self.d_max, shape, p=chances / chances.sum()).astype(np.int64))


def locked_rows(delay: Tensor, rows: int) -> Tensor:
    """Return (B, n, T) bool, true on committed rows, for (B, n) delays and T rows."""
    return torch.arange(rows, device=delay.device) < delay[..., None]


def flow_time(base: Tensor, locked: Tensor) -> Tensor:
    """Return the flow time of each row (eq. 18), (B, n, T): `base` (B, n), and 1 on `locked` rows (B, n, T)."""
    time = base[..., None].expand(locked.shape)
    return torch.where(locked, torch.ones_like(time), time)


def commit(state: Tensor, given: Tensor, locked: Tensor) -> Tensor:
    """Return flow states (B, n, T, C) whose `locked` rows (B, n, T) are exactly those of `given`."""
    return torch.where(locked[..., None], given, state)


def loss_weight(valid: Tensor, locked: Tensor) -> Tensor:
    """Return which rows the loss sums over (eq. 19), (B, n, T, 1) float32.

    Args:
        valid: (B, T) bool, false on rows that the recording does not know.
        locked: (B, n, T) bool.
    """
    return (valid[:, None] & ~locked)[..., None].to(torch.float32)


def keep_committed(velocity: Velocity, given: Tensor, locked: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a velocity to integrate from `commit(noise, given, locked)` that leaves committed rows as they are.

    The network sees the committed rows as finished (time 1); theirs is a velocity of zero, which is how
    Xiaomi-Robotics-0 locks them, so no step changes a bit of them.
    """

    def locked_velocity(state: Tensor, time: Tensor) -> Tensor:
        seen = torch.where(locked, torch.ones_like(time), time)
        predicted = velocity(commit(state, given, locked), seen)
        return torch.where(locked[..., None], torch.zeros_like(predicted), predicted)

    return locked_velocity
