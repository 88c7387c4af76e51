"""TeleopReport: what happened in one session of teleoperation, for people and for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._core import BusCounters, Durations, LoopStats, Mode
from ..deprecated import TextEnum, dict_access
from .tracking import Tracking


class SessionEnd(TextEnum):
    """Why a session ended."""

    TIME = "time"
    ENDED = "ended"
    SOURCE = "source"
    STOPPED = "stopped"


@dict_access
@dataclass(frozen=True)
class ArmCounters:
    """What the control thread of one arm counted.

    Attributes:
        mode: what the arm did at the end.
        ticks: control ticks since it was opened.
        missed: ticks that were skipped because one took too long; the follower's, of this session alone.
        bad_reads: reads after which joints were stale.
        period_us: between two ticks, microseconds.
        clamped, refused: goals that a limit held back, and goals that were not usable.
        trips: times that the safety gate tripped.
        bus: what happened on the servo bus since it was opened.
    """

    mode: Mode
    ticks: int
    missed: int
    bad_reads: int
    period_us: Durations
    clamped: int
    refused: int
    trips: int
    bus: BusCounters

    @classmethod
    def of(cls, stats: LoopStats, before: LoopStats | None = None) -> ArmCounters:
        """Take what is reported of `stats`; `missed` since `before`, where there is one."""
        return cls(
            mode=stats.mode,
            ticks=stats.ticks,
            missed=stats.missed - (before.missed if before is not None else 0),
            bad_reads=stats.bad_reads,
            period_us=stats.period_us,
            clamped=stats.clamped,
            refused=stats.refused,
            trips=stats.trips,
            bus=stats.bus,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "mode": self.mode.value,
            "ticks": self.ticks,
            "missed": self.missed,
            "bad_reads": self.bad_reads,
            "period_us": self.period_us.as_dict(),
            "clamped": self.clamped,
            "refused": self.refused,
            "trips": self.trips,
            "bus": self.bus.as_dict(),
        }


@dict_access
@dataclass(frozen=True)
class FollowedJoints:
    """Which joints a leader moved.

    Attributes:
        moved: joints of the follower that followed.
        unmoved: joints of the follower that nothing moved.
        unused: joints of the leader that moved nothing.
    """

    moved: tuple[str, ...]
    unmoved: tuple[str, ...]
    unused: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"moved": list(self.moved), "unmoved": list(self.unmoved), "unused": list(self.unused)}


@dataclass(frozen=True)
class TeleopReport:
    """What happened.

    Attributes:
        robot, source: names.
        seconds: of the session; `engaged_s` of it the arm followed.
        rate_hz: ticks of the follower's control thread per second.
        streams: how often the arm began to follow; `losses` of them ended because the leader fell silent.
        reason: why the session ended.
        control: counters of the follower's control thread.
        tracking: lag and error behind a leader arm; None for other sources, or where nothing moved.
        joints, leader: which joints followed, and counters of the leader's control thread; None for other sources.
    """

    robot: str
    source: str
    seconds: float
    engaged_s: float
    rate_hz: float
    streams: int
    losses: int
    reason: SessionEnd
    control: ArmCounters
    tracking: Tracking | None = None
    joints: FollowedJoints | None = None
    leader: ArmCounters | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "robot": self.robot,
            "source": self.source,
            "seconds": self.seconds,
            "engaged_s": self.engaged_s,
            "rate_hz": self.rate_hz,
            "streams": self.streams,
            "losses": self.losses,
            "reason": self.reason.value,
            "tracking": self.tracking.as_dict() if self.tracking else None,
            "joints": self.joints.as_dict() if self.joints else {},
            "control": self.control.as_dict(),
            "leader": self.leader.as_dict() if self.leader else None,
        }
