"""Runner: the inference thread above the control thread. It plans, commits and pushes; it never waits for control."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .._core import LoopStats, Mode, PushStatus
from ..errors import MotoriumError, SafetyError
from ..instructions import check_instruction
from ..logs import logger
from ..policies.adapt import as_policy
from ..policies.base import Policy
from ..robots.status import PlanningStatus
from ..types import Float32, Observation
from ..units import NS_PER_MS
from .approach import ApproachLog
from .inference import InferenceThread
from .instruction import instruction_for
from .planner import FOLLOWED, REFUSED, Planner, Range
from .rationed import RationedWarning
from .report import RunBus, RunControl, RunReport, RunSafety
from .schedule import Bridge, Pace, Scheduler
from .vocabulary import unknown_words, warn_of_unknown

if TYPE_CHECKING:
    from ..robots.robot import Robot
    from ..specs.robot import RobotSpec

POLL_S = 0.05
"""How often the caller's thread looks after faults and the stop condition."""
SETTLE_NS = 100_000_000
"""In synchronous mode, between the end of a chunk and the next look: the arm comes to rest."""
RETRY_NS = 20_000_000
"""After a plan that came to nothing: thinking goes on, but not in a busy loop."""
TIMED = 3
"""Inferences timed before a policy is called too slow: a busy moment is no property of it."""
HOPELESS = 10
"""Plans in a row that were over before they arrived, with none before that was not."""

_log = logger(__name__)


def require_fit(policy: Policy, robot: RobotSpec, *, sync: bool = False) -> Pace:
    """Bind `policy` to `robot` and return its rhythm; `Runner` does, and a verb before it opens an arm.

    Raises:
        BindingError: inputs or outputs are not this robot's, no plan of that shape can be followed, or, unless `sync`,
            plans would come too late for it.
    """
    policy = as_policy(policy)
    policy.bind(robot)
    pace = Pace.of(policy.info)
    if not sync:
        Bridge.of(pace, robot).require()
    return pace


