"""When to think again, and how many rows to promise meanwhile: one set of rules for every clock.

The real runner and the lock-step one share these, so that an evaluation in virtual time is an evaluation of the robot.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._core import MAX_CHUNK_ROWS, MAX_ROW_S, MIN_ROW_S
from ..errors import BindingError
from ..types import Policy
from ..units import NS_PER_MS, s_to_ns

if TYPE_CHECKING:
    from ..specs.latency import LatencySpec
    from ..specs.robot import RobotSpec

MEMORY = 20
"""Latencies remembered: eight seconds of replanning; one slow chunk stops counting after that."""
TRUSTED = 5
"""Measured latencies that a declared distribution gives way to."""
PRIOR_SHARE = 0.95
"""Of the inferences of a declared distribution the prior covers: promises are cheap."""
MARGIN_ROWS = 1
"""The last promised row must lie at or after the arrival: see ChunkBuffer, which splices there."""


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
        """Read the rhythm of `policy`; `execution_horizon` and `max_delay` are optional there.

        Raises:
            BindingError: no plan of that shape could ever be followed.
        """
        rows, dt_s = int(policy.rows), float(policy.dt_s)
        horizon = int(getattr(policy, "execution_horizon", max(1, rows // 2)))
        max_delay = int(getattr(policy, "max_delay", max(0, rows - 1)))
        bounds = (
            ("rows", rows, 1, MAX_CHUNK_ROWS),
            ("dt_s", dt_s, MIN_ROW_S, MAX_ROW_S),
            ("execution_horizon", horizon, 1, rows),
            ("max_delay", max_delay, 0, rows),
        )
        wrong = [
            f"{name} is {v:g}, not in {low:g}..{high:g}"
            for name, v, low, high in bounds
            if not low <= v <= high
        ]
        if wrong:
            raise BindingError(f"the policy's plans cannot be followed: {'; '.join(wrong)}")
        return cls(s_to_ns(dt_s), rows, min(horizon, rows - 1), min(max_delay, rows - 1))


def needed_rows(age_ns: int, latency_ns: int, dt_ns: int) -> int:
    """Rows to promise when a plan arrives `latency_ns` after its inference began on an observation `age_ns` old."""
    return math.ceil((age_ns + latency_ns) / dt_ns) + MARGIN_ROWS


@dataclass(frozen=True)
class Bridge:
    """Whether the rows that a policy accepts as promised last until its next plan is in.

    Attributes:
        declared_ns: 95 % quantile of the robot's `[latency]`; 0 where it declares none.
        measured_ns: what an inference took here; 0 where none was timed.
        age_ns: of an observation when its inference starts.
        dt_ns: distance between rows.
        accepted: most rows the policy accepts as promised.
    """

    declared_ns: int
    measured_ns: int
    age_ns: int
    dt_ns: int
    accepted: int

    @classmethod
    def of(cls, pace: Pace, robot: RobotSpec, measured_ns: int = 0) -> Bridge:
        """Compare a policy's rhythm with what is declared for `robot`: its latency, and one frame of age."""
        declared_s = 0.0 if robot.latency is None else robot.latency.quantile_s(PRIOR_SHARE)
        frame_s = max((1.0 / camera.fps for camera in robot.cameras), default=0.0)
        return cls(s_to_ns(declared_s), measured_ns, s_to_ns(frame_s), pace.dt_ns, pace.max_delay)

    @property
    def latency_ns(self) -> int:
        """What an inference has to be expected to take."""
        return max(self.declared_ns, self.measured_ns)

    @property
    def needed(self) -> int:
        """Rows that must be promised."""
        return needed_rows(self.age_ns, self.latency_ns, self.dt_ns)

    @property
    def holds(self) -> bool:
        """Whether the policy accepts as many."""
        return self.needed <= self.accepted

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "declared_latency_ms": self.declared_ns / NS_PER_MS,
            "measured_latency_ms": self.measured_ns / NS_PER_MS,
            "observation_age_ms": self.age_ns / NS_PER_MS,
            "row_ms": self.dt_ns / NS_PER_MS,
            "needed_rows": self.needed,
            "accepted_rows": self.accepted,
            "holds": self.holds,
        }

    def __str__(self) -> str:
        """One clause with every number."""
        source = "measured" if self.measured_ns > self.declared_ns else "95 % of the robot's [latency]"
        return (
            f"an inference of {self.latency_ns / NS_PER_MS:.0f} ms ({source}) on an observation "
            f"{self.age_ns / NS_PER_MS:.0f} ms old needs {self.needed} rows of {self.dt_ns / NS_PER_MS:g} ms "
            f"committed, one to spare; this policy accepts {self.accepted}"
        )

    def require(self) -> None:
        """Raise BindingError with the numbers, and the way round, unless the bridge holds."""
        if not self.holds:
            raise BindingError(
                f"the arm would run out of plan: {self}. With --sync, or Runner(..., sync=True), the arm stands while "
                f"the policy thinks; else longer plans, or a faster inference, are needed"
            )


class Scheduler:
    """Delay and rhythm from a running estimate of the latency.

    Attributes:
        pace: of the policy.
        needed: rows that the last observation needed promised.
        declared: rows promised last, at most what the policy accepts.
        shortfalls: how often that was fewer than needed.
    """

    def __init__(self, pace: Pace, prior: LatencySpec | None = None) -> None:
        """Until `TRUSTED` latencies were measured, that of `prior`, the robot's declared distribution, counts too."""
        self.pace = pace
        self._prior_ns = 0 if prior is None else s_to_ns(prior.quantile_s(PRIOR_SHARE))
        self._newest_t0_ns: int | None = None
        self._latencies_ns: deque[int] = deque(maxlen=MEMORY)
        self.needed = self.declared = self.shortfalls = 0

    def record(self, latency_ns: int) -> None:
        """A chunk took this long from the start of its inference to the push."""
        self._latencies_ns.append(latency_ns)

    @property
    def latency_ns(self) -> int:
        """What the next inference is expected to take: the slowest of those remembered, as promises are cheap."""
        measured = max(self._latencies_ns, default=0)
        return measured if len(self._latencies_ns) >= TRUSTED else max(measured, self._prior_ns)

    @property
    def latency_source(self) -> str:
        """Tell where `latency_ns` comes from, in words."""
        measured = max(self._latencies_ns, default=0)
        if len(self._latencies_ns) >= TRUSTED or measured >= self._prior_ns:
            return "measured"
        return f"95 % of the robot's [latency], until {TRUSTED} were measured"

    def delay(self, age_ns: int) -> int:
        """Rows to promise for an observation that is `age_ns` old when its inference starts."""
        self.needed = needed_rows(age_ns, self.latency_ns, self.pace.dt_ns)
        self.declared = min(self.needed, self.pace.max_delay)
        self.shortfalls += self.declared < self.needed
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
