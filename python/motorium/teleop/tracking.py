"""How well a follower follows: the lag behind its leader and what is left of the error at that lag."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deprecated import dict_access
from ..units import NS_PER_S
from .mapping import JointMap

Float64 = NDArray[np.float64]
MAX_LAG_S, LAG_STEP_S = 0.5, 0.001
MOVING_RAD = 0.01
"""A joint that moved less tells nothing about lag."""


@dict_access
@dataclass(frozen=True)
class Tracking:
    """How well a follower followed its leader.

    Attributes:
        lag_ms: measured position behind the leader's.
        command_lag_ms: goal behind the leader's.
        rms_rad, max_rad: error that is left at `lag_ms`, over all joints that moved.
        rms_per_joint_rad: the same of each of them, in joint order.
        moved_rad: the leader's largest travel.
        ticks: control ticks that were compared.
    """

    lag_ms: float
    command_lag_ms: float
    rms_rad: float
    max_rad: float
    rms_per_joint_rad: tuple[float, ...]
    moved_rad: float
    ticks: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "rms_per_joint_rad": list(self.rms_per_joint_rad)}


class Track:
    """Telemetry of one arm, gathered while it runs: times and positions."""

    def __init__(self, joints: int, most_ticks: int = 1 << 17) -> None:
        """Keep the newest `most_ticks` of `joints` joints (11 minutes at 200 Hz)."""
        self._joints, self._most = joints, most_ticks
        self._pieces: list[NDArray[np.void]] = []

    def take(self, telemetry: NDArray[np.void]) -> None:
        """Add what `robot.control.telemetry()` returned."""
        if len(telemetry):
            self._pieces.append(telemetry)
        while len(self._pieces) > 1 and sum(map(len, self._pieces[1:])) >= self._most:
            self._pieces.pop(0)

    def column(self, name: str) -> NDArray[Any]:
        """Return (N, ...) one field of every tick."""
        if not self._pieces:
            return np.zeros((0,) if name.endswith("_ns") else (0, self._joints))
        return np.concatenate([piece[name] for piece in self._pieces])

    def since(self, t_ns: int) -> tuple[NDArray[np.int64], Float64, Float64]:
        """Read times (N,), measured positions and goals (N, J) of ticks from `t_ns` on."""
        t = self.column("state_t_ns")
        kept = t >= t_ns
        return (
            t[kept],
            self.column("position_rad")[kept].astype(float),
            self.column("goal_rad")[kept].astype(float),
        )


def lag_s(
    t_ns: NDArray[np.int64], follower: Float64, leader_t_ns: NDArray[np.int64], leader: Float64
) -> float:
    """Return the lag at which the leader's past best fits the follower (least squares), 0 to 0.5 s in 1 ms steps."""
    lags = np.arange(0.0, MAX_LAG_S + LAG_STEP_S / 2, LAG_STEP_S)
    errors = [_squared(t_ns, follower, leader_t_ns, leader, lag).mean() for lag in lags]
    return float(lags[int(np.argmin(errors))])


def tracking(follower: Track, leader: Track, joints: JointMap, from_ns: int) -> Tracking | None:
    """Measure lag and error of the follower from `from_ns` on; None without half a second of both."""
    t, measured, goal = follower.since(from_ns + round(MAX_LAG_S * NS_PER_S))
    leader_t, raw, _ = leader.since(from_ns)
    if len(t) < 50 or len(leader_t) < 50:
        return None
    inside = t <= leader_t[-1]
    t, measured, goal = t[inside], measured[inside], goal[inside]
    target = joints.apply(raw.astype(np.float32), measured[0].astype(np.float32)).astype(float)
    moving = np.ptp(target, axis=0) > MOVING_RAD
    if not moving.any() or len(t) < 50:
        return None
    lag = lag_s(t, measured[:, moving], leader_t, target[:, moving])
    error = np.sqrt(_squared(t, measured[:, moving], leader_t, target[:, moving], lag))
    return Tracking(
        lag_ms=1e3 * lag,
        command_lag_ms=1e3 * lag_s(t, goal[:, moving], leader_t, target[:, moving]),
        rms_rad=float(np.sqrt((error**2).mean())),
        max_rad=float(error.max()),
        rms_per_joint_rad=tuple(round(float(x), 5) for x in np.sqrt((error**2).mean(0))),
        moved_rad=float(np.ptp(target, axis=0).max()),
        ticks=len(t),
    )


def _squared(
    t_ns: NDArray[np.int64], follower: Float64, leader_t_ns: NDArray[np.int64], leader: Float64, lag: float
) -> Float64:
    start = leader_t_ns[0]
    then = (t_ns - start) / NS_PER_S - lag
    at = (leader_t_ns - start) / NS_PER_S
    past = np.stack([np.interp(then, at, leader[:, j]) for j in range(leader.shape[1])], 1)
    return np.asarray((follower - past) ** 2)
