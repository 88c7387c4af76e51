"""When to think again, how much to promise, and what to make of the answer: one set of rules for every clock.

The real runner and the lock-step one share these, so that an evaluation in virtual time is an evaluation of the robot.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BindingError, SafetyError
from ..types import ActionChunk, Float32, Observation, Policy
from ..units import NS_PER_S, s_to_ns

if TYPE_CHECKING:
    from ..robots.latency import LatencySpec
    from ..slots import SlotMap

MEMORY = 20
"""Latencies remembered: eight seconds of replanning; one slow chunk stops counting after that."""
TRUSTED = 5
"""Measured latencies that a declared distribution gives way to."""
PRIOR_SHARE = 0.95
"""Of the inferences of a declared distribution the prior covers: promises are cheap."""
MARGIN_ROWS = 1
"""The last promised row must lie at or after the arrival: see ChunkBuffer, which splices there."""
REFUSALS = 3
"""Unusable chunks in a row that end a run."""


@dataclass(frozen=True)
class Pace:
    """Rhythm of a policy.

    Attributes:
        dt_ns: distance between rows.
        rows: T, rows of a chunk.
        horizon: rows to follow before planning again.
        max_delay: most rows the policy accepts as promised.
    """

    dt_ns: int
    rows: int
    horizon: int
    max_delay: int

    @classmethod
    def of(cls, policy: Policy) -> Pace:
        """Read from the policy; `execution_horizon` and `max_delay` are optional there."""
        rows = int(policy.rows)
        horizon = int(getattr(policy, "execution_horizon", max(1, rows // 2)))
        max_delay = int(getattr(policy, "max_delay", rows - 1))
        return cls(
            s_to_ns(policy.dt_s), rows, min(max(horizon, 1), rows - 1), min(max(max_delay, 0), rows - 1)
        )


class Scheduler:
    """Delay and rhythm from a running estimate of the latency.

    Attributes:
        pace: of the policy.
        declared: rows promised last.
    """

    def __init__(self, pace: Pace, prior: LatencySpec | None = None) -> None:
        """Until `TRUSTED` latencies were measured, that of `prior`, the robot's declared distribution, counts too."""
        self.pace = pace
        self._prior_ns = 0 if prior is None else s_to_ns(prior.quantile_s(PRIOR_SHARE))
        self._newest_t0_ns: int | None = None
        self._latencies_ns: deque[int] = deque(maxlen=MEMORY)
        self.declared = 0

    def record(self, latency_ns: int) -> None:
        """A chunk took this long from the start of its inference to the push."""
        self._latencies_ns.append(latency_ns)

    @property
    def latency_ns(self) -> int:
        """What the next inference is expected to take: the slowest of those remembered, as promises are cheap."""
        measured = max(self._latencies_ns, default=0)
        return measured if len(self._latencies_ns) >= TRUSTED else max(measured, self._prior_ns)

    def delay(self, age_ns: int) -> int:
        """Rows to promise for an observation that is `age_ns` old when its inference starts."""
        needed = math.ceil((age_ns + self.latency_ns) / self.pace.dt_ns) + MARGIN_ROWS
        self.declared = min(needed, self.pace.max_delay)
        return self.declared

    def next_start_ns(self, t0_ns: int, delay: int) -> int:
        """When the next inference starts, after an accepted chunk whose row 0 is at `t0_ns`.

        Every `horizon` rows, sooner when the chunk would run out before the next one is in.
        """
        self._newest_t0_ns = t0_ns
        latest = self.pace.rows - 1 - delay - MARGIN_ROWS
        return t0_ns + max(1, min(self.pace.horizon, latest)) * self.pace.dt_ns

    def planned_rows(self, t0_ns: int) -> int:
        """How many rows of a chunk observed at `t0_ns` the newest accepted chunk also has something to say about."""
        if self._newest_t0_ns is None:
            return 0
        passed = math.ceil((t0_ns - self._newest_t0_ns) / self.pace.dt_ns)
        return min(max(0, self.pace.rows - passed), self.pace.rows)


class Planner:
    """Observation and promised rows in, joint rows out; unusable answers are refused here, before the plan."""

    def __init__(self, policy: Policy, slot_map: SlotMap) -> None:
        self._policy = policy
        self._slots = slot_map
        self.refused = 0
        self._refused_in_a_row = 0

    @property
    def guided(self) -> bool:
        """Whether the policy wants to know the plan before (`guidance`), not only what was promised of it."""
        return getattr(self._policy, "guidance", "none") != "none"

    def infer(
        self, obs: Observation, committed_rad: Float32, previous_rad: Float32 | None = None
    ) -> Float32 | None:
        """(T, J) radians from (d, J) promised radians; None when the chunk is unusable.

        Args:
            obs: what to plan from.
            committed_rad: the promise.
            previous_rad: (p, J), what the plan before says of rows 0 .. p-1; for a `guided` policy.

        Raises:
            SafetyError: the policy has given unusable chunks several times in a row.
            BindingError: it does not speak for every joint of the robot.
        """
        promised = self._slots.scatter_chunk(committed_rad) if len(committed_rad) else None
        more = {}
        if previous_rad is not None and len(previous_rad):
            more["previous"] = self._slots.scatter_chunk(previous_rad)
        chunk = self._policy.infer(obs, committed=promised, **more)
        problem = self._problem(chunk)
        if problem is None:
            self._refused_in_a_row = 0
            return self._slots.gather_chunk(chunk.rows)
        self.refused += 1
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= REFUSALS:
            raise SafetyError(
                f"the policy gave {REFUSALS} unusable chunks in a row: {problem}; the arm was stopped"
            )
        return None

    def _problem(self, chunk: ActionChunk) -> str | None:
        slots = self._slots.slots
        silent = [slot for slot in slots if not chunk.valid[slot]]
        if silent:
            raise BindingError(f"the policy does not command slots {silent} of this robot (it has {slots})")
        values = np.asarray(chunk.rows)[:, slots]
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            return f"{bad} of {values.size} values are not finite"
        return None


def age_ms(t_ns: int, now_ns: int) -> float:
    """Milliseconds from `t_ns` to `now_ns`."""
    return (now_ns - t_ns) * 1000 / NS_PER_S