class Runner:
    """Runs one policy on one open robot for one task. Use it through `motorium.run`."""

    def __init__(self, robot: Robot, policy: Policy, task: str, *, sync: bool = False) -> None:
        """With `sync` the arm stands while the policy thinks: infer, play the chunk to its end, infer again.

        Raises:
            BindingError: as `require_fit`.
            PromptError: the task is no text to read, or the policy knows no word of it.
        """
        check_instruction(task)
        own, policy = policy, as_policy(policy)
        self._pace = require_fit(policy, robot.spec, sync=sync)
        self.robot = robot
        self.policy = own
        self.task = instruction_for(robot, task)
        self.inference_ms: list[float] = []
        self.sync = sync
        self.unknown_words = unknown_words(policy, self.task)
        warn_of_unknown(self.unknown_words, self.task)
        self._scheduler = Scheduler(self._pace, robot.spec.latency)
        robot.planning = self.planning
        names = tuple(joint.name for joint in robot.spec.joints)
        self._planner = Planner(policy, robot.slot_map, Range.of(robot.control, names))
        self._approach = ApproachLog(robot)
        self._fallbacks = int(robot.control.stats().fallbacks)
        self._followed = self._expired = 0
        self._began_s = time.monotonic()
        self._late, self._short = RationedWarning(_log), RationedWarning(_log)
        self._thinking = InferenceThread(own, self._rehearse, self._plan)

    def warm_up(self) -> None:
        """Plan before any motion: caches fill, and the first committed rows rest on a measured latency.

        Raises:
            BindingError: the plan cannot be followed, or comes too late to be.
            SafetyError: the policy is busy with an inference of a run before.
        """
        self._thinking.prepare()
        while not self._thinking.ready(POLL_S):
            self.check()
        self.check()

    def start(self) -> None:
        """Start thinking; the arm moves with the first chunk."""
        self._began_s = time.monotonic()
        self._thinking.go()

    def check(self) -> None:
        """Raise what stopped the inference thread, or a fault of the arm."""
        if self._thinking.error is not None:
            raise self._thinking.error
        self.robot.check()
        self._approach.look()
        control = self.robot.control
        if control.mode in {Mode.IDLE, Mode.RELEASED}:
            stats = control.stats()
            late = f"no chunk arrived in time (underflows: {stats.underflows}). Is the machine overloaded?"
            fell_back = stats.fallbacks > self._fallbacks
            cause = late if fell_back else "another caller parked or released it"
            raise SafetyError(f"the arm was brought to rest during the run: {cause}")

    def halt(self) -> None:
        """Hold the arm at once, whatever the policy does, and let no later plan reach it. From any thread."""
        self._thinking.withdraw()
        self.robot.control.hold()

    def stop(self) -> None:
        """Hold the arm as `halt` does, then see to the inference thread. Safe to call twice."""
        self.halt()
        self._thinking.leave()

    def require_motion(self, duration_s: float) -> None:
        """Raise SafetyError when not one plan was followed in `duration_s`: that is no run."""
        if self._followed:
            return
        took_ms = max(self.inference_ms, default=0.0)
        raise SafetyError(
            f"the arm got no command in {duration_s:.1f} s: of {len(self.inference_ms)} plans none arrived in "
            f"time (an inference took up to {took_ms:.0f} ms, a plan lasts {self._lasts_ms():.0f} ms). With --sync, or "
            "Runner(..., sync=True), the arm stands still during inference; otherwise give it more time or longer "
            "plans"
        )

    def _lasts_ms(self) -> float:
        return (self._pace.rows - 1) * self._pace.dt_ns / NS_PER_MS

    def _rehearse(self) -> None:
        """Plan once for everything that happens once, then measure the latency of later plans."""
        obs = self.robot.observe(self.task)
        committed = self._committed(obs, self._standing_rows())
        self._planner.rehearse(obs, committed)
        fastest_ns = 0
        for _ in range(TIMED):
            start_ns = time.monotonic_ns()
            self._planner.rehearse(obs, committed)
            took_ns = time.monotonic_ns() - start_ns
            fastest_ns = min(fastest_ns or took_ns, took_ns)
            bridge = Bridge.of(self._pace, self.robot.spec, fastest_ns)
            if self.sync or bridge.holds:
                self._scheduler.record(fastest_ns)
                return
        bridge.require()

    def _standing_rows(self) -> int:
        """Rows to commit while the arm stands: where it is, unless the policy keeps none."""
        return min(1, self._pace.max_delay)

    def _committed(self, obs: Observation, delay: int) -> Float32:
        return self.robot.control.committed_slots(obs.t_ns, self._pace.dt_ns, delay)

    def _previous(self, obs: Observation) -> Float32 | None:
        if not self._planner.guided:
            return None
        return self._committed(obs, self._scheduler.planned_rows(obs.t_ns))

    def _plan(self) -> int:
        """One plan. Returns when to start the next one."""
        try:
            return self._one_chunk_at_a_stand() if self.sync else self._one_chunk()
        except BaseException:
            self._thinking.allowed(self.robot.control.hold)  # who watches may be busy elsewhere
            raise

    def _one_chunk(self) -> int:
        """Observe, commit, infer, push."""
        scheduler = self._scheduler
        obs = self.robot.observe(self.task)
        start_ns = time.monotonic_ns()
        delay = scheduler.delay(start_ns - obs.t_ns)
        if delay < scheduler.needed:
            slow_ms, old_ms = scheduler.latency_ns / NS_PER_MS, (start_ns - obs.t_ns) / NS_PER_MS
            self._short.say(
                f"plans may come late: {scheduler.needed} rows must be committed, as an inference may take "
                f"{slow_ms:.0f} ms ({scheduler.latency_source}) and its observation is {old_ms:.0f} ms old; the policy "
                f"accepts {delay}"
            )
        rows = self._planner.infer(obs, self._committed(obs, delay), self._previous(obs))
        infer_ns = time.monotonic_ns() - start_ns
        self.inference_ms.append(infer_ns / NS_PER_MS)
        if rows is None or not self._push(rows, obs.t_ns, delay):
            return max(time.monotonic_ns(), start_ns + max(RETRY_NS, self._pace.dt_ns))
        scheduler.record(time.monotonic_ns() - start_ns)
        return scheduler.next_start_ns(obs.t_ns, delay)

    def _one_chunk_at_a_stand(self) -> int:
        """Observe, infer, play `horizon` rows from now on. The end of such a chunk is no underflow."""
        pace = self._pace
        obs = self.robot.observe(self.task)
        start_ns = time.monotonic_ns()
        rows = self._planner.infer(obs, self._committed(obs, self._standing_rows()))
        now_ns = time.monotonic_ns()
        self.inference_ms.append((now_ns - start_ns) / NS_PER_MS)
        self._scheduler.record(now_ns - start_ns)
        if rows is None:
            return now_ns + RETRY_NS
        if len(rows) == 1:  # one row says where to go; the plan begins where the arm is
            rows = np.concatenate([self._committed(obs, 1), rows])
        rows = rows[: max(pace.horizon, 1) + 1]
        if not self._push(rows, now_ns, 1, final=True):
            return now_ns + RETRY_NS
        return now_ns + (len(rows) - 1) * pace.dt_ns + SETTLE_NS

    def _push(self, rows: Float32, t0_ns: int, delay: int, *, final: bool = False) -> bool:
        """Whether the arm follows the chunk. Raises SafetyError when the last ones were all in vain."""
        control, dt_ns = self.robot.control, self._pace.dt_ns
        status = self._thinking.allowed(lambda: control.push_slots(rows, t0_ns, dt_ns, delay, final=final))
        if status in FOLLOWED:
            self._followed += 1
        elif status in REFUSED:
            self._planner.refuse(
                f"the control thread answered {status} to {len(rows)} rows with delay {delay}"
            )
        elif status is PushStatus.EXPIRED:
            self._expired += 1
            self._late.say(
                f"a plan was over before it arrived: the inference took {self.inference_ms[-1]:.0f} ms, the plan lasts "
                f"{self._lasts_ms():.0f} ms"
            )
            if self._expired >= HOPELESS and not self._followed:
                self.require_motion(time.monotonic() - self._began_s)
        return status in FOLLOWED

    def planning(self) -> PlanningStatus:
        """Return how inference keeps up, for `Robot.status()`."""
        scheduler = self._scheduler
        return PlanningStatus(
            sync=self.sync,
            chunks=len(self.inference_ms),
            latency_estimate_ms=scheduler.latency_ns / NS_PER_MS,
            declared_delay_rows=0 if self.sync else scheduler.declared,
            needed_delay_rows=0 if self.sync else scheduler.needed,
            shortfalls=scheduler.shortfalls,
            row_ms=self._pace.dt_ns / NS_PER_MS,
            refused_chunks=self._planner.refused,
            expired_chunks=self._expired,
        )

    def report(self, success: bool | None, duration_s: float, before: LoopStats) -> RunReport:
        """Return figures since `before`, an earlier `control.stats()`."""
        now = self.robot.control.stats()
        return RunReport(
            task=self.task,
            success=success,
            duration_s=duration_s,
            inference_ms=tuple(self.inference_ms),
            refused_chunks=self._planner.refused,
            seam_jump_max_rad=float(now.seam_jump_max_rad),
            underflows=now.underflows - before.underflows,
            late_chunks=now.late_chunks - before.late_chunks,
            control=RunControl.between(before, now),
            bus=RunBus.between(before, now),
            safety=RunSafety.between(before, now),
            seams=now.seams,
            planning=self.planning(),
            shortfalls=self._scheduler.shortfalls,
            unknown_words=self.unknown_words,
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
    """Return the stop condition of a robot whose world can lay out and judge `task`; None elsewhere, as on hardware."""
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
