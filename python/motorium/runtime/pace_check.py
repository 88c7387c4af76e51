"""Check before anything moves whether a checkpoint is fast enough for a robot: for `motorium doctor`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..types import SLOTS, Observation
from ..units import NS_PER_MS, s_to_ns
from .schedule import Bridge, Pace

if TYPE_CHECKING:
    from ..policies.base import Policy
    from ..specs.robot import RobotSpec

TIMED = 10
"""Inferences; the 95 % quantile of so few is the slowest."""


@dataclass(frozen=True)
class PaceCheck:
    """How a checkpoint's plans keep up with a robot.

    Attributes:
        bridge: rows needed and accepted.
        budget_ns: `latency_budget_s` of the robot: a plan may be this old when it arrives.
        asked: rows needed and accepted if every inference took as long as somebody asks about; None: nobody did.
    """

    bridge: Bridge
    budget_ns: int
    asked: Bridge | None = None

    @property
    def committed(self) -> int:
        """Rows that a run commits: what the latency needs, at most what the policy keeps."""
        return min(self.bridge.needed, self.bridge.accepted)

    @property
    def longest_ns(self) -> int:
        """The longest inference that the accepted rows bridge; 0 when they bridge none."""
        bridge = self.bridge
        spare = Bridge(0, 0, 0, bridge.dt_ns, bridge.accepted).needed  # rows beyond those that pass meanwhile
        return max(0, (bridge.accepted - spare) * bridge.dt_ns - bridge.age_ns)

    @property
    def answer(self) -> str:
        """What is said of the latency that was asked about; empty when nobody asked."""
        asked = self.asked
        if asked is None:
            return ""
        asked_ms, longest_ms = asked.latency_ns / NS_PER_MS, self.longest_ns / NS_PER_MS
        needed = (
            f"on an observation {asked.age_ns / NS_PER_MS:.0f} ms old it needs {asked.needed} rows of "
            f"{asked.dt_ns / NS_PER_MS:g} ms committed, one to spare, and the checkpoint accepts {asked.accepted} "
            f"(prefix_lock.max_delay), enough for {longest_ms:.0f} ms"
        )
        if asked.holds:
            return f"an inference of {asked_ms:g} ms is bridged: {needed}"
        return (
            f"an inference of {asked_ms:g} ms is beyond what this policy can bridge: {needed}. `motorium run` refuses "
            "it without --sync; for more, train for a robot whose [latency] reaches as far"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What `motorium run` would refuse, or what the robot's file does not allow for; empty when all is well."""
        found = []
        if not self.bridge.holds:
            found.append(f"`motorium run` refuses without --sync: {self.bridge}")
        late_ns = self.bridge.latency_ns + self.bridge.age_ns
        if late_ns > self.budget_ns:
            found.append(
                f"plans are {late_ns / NS_PER_MS:.0f} ms old when they arrive; the robot's latency_budget_s allows "
                f"{self.budget_ns / NS_PER_MS:.0f} ms"
            )
        if self.asked is not None and not self.asked.holds:
            found.append(self.answer)
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        budget_ms = self.budget_ns / NS_PER_MS
        return {
            **self.bridge.as_dict(),
            "committed_rows": self.committed,
            "longest_bridged_ms": self.longest_ns / NS_PER_MS,
            "latency_budget_ms": budget_ms,
            "warnings": list(self.warnings),
            **({"asked": self.asked.as_dict()} if self.asked is not None else {}),
        }

    def __str__(self) -> str:
        """One line."""
        differ = self.bridge.needed != self.bridge.accepted
        counts = f"; the smaller bridge counts: {self.committed} rows are committed" if differ else ""
        took_ms = self.bridge.measured_ns / NS_PER_MS
        longest = f"; enough for inferences of up to {self.longest_ns / NS_PER_MS:.0f} ms"
        return f"{self.bridge}{counts}{longest} (one inference took {took_ms:.0f} ms on this machine)"


def check_pace(policy: Policy, robot: RobotSpec, asked_s: float | None = None) -> PaceCheck:
    """Time `policy` on grey pictures, and compare with what `robot` declares. It must fit (see `bind`).

    Args:
        policy: bound to `robot`.
        robot: the robot.
        asked_s: an inference's time to judge beside, such as one measured elsewhere or about to be injected.
    """
    bridge = Bridge.of(Pace.of(policy.info), robot, _timed_ns(policy))
    asked = None
    if asked_s is not None:
        asked = Bridge(0, s_to_ns(asked_s), bridge.age_ns, bridge.dt_ns, bridge.accepted)
    return PaceCheck(bridge, s_to_ns(robot.policy.latency_budget_s), asked)


def _timed_ns(policy: Policy) -> int:
    images = {c.role: np.full((c.height, c.width, 3), 128, np.uint8) for c in policy.info.cameras}
    obs = Observation(0, np.zeros(SLOTS, np.float32), images, "anything")
    policy.infer(obs, committed=None)
    took_ns = []
    for _ in range(TIMED):
        begin_ns = time.monotonic_ns()
        policy.infer(obs, committed=None)
        took_ns.append(time.monotonic_ns() - begin_ns)
    return max(took_ns)
