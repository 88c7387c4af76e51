"""Runner: the inference thread above the control thread. It plans, promises and pushes; it never waits for control."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MotoriumError, SafetyError
from ..instructions import check_instruction
from ..types import Observation, Policy
from ..units import NS_PER_S
from .instruction import instruction_for
from .schedule import Pace, Planner, Scheduler

if TYPE_CHECKING:
    from ..robots.robot import Robot

POLL_S = 0.05
"""How often the caller's thread looks after faults and the stop condition."""
SETTLE_NS = 100_000_000
"""In synchronous mode, between the end of a chunk and the next look: the arm comes to rest."""
JOIN_S = 10.0
"""An inference that takes longer than this at the end of a run is abandoned; the arm holds already."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunReport:
    """What happened in one run. Counters are of this run alone; period percentiles are of the whole session.

    Attributes:
        task: the instruction.
        success: whether the stop condition was met; None when nobody could tell.
        duration_s: from the first chunk's observation to the end.
        inference_ms: duration of every inference, warm-up excluded.
        refused_chunks: unusable chunks (not finite) that never reached the plan.
        seam_jump_max_rad: largest difference between old plan and new chunk at a seam, before it was faded out.
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
        """Plain values for JSON."""
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
            "refused_chunks": self.refused_chunks,
            "seam_jump_max_rad": round(self.seam_jump_max_rad, 5),
            "seams": dict(self.seams),
            "planning": dict(self.planning),
        }

    def __str__(self) -> str:
        """A short table."""
        d = self.as_dict()
        outcome = {True: "success", False: "no success", None: "ended (success unknown)"}[self.success]
        control, bus, safety = d["control"], d["bus"], d["safety"]
        period, latency = control["period_us"], d["chunk_latency_ms"]
        lines = [f"{self.task}: {outcome} after {self.duration_s:.1f} s"]
        timing = f"{self.chunks}, {latency['p50']:.0f} ms (p95 {latency['p95']:.0f} ms)"
        lines.append(f"  chunks   {timing}, {self.late_chunks} late, {self.underflows} underflows")
        ticks = f"{control['rate_hz']:.0f} Hz, {control['ticks']} ticks, {control['missed']} missed"
        lines.append(f"  control  {ticks}, period {period['p50']:.0f} us (p99 {period['p99']:.0f} us)")
        errors = f"{bus['crc_errors']} checksum errors, {bus['timeouts']} time-outs"
        lines.append(f"  bus      {bus['cycles']} cycles, {errors}")
        limits = f"{safety['clamped']} clamped, {safety['refused']} refused, {safety['trips']} trips"
        lines.append(f"  safety   {limits}")
        return "\n".join(lines)


