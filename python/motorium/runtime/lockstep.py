"""The runner in virtual time: the same committed rows, timing and refusals, with a clock that waits for the policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from .._core import ControlCore, Mode
from ..errors import SafetyError
from ..policies.adapt import as_policy
from ..policies.base import Policy
from ..robots.health import gate_counts
from ..specs.latency import LatencySpec
from ..specs.slots import SlotMap
from ..types import Observation
from ..units import s_to_ns
from .planner import REFUSED, Planner, Range
from .schedule import Pace, Scheduler
from .vocabulary import unknown_words, warn_of_unknown


class Stage(Protocol):
    """A world played through a ControlCore, such as `motorium.sim.lockstep.LockStep`.

    Attributes:
        core: enabled and ticked once.
        now_ns: virtual time.
    """

    core: ControlCore
    now_ns: int

    def advance_to(self, t_ns: int) -> None:
        """Tick core and world until `now_ns` is the first tick at or after `t_ns`."""
        ...

    def observe(self, task: str) -> Observation:
        """Return what a policy would see now, with `t_ns == now_ns`."""
        ...


@dataclass(frozen=True)
class LockStepReport:
    """What happened in one run in virtual time; `shortfalls` of its plans needed more committed rows than accepted."""

    success: bool | None
    duration_s: float
    chunks: int
    refused_chunks: int
    underflows: int
    late_chunks: int
    shortfalls: int = 0


@dataclass(frozen=True)
class VirtualClock:
    """How long things take in a run in virtual time.

    Attributes:
        duration_s: longest run.
        latency_s: every inference takes this long.
        age_s: every observation is this old when its inference starts.
        drawn: instead, what every inference takes is drawn from here, and not known before.
        seed: of what is drawn.
        injected_s: what every inference takes beside.
    """

    duration_s: float = 15.0
    latency_s: float = 0.1
    age_s: float = 0.0
    drawn: LatencySpec | None = None
    seed: int = 0
    injected_s: float = 0.0


def run_lockstep(
    stage: Stage,
    policy: Policy,
    slot_map: SlotMap,
    task: str,
    clock: VirtualClock,
    until: Callable[[], bool] | None = None,
) -> LockStepReport:
    """Let `policy` drive `stage`; it may be too slow, which is measured here (`shortfalls`) and refused on a robot.

    Args:
        stage: fresh, its core enabled.
        policy: as for `motorium.run`.
        slot_map: of the robot on the stage.
        task: the instruction.
        clock: what real time would have cost.
        until: stop condition, asked before every inference and when its chunk has arrived.

    Raises:
        SafetyError: the gate tripped, or the policy keeps giving unusable chunks.
        BindingError: no plan of the policy's shape can be followed.
        PromptError: it knows no word of the task.
    """
    policy = as_policy(policy)
    _warn_once(unknown_words(policy, task), task)
    scheduler = Scheduler(Pace.of(policy.info), clock.drawn)
    if clock.drawn is None:
        scheduler.record(s_to_ns(clock.latency_s + clock.injected_s))
    rng = np.random.default_rng(clock.seed)
    planner = Planner(policy, slot_map, Range.of(stage.core))
    begin_ns, chunks = stage.now_ns, 0
    end_ns = begin_ns + s_to_ns(clock.duration_s)
    next_ns, met = begin_ns, False
    while not met and stage.now_ns < end_ns:
        obs = stage.observe(task)
        start_ns = obs.t_ns + s_to_ns(clock.age_s)
        delay = scheduler.delay(start_ns - obs.t_ns)
        dt_ns = scheduler.pace.dt_ns
        committed = slot_map.scatter_chunk(stage.core.committed(obs.t_ns, dt_ns, delay))
        before = scheduler.planned_rows(obs.t_ns) if planner.guided else 0
        previous = slot_map.scatter_chunk(stage.core.committed(obs.t_ns, dt_ns, before)) if before else None
        rows = planner.infer(obs, committed, previous)
        chunks += 1
        took_ns = s_to_ns(
            clock.injected_s + (clock.latency_s if clock.drawn is None else clock.drawn.draw_s(rng))
        )
        stage.advance_to(start_ns + took_ns)
        scheduler.record(took_ns)
        if rows is not None:
            rows_rad = slot_map.gather_chunk(rows)
            status = stage.core.push_chunk(rows_rad, obs.t_ns, dt_ns, delay, stage.now_ns)
            if status in REFUSED:
                planner.refuse(f"the control core answered {status} to {len(rows)} rows with delay {delay}")
            next_ns = scheduler.next_start_ns(obs.t_ns, delay)
        met = until is not None and until()
        while not met and stage.now_ns < min(next_ns, end_ns):
            stage.advance_to(min(next_ns, end_ns))
            met = until is not None and until()
        if stage.core.mode is Mode.FAULT:
            raise SafetyError(f"the safety gate tripped in lock-step: {gate_counts(stage.core.stats())}")
    stats = stage.core.stats()
    return LockStepReport(
        success=met if until is not None else None,
        duration_s=(stage.now_ns - begin_ns) * 1e-9,
        chunks=chunks,
        refused_chunks=planner.refused,
        underflows=stats.underflows,
        late_chunks=stats.late_chunks,
        shortfalls=scheduler.shortfalls,
    )


_warn_once = lru_cache(maxsize=64)(warn_of_unknown)
"""Of an evaluation's hundred episodes, the first says it."""
