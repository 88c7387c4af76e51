"""Record a scripted operator in virtual time: worker processes play the scenes, one writer keeps the episodes.

The dataset is the one that a live recording makes, by the same writer. Scenes are training's; evaluation never lays
them. An episode depends on its seed alone, so a recording that was cut off is completed by asking for it again.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..children import spawned_pool
from ..data.format.dataset import Dataset
from ..data.format.identity import NOTHING, Accepted
from ..data.format.outcome import SCENE, SCRIPT, Outcome
from ..data.format.schema import Schema, read_info
from ..data.record.record_plan import Recorded
from ..data.record.sampler import schema_for
from ..data.record.writer import DatasetWriter
from ..errors import SimulationError
from ..instructions import check_instruction
from ..specs.robot import RobotSpec, pairs
from .operator_script import OPERATORS, operator
from .scene import TRAINING_SEEDS_FROM, asked_colours, draw_scene
from .tasks import forced_colour, instruction
from .variation import USUAL, Variation
from .virtual_arm import DeclaredArm, Take, VirtualArm

if TYPE_CHECKING:
    from multiprocessing.pool import ApplyResult

VIRTUAL = "virtual"
"""Noted as the clock of an episode; its times count from its beginning."""
AHEAD = 2
"""Takes per worker that may wait for the writer."""
ENCODER_WAIT_S = 60.0
WORKER_WAIT_S = 600.0
"""A worker that says nothing for so long has died: an episode takes seconds."""


@dataclass(frozen=True)
class LockStepPlan:
    """What to record.

    Attributes:
        root: the dataset.
        robot: name of a robot with a simulated world.
        episodes: scenes `seed`, `seed` + 1, ...; those that are in the dataset already are not recorded again.
        task: the instruction; None lets every scene draw its own.
        seed: of the first scene, at least TRAINING_SEEDS_FROM.
        operator: one of `operator_script.OPERATORS`.
        fps: rows per second; 0 takes the slowest camera's. Control ticks per row must be a whole number.
        limit_s: longest episode, in virtual time.
        tail_s: how long to go on after success.
        codec: of the videos.
        processes: that simulate.
        accepted: as for `DatasetWriter`.
        scene: a declared variation of the scenes.
    """

    root: Path
    robot: str
    episodes: int
    task: str | None = None
    seed: int = TRAINING_SEEDS_FROM
    operator: str = "person"
    fps: int = 0
    limit_s: float = 30.0
    tail_s: float = 0.5
    codec: str = "h264"
    processes: int = 2
    accepted: Accepted = NOTHING
    scene: str = USUAL

    def __post_init__(self) -> None:
        """Raise SimulationError for a scene of evaluation, an unknown operator or task, SpecError for a variation."""
        variation = Variation.load(self.scene)
        if self.task is not None:
            check_instruction(self.task)
            forced_colour(self.task, asked_colours(variation))
        if self.seed < TRAINING_SEEDS_FROM:
            raise SimulationError(
                f"seed {self.seed} is a scene of evaluation; recordings in lock-step are for training, whose scenes "
                f"begin at {TRAINING_SEEDS_FROM}: use seed {TRAINING_SEEDS_FROM + max(self.seed, 0)}, or none"
            )
        if self.operator not in OPERATORS:
            raise SimulationError(f"no operator {self.operator!r:.40}; operators: {', '.join(OPERATORS)}")


@dataclass(frozen=True)
class LockStepTotals:
    """What a recording in lock-step did.

    Attributes:
        recorded: episodes that were added.
        there: episodes of the plan that the dataset had already.
        seconds: that it took.
    """

    recorded: tuple[Recorded, ...]
    there: int
    seconds: float

    @property
    def successes(self) -> int:
        """Episodes of `recorded` that the scene judged a success."""
        return sum(one.success is True for one in self.recorded)

    @property
    def times_real_time(self) -> float:
        """Seconds that were recorded per second that passed."""
        recorded_s = sum(one.finished.episode.length / one.rate_hz for one in self.recorded)
        return recorded_s / self.seconds if self.seconds > 0 else 0.0


def record_lockstep(
    plan: LockStepPlan, report: Callable[[int, Recorded], None] = lambda _number, _recorded: None
) -> tuple[LockStepTotals, DatasetWriter]:
    """Record the scenes of the plan that are not in the dataset yet; returns totals and the closed writer.

    Args:
        plan: what to record.
        report: called with the number of an episode of the plan and what was kept of it.

    Raises SimulationError: a robot without a world, a rate that does not fit, a worker that died; DataError as
    `DatasetWriter` does. Finished episodes stay.
    """
    begin_s = time.monotonic()
    schema = lockstep_schema(plan.robot, plan.fps)
    recorded: list[Recorded] = []
    writer = DatasetWriter(
        plan.root, schema, codec=plan.codec, patience_s=ENCODER_WAIT_S, accepted=plan.accepted
    )
    with writer:
        seeds = _missing(plan)
        there = plan.episodes - len(seeds)
        for take in _takes(plan, schema, seeds):
            recorded.append(_keep(plan, writer, take))
            report(there + len(recorded), recorded[-1])
    return LockStepTotals(tuple(recorded), there, time.monotonic() - begin_s), writer


def lockstep_schema(robot: str, fps: int = 0) -> Schema:
    """Return the features of a recording of `robot`. Raises SimulationError for one that cannot be recorded so."""
    if robot in pairs():
        raise SimulationError(f"{robot} has several arms, and no script leads those: record them live")
    spec = RobotSpec.load(robot)
    operator("exact", spec)  # says what the declaration lacks
    schema = schema_for(DeclaredArm(spec), fps)
    if spec.control.rate_hz % schema.fps:
        raise SimulationError(
            f"{schema.fps} rows a second do not fit {spec.control.rate_hz:g} control ticks a second of {spec.name}: "
            "in lock-step a row is a whole number of ticks"
        )
    return schema


def _missing(plan: LockStepPlan) -> list[int]:
    """Return the seeds whose demonstration is not in the dataset: same scene and variation, words and operator."""
    there = set()
    if read_info(plan.root).episodes:
        dataset = Dataset.open(plan.root)
        for episode in dataset.episodes:
            notes = dataset.notes(episode)
            if notes.get("clock") == VIRTUAL:
                varied = notes.get("variation", USUAL)
                there.add((notes.get("seed"), notes.get("operator"), varied, episode.tasks))
    variation = Variation.load(plan.scene)
    colour = forced_colour(plan.task, asked_colours(variation))
    return [
        seed
        for seed in range(plan.seed, plan.seed + plan.episodes)
        if (seed, plan.operator, plan.scene, (_words(seed, colour, variation),)) not in there
    ]


def _words(seed: int, colour: str | None, variation: Variation) -> str:
    """Return the instruction of a scene."""
    return instruction(colour or draw_scene(seed, variation=variation).target)


def _keep(plan: LockStepPlan, writer: DatasetWriter, take: Take) -> Recorded:
    """Write one episode."""
    outcome = Outcome(take.success, SCENE)
    rate_hz = float(writer.schema.fps)
    writer.begin(take.task, 0, repeatable=True)
    for row, images in take.rows:
        writer.add(row, images)
    notes = {
        "leader": SCRIPT, "operator": plan.operator, "clock": VIRTUAL, "seed": take.seed, **outcome.as_notes(),
        "rate_hz": rate_hz, "late_rows": 0, "missed_ticks": 0,
    }  # fmt: skip
    if plan.scene != USUAL:
        notes["variation"] = plan.scene
    return Recorded(writer.end(notes), take.task, take.seed, outcome, rate_hz, 0, 0)


def _takes(plan: LockStepPlan, schema: Schema, seeds: Sequence[int]) -> Iterator[Take]:
    """Play the scenes in worker processes; yields in the order of the seeds, a few ahead of who takes them."""
    if not seeds:
        return
    processes = min(plan.processes, len(seeds))
    with spawned_pool(processes, _leave_interrupts) as pool:
        waiting: deque[ApplyResult[Take]] = deque()
        for seed in seeds:
            waiting.append(pool.apply_async(_play, (plan, schema, seed)))
            if len(waiting) > AHEAD * processes:
                yield _next(waiting)
        while waiting:
            yield _next(waiting)


def _next(waiting: deque[ApplyResult[Take]]) -> Take:
    from multiprocessing import TimeoutError as WaitedError

    try:
        return waiting.popleft().get(WORKER_WAIT_S)
    except WaitedError as error:
        raise SimulationError(
            f"a simulating process has said nothing for {WORKER_WAIT_S:.0f} s (was it killed, when memory ran out?); "
            "the episodes so far are kept, and the same command records the others"
        ) from error


def _leave_interrupts() -> None:
    """Let Ctrl-C end the recorder, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_arms: dict[tuple[str, str], VirtualArm] = {}


def _play(plan: LockStepPlan, schema: Schema, seed: int) -> Take:
    """Play one scene; the one world of this process is kept: opening a renderer is slow."""
    key = plan.robot, plan.scene
    if key not in _arms:
        _arms[key] = VirtualArm(RobotSpec.load(plan.robot), Variation.load(plan.scene))
    arm = _arms[key]
    person: Any = operator(plan.operator, arm.spec)
    return arm.demonstrate(person, Take(schema, seed), plan.task, plan.limit_s, plan.tail_s)
