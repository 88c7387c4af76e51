"""RunReport: what happened in one run, as a table and for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RunReport:
    """What happened in one run. Counters are of this run alone; period percentiles are of the whole session.

    Attributes:
        task: the instruction.
        success: whether the stop condition was met; None when nobody could tell.
        duration_s: from the first chunk's observation to the end.
        inference_ms: duration of every inference, warm-up excluded.
        refused_chunks: unusable chunks (see `Planner`) that never reached the plan.
        seam_jump_max_rad: largest difference between old plan and new chunk at a seam, before it was faded out.
        shortfalls: plans that needed more committed rows than the policy accepts.
        unknown_words: of the instruction, which the policy was never taught.
        control, bus, safety: as the keys of `as_dict`.
        seams: of the session: jump in command (rad), velocity (rad/s) and jerk (rad/s^3) at the stitches.
        planning: latency estimate and declared delay at the end.
    """

    task: str
    success: bool | None
    duration_s: float
    inference_ms: tuple[float, ...]
    refused_chunks: int
    seam_jump_max_rad: float
    underflows: int
    late_chunks: int
    shortfalls: int = 0
    unknown_words: tuple[str, ...] = ()
    control: Mapping[str, Any] = field(default_factory=dict)
    bus: Mapping[str, int] = field(default_factory=dict)
    safety: Mapping[str, int] = field(default_factory=dict)
    seams: Mapping[str, Any] = field(default_factory=dict)
    planning: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chunks(self) -> int:
        """Inferences made."""
        return len(self.inference_ms)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        p50, p95 = np.percentile(self.inference_ms, (50, 95)) if self.inference_ms else (0.0, 0.0)
        return {
            "task": self.task,
            "success": self.success,
            "duration_s": round(self.duration_s, 3),
            "chunks": self.chunks,
            "chunk_latency_ms": {"p50": round(float(p50), 2), "p95": round(float(p95), 2)},
            "control": dict(self.control),
            "bus": dict(self.bus),
            "safety": dict(self.safety),
            "underflows": self.underflows,
            "late_chunks": self.late_chunks,
            "shortfalls": self.shortfalls,
            "refused_chunks": self.refused_chunks,
            "unknown_words": list(self.unknown_words),
            "seam_jump_max_rad": round(self.seam_jump_max_rad, 5),
            "seams": dict(self.seams),
            "planning": dict(self.planning),
        }

    def __str__(self) -> str:
        """Return a short table."""
        d = self.as_dict()
        outcome = {True: "success", False: "no success", None: "ended (success unknown)"}[self.success]
        control, bus, safety = d["control"], d["bus"], d["safety"]
        period, latency = control["period_us"], d["chunk_latency_ms"]
        lines = [f"{self.task}: {outcome} after {self.duration_s:.1f} s"]
        timing = f"{self.chunks}, {latency['p50']:.0f} ms (p95 {latency['p95']:.0f} ms)"
        lines.append(f"  chunks   {timing}, {self.late_chunks} late, {self.underflows} underflows")
        if self.shortfalls:
            lines.append(
                f"           {self.shortfalls} had fewer committed rows than their inference may need (the policy "
                "accepts no more); if plans are late: --sync, or a faster inference"
            )
        ticks = f"{control['rate_hz']:.0f} Hz, {control['ticks']} ticks, {control['missed']} missed"
        lines.append(f"  control  {ticks}, period {period['p50']:.0f} us (p99 {period['p99']:.0f} us)")
        errors = f"{bus['crc_errors']} checksum errors, {bus['timeouts']} time-outs"
        lines.append(f"  bus      {bus['cycles']} cycles, {errors}")
        limits = f"{safety['clamped']} clamped, {safety['refused']} refused, {safety['trips']} trips"
        lines.append(f"  safety   {limits}")
        return "\n".join(lines)