class Runner:
    """Runs one policy on one open robot for one task. Use it through `motorium.run`."""

    def __init__(self, robot: Robot, policy: Policy, task: str, *, sync: bool = False) -> None:
        """With `sync` the arm stands while the policy thinks: infer, play the chunk to its end, infer again.

        Raises BindingError when the policy says that its inputs and outputs are not this robot's, PromptError for a
        task that is no text to read.
        """
        check_instruction(task)
        bind = getattr(policy, "bind", None)
        if bind is not None:  # a policy of one's own may have nothing to bind
            bind(robot.spec)
        self.robot = robot
        self.policy = policy
        self.task = instruction_for(robot, task)
        self.inference_ms: list[float] = []
        self.sync = sync
        self._scheduler = Scheduler(Pace.of(policy), robot.spec.latency)
        robot.planning = self.planning
        self._planner = Planner(policy, robot.slot_map)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._infer_until_stopped, name="inference", daemon=True)

    def warm_up(self) -> None:
        """One inference before any motion: caches fill, and the first promise rests on a measured latency."""
        obs = self.robot.observe(self.task)
        # The first pays for everything that happens once; only the second tells the latency.
        for _ in range(2):
            start_ns = time.monotonic_ns()
            self._planner.infer(obs, self._committed(obs, 1))
            took_ns = time.monotonic_ns() - start_ns
        self._scheduler.record(took_ns)

    def start(self) -> None:
        """Start thinking; the arm moves with the first chunk."""
        self._thread.start()

    def check(self) -> None:
        """Raise what stopped the inference thread, or a fault of the arm."""
        if self._error is not None:
            raise self._error
        self.robot.check()
        control = self.robot.control
        if control.mode in ("idle", "released"):
            raise SafetyError(
                f"the arm was brought to rest during the run: no chunk arrived in time (underflows: "
                f"{control.stats()['underflows']}). Is the machine overloaded?"
            )

    def stop(self) -> None:
        """Hold the arm, then end the inference thread; safe to call twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        self.robot.control.hold()

    def _committed(self, obs: Observation, delay: int) -> Any:
        return self.robot.control.committed(obs.t_ns, self._scheduler.pace.dt_ns, delay)

    def _previous(self, obs: Observation) -> Any:
        if not self._planner.guided:
            return None
        return self._committed(obs, self._scheduler.planned_rows(obs.t_ns))

    def _infer_until_stopped(self) -> None:
        try:
            next_ns = time.monotonic_ns()
            while not self._stop.wait(max(0, next_ns - time.monotonic_ns()) / NS_PER_S):
                next_ns = self._one_chunk()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, whatever it is
            self._error = error
            self.robot.control.hold()

    def _one_chunk(self) -> int:
        """Observe, promise, infer, push. Returns when to start the next one."""
        control, scheduler = self.robot.control, self._scheduler
        if self.sync:
            return self._one_chunk_at_a_stand()
        obs = self.robot.observe(self.task)
        start_ns = time.monotonic_ns()
        delay = scheduler.delay(start_ns - obs.t_ns)
        rows = self._planner.infer(obs, self._committed(obs, delay), self._previous(obs))
        infer_ns = time.monotonic_ns() - start_ns
        self.inference_ms.append(infer_ns * 1e-6)
        if rows is None or self._stop.is_set():
            return time.monotonic_ns()
        status = control.push_chunk(rows, obs.t_ns, scheduler.pace.dt_ns, delay)
        scheduler.record(time.monotonic_ns() - start_ns)
        if status == "malformed":
            raise SafetyError(f"the control thread refused a chunk of shape {rows.shape} with delay {delay}")
        if status == "expired":
            _log.warning("a chunk was over before it arrived (%.0f ms)", infer_ns * 1e-6)
            return time.monotonic_ns()
        return scheduler.next_start_ns(obs.t_ns, delay)

    def _one_chunk_at_a_stand(self) -> int:
        """Observe, infer, play `horizon` rows from now on. The end of such a chunk is no underflow."""
        control, pace = self.robot.control, self._scheduler.pace
        obs = self.robot.observe(self.task)
        start_ns = time.monotonic_ns()
        rows = self._planner.infer(obs, self._committed(obs, 1))
        now_ns = time.monotonic_ns()
        self.inference_ms.append((now_ns - start_ns) * 1e-6)
        self._scheduler.record(now_ns - start_ns)
        if rows is None or self._stop.is_set():
            return now_ns
        rows = rows[: pace.horizon + 1]
        if control.push_chunk(rows, now_ns, pace.dt_ns, 1, final=True) == "malformed":
            raise SafetyError(f"the control thread refused a chunk of shape {rows.shape}")
        return now_ns + (len(rows) - 1) * pace.dt_ns + SETTLE_NS

    def planning(self) -> dict[str, Any]:
        """How thinking keeps up, for `Robot.status()`: latency estimate and declared delay, in ms and rows."""
        scheduler = self._scheduler
        return {
            "sync": self.sync,
            "chunks": len(self.inference_ms),
            "latency_estimate_ms": scheduler.latency_ns * 1e-6,
            "declared_delay_rows": 0 if self.sync else scheduler.declared,
            "row_ms": scheduler.pace.dt_ns * 1e-6,
            "refused_chunks": self._planner.refused,
        }

    def report(self, success: bool | None, duration_s: float, before: Mapping[str, Any]) -> RunReport:
        """Figures since `before`, an earlier `control.stats()`."""
        now = self.robot.control.stats()

        def since(*keys: str) -> dict[str, int]:
            return {key: now[key] - before[key] for key in keys}

        bus = {key: now["bus"][key] - before["bus"][key] for key in ("cycles", "crc_errors", "timeouts")}
        period = {key: now["period_us"][key] for key in ("p50", "p99")}
        return RunReport(
            task=self.task,
            success=success,
            duration_s=duration_s,
            inference_ms=tuple(self.inference_ms),
            refused_chunks=self._planner.refused,
            seam_jump_max_rad=float(now["seam_jump_max_rad"]),
            control={
                "rate_hz": now["rate_hz"],
                **since("ticks", "missed"),
                "period_us": period,
                "state_age_us": dict(now["state_age_us"]),
            },
            bus=bus,
            safety=since("clamped", "refused", "trips"),
            seams=dict(now["seams"]),
            planning=self.planning(),
            **since("underflows", "late_chunks"),
        )


def watch(
    runner: Runner,
    duration_s: float,
    until: Callable[[], bool] | None,
    on_progress: Callable[[float], None] | None,
    ended: Callable[[], bool] | None = None,
) -> tuple[bool | None, float]:
    """Wait in the caller's thread until the stop condition, `ended` or the time is up. Returns success and seconds.

    Raises what the inference thread or the control thread died of.
    """
    begin = time.monotonic()
    met: bool | None = None if until is None else False
    while (elapsed_s := time.monotonic() - begin) < duration_s:
        runner.check()
        if until is not None and until():
            met = True
            break
        if ended is not None and ended():
            break
        if on_progress is not None:
            on_progress(elapsed_s)
        time.sleep(min(POLL_S, max(0.0, duration_s - elapsed_s)))
    runner.check()
    return met, time.monotonic() - begin


def world_judges(robot: Robot, task: str) -> Callable[[], bool] | None:
    """The stop condition of a robot whose world can lay out and judge `task`; None elsewhere, as on hardware."""
    world = robot.world
    if world is None or not world.lay(task):
        return None

    def judged() -> bool:
        try:
            return bool(world.status()["success"])
        except MotoriumError:
            robot.check()  # a dead simulator is a dead bus too, and the robot knows the cause
            raise

    return judged
