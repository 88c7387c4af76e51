"""RunReport: what happened in one run, as a table and for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._core import Durations, LoopStats, SeamStats
from ..deprecated import dict_access
from ..robots.status import PlanningStatus


@dict_access
@dataclass(frozen=True)
class RunControl:
    """What the control thread did in one run.

    Attributes:
        rate_hz: its declared rate.
        ticks, missed: control ticks, and those skipped because one took too long.
        approaches: plans that were slowed because they began far away.
        period_us: between two ticks, of the whole session.
        state_age_us: of the oldest reading when a goal was made, of the whole session.
    """

    rate_hz: float
    ticks: int
    missed: int
    approaches: int
    period_us: Durations
    state_age_us: Durations

    @classmethod
    def between(cls, before: LoopStats, now: LoopStats) -> RunControl:
        """Count from one `control.stats()` to the next."""
        return cls(
            now.rate_hz,
            now.ticks - before.ticks,
            now.missed - before.missed,
            now.approaches - before.approaches,
            now.period_us,
            now.state_age_us,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "rate_hz": self.rate_hz,
            "ticks": self.ticks,
            "missed": self.missed,
            "approaches": self.approaches,
            "period_us": {"p50": self.period_us.p50, "p99": self.period_us.p99},
            "state_age_us": self.state_age_us.as_dict(),
        }


@dict_access
@dataclass(frozen=True)
class RunBus:
    """What happened on the servo bus in one run.

    Attributes:
        cycles: reads of all joints.
        crc_errors: replies with a wrong checksum.
        timeouts: replies that did not come in time.
    """

    cycles: int
    crc_errors: int
    timeouts: int

    @classmethod
    def between(cls, before: LoopStats, now: LoopStats) -> RunBus:
        """Count from one `control.stats()` to the next."""
        old, new = before.bus, now.bus
        return cls(new.cycles - old.cycles, new.crc_errors - old.crc_errors, new.timeouts - old.timeouts)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dict_access
@dataclass(frozen=True)
class RunSafety:
    """What the safety gate did in one run.

    Attributes:
        clamped: goals that a limit held back.
        refused: goals that were not usable.
        trips: times that it tripped.
    """

    clamped: int
    refused: int
    trips: int

    @classmethod
    def between(cls, before: LoopStats, now: LoopStats) -> RunSafety:
        """Count from one `control.stats()` to the next."""
        return cls(now.clamped - before.clamped, now.refused - before.refused, now.trips - before.trips)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class RunReport:
    """What happened in one run. Counters are of this run alone; percentiles of ticks are of the whole session.

    Attributes:
        task: the instruction.
        success: whether the stop condition was met; None when nobody could tell.
        duration_s: from the first chunk's observation to the end.
        inference_ms: duration of every inference, warm-up excluded.
        refused_chunks: unusable chunks (see `Planner`) that never reached the plan.
        seam_jump_max_rad: largest difference between old plan and new chunk at a seam, before it was faded out.
        underflows: times that the arm was out of plan.
        late_chunks: chunks whose first rows were over when they came.
        control, bus, safety: counters of the control thread, the servo bus and the gate.
        seams: of the session: jump in command, velocity and jerk at the stitches.
        planning: latency estimate and declared delay at the end.
        shortfalls: plans that needed more committed rows than the policy accepts.
        unknown_words: of the instruction, which the policy was never taught.
    """

    task: str
    success: bool | None
    duration_s: float
    inference_ms: tuple[float, ...]
    refused_chunks: int
    seam_jump_max_rad: float
    underflows: int
    late_chunks: int
    control: RunControl
    bus: RunBus
    safety: RunSafety
    seams: SeamStats
    planning: PlanningStatus
    shortfalls: int = 0
    unknown_words: tuple[str, ...] = ()

    @property
    def chunks(self) -> int:
        """Inferences made."""
        return len(self.inference_ms)

    def _latency_ms(self) -> tuple[float, float]:
        p50, p95 = np.percentile(self.inference_ms, (50, 95)) if self.inference_ms else (0.0, 0.0)
        return round(float(p50), 2), round(float(p95), 2)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        p50, p95 = self._latency_ms()
        return {
            "task": self.task,
            "success": self.success,
            "duration_s": round(self.duration_s, 3),
            "chunks": self.chunks,
            "chunk_latency_ms": {"p50": p50, "p95": p95},
            "control": self.control.as_dict(),
            "bus": self.bus.as_dict(),
            "safety": self.safety.as_dict(),
            "underflows": self.underflows,
            "late_chunks": self.late_chunks,
            "shortfalls": self.shortfalls,
            "refused_chunks": self.refused_chunks,
            "unknown_words": list(self.unknown_words),
            "seam_jump_max_rad": round(self.seam_jump_max_rad, 5),
            "seams": self.seams.as_dict(),
            "planning": self.planning.as_dict(),
        }

    def __str__(self) -> str:
        """Return a short table."""
        outcome = {True: "success", False: "no success", None: "ended (success unknown)"}[self.success]
        control, bus, safety, period = self.control, self.bus, self.safety, self.control.period_us
        p50, p95 = self._latency_ms()
        lines = [f"{self.task}: {outcome} after {self.duration_s:.1f} s"]
        timing = f"{self.chunks}, {p50:.0f} ms (p95 {p95:.0f} ms)"
        lines.append(f"  chunks   {timing}, {self.late_chunks} late, {self.underflows} underflows")
        if self.shortfalls:
            lines.append(
                f"           {self.shortfalls} had fewer committed rows than their inference may need (the policy "
                "accepts no more); if plans are late: --sync, or a faster inference"
            )
        ticks = f"{control.rate_hz:.0f} Hz, {control.ticks} ticks, {control.missed} missed"
        lines.append(f"  control  {ticks}, period {period.p50:.0f} us (p99 {period.p99:.0f} us)")
        errors = f"{bus.crc_errors} checksum errors, {bus.timeouts} time-outs"
        lines.append(f"  bus      {bus.cycles} cycles, {errors}")
        limits = f"{safety.clamped} clamped, {safety.refused} refused, {safety.trips} trips"
        lines.append(f"  safety   {limits}")
        return "\n".join(lines)
