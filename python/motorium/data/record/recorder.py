"""Record demonstrations: a session of episodes, in each of which a leader moves the arm and a `Sampler` takes rows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...errors import DataError
from ...logs import logger
from ...operator.marks import DISCARD, KEEP, QUIT, REDO
from ...timeline.events import EventKind, EventLog
from ..format.outcome import SCENE, VERDICTS, Outcome
from .record_plan import Leader, Posed, Recorded, RecordPlan, Watcher
from .rhythm import Rhythm
from .sampler import Sampler, keeps_leader, schema_for
from .writer import DatasetWriter

if TYPE_CHECKING:
    from ...robots.robot import Robot

__all__ = [
    "DISCARD",
    "KEEP",
    "QUIT",
    "REDO",
    "Leader",
    "RecordPlan",
    "Recorded",
    "RecordingSession",
    "Sampler",
    "Watcher",
    "record",
    "schema_for",
]  # fmt: skip
POLL_S = 0.05
UNEVEN = 3
"""Episodes in a row without their rhythm that end a strict session."""

_log = logger(__name__)


@dataclass
class RecordingSession:
    """One sitting: a robot, a leader, a dataset. Use through `record`."""

    robot: Robot
    leader: Leader
    writer: DatasetWriter
    plan: RecordPlan
    watcher: Watcher
    log: EventLog = field(default_factory=EventLog)
    out: list[Recorded] = field(default_factory=list)
    uneven: int = 0  # episodes in a row that strictness threw away
    _subtasks: int = 0
    _told: Outcome | None = None  # by a person, in this episode

    def run(self) -> list[Recorded]:
        """Record all episodes of the plan. Raises MotoriumError; what was finished before stays."""
        attempt = 0
        while len(self.out) < self.plan.episodes:
            seed = self.plan.seed + attempt
            request, recorded = self._episode(seed)
            self.watcher.ends(recorded)
            if recorded is not None:
                self.out.append(recorded)
            if request == QUIT:
                break
            attempt += request != REDO
        return self.out

    def _episode(self, seed: int) -> tuple[str | None, Recorded | None]:
        writer, leader = self.writer, self.leader
        task = leader.prepare(seed, self.plan.task)
        self.watcher.begins(len(self.out), self.plan.episodes, task)
        missed = int(self.robot.control.stats().missed)
        start_ns = time.monotonic_ns()
        writer.begin(task, start_ns)
        self._subtasks, self._told = 0, None
        request, judged, sampler = self._lead(start_ns)
        self._mark()
        if request in {REDO, DISCARD, QUIT}:
            writer.discard()
            return request, None
        missed = int(self.robot.control.stats().missed) - missed
        outcome = self._told or judged
        notes = {
            "leader": leader.name, **self._scene(seed), **outcome.as_notes(), "rate_hz": sampler.rate_hz,
            "late_rows": sampler.late, "missed_ticks": missed, "control": sampler.rhythm.as_dict(),
        }  # fmt: skip
        if self._fails(sampler, missed):
            writer.discard()
            return REDO, None
        finished = writer.end(notes)
        return request, Recorded(finished, task, seed, outcome, sampler.rate_hz, sampler.late, missed)

    def _scene(self, seed: int) -> dict[str, int]:
        """Note what `split` keeps episodes together by; a real arm's table is never the same again."""
        return {"seed": seed} if getattr(self.robot, "world", None) is not None else {}

    def _lead(self, start_ns: int) -> tuple[str | None, Outcome, Sampler]:
        """Let the leader move and take rows until the episode is over; then hold the arm, whatever ended it."""
        leader = self.leader
        sampler: Sampler | None = None
        try:
            leader.begin()
            pose = leader.pose_at if isinstance(leader, Posed) else None
            sampler = Sampler(self.robot, self.writer, start_ns, leader.telemetry, pose)
            request, judged = self._watch(sampler)
        finally:
            try:
                leader.end()
            finally:
                if sampler is not None:
                    sampler.stop()
        return request, judged, sampler

    def _fails(self, sampler: Sampler, missed: int) -> bool:
        """Return whether a strict session throws this episode away. Raises DataError at the third in a row."""
        dropped = self.writer.dropped
        lost = {
            "rows were late": (sampler.late, sampler.rows),
            "frames were dropped": (sum(dropped.values()), sampler.rows * len(dropped)),
            "control ticks were missed": (missed, sampler.rhythm.ticks),
        }
        problem = Rhythm.problem(sampler.rate_hz, self.writer.schema.fps, lost)
        self.uneven = self.uneven + 1 if problem else 0
        if not (problem and self.plan.strict):
            return False
        if self.uneven >= UNEVEN:
            raise DataError(f"{UNEVEN} episodes in a row did not keep their rate, the last one: {problem}")
        _log.warning("the episode is dropped and repeated: %s", problem)
        return True

    def _watch(self, sampler: Sampler) -> tuple[str | None, Outcome]:
        """Wait until somebody ends the episode; return what a person asked for, and how the scene judged."""
        give_up, until = time.monotonic() + self.plan.limit_s, float("inf")
        scene = getattr(self.robot, "world", None) is not None
        judged = Outcome(False, SCENE) if scene else Outcome()
        while time.monotonic() < min(give_up, until):
            if sampler.error is not None:
                raise sampler.error
            self.robot.check()
            self._mark()
            request = self.watcher.watches(sampler)
            if request is not None:
                return request, judged
            done = self.leader.done()
            if until == float("inf") and (done is not None or self._told is not None):
                until = time.monotonic() + self.plan.tail_s
                judged = judged if done is None else Outcome(done, SCENE if scene else self.leader.name)
            time.sleep(POLL_S)
        return None, judged

    def _mark(self) -> None:
        """Write down what was marked since the last time, sub-tasks by their names."""
        names = self.plan.subtasks or ()
        for event in self.log.take():
            named = event
            if event.kind is EventKind.SUBTASK and event.t_ns >= self.writer.start_ns:
                if not event.text and self._subtasks < len(names):
                    named = replace(event, text=names[self._subtasks])
                self._subtasks += 1
            if str(event.kind) in VERDICTS and event.t_ns >= self.writer.start_ns:
                self._told = Outcome(VERDICTS[str(event.kind)], event.source)
            self.writer.mark(named)


def record(
    robot: Robot, leader: Leader, plan: RecordPlan, watcher: Watcher, log: EventLog | None = None
) -> tuple[list[Recorded], DatasetWriter]:
    """Record the plan with an open robot; events added to `log` meanwhile go to the episode of their time.

    Returns what was kept, and the closed writer for its `repaired`. Raises MotoriumError; finished episodes stay.
    """
    posed = isinstance(leader, Posed) and keeps_leader(plan.root)
    schema = schema_for(robot, plan.fps, plan.subtasks, leader=posed)
    with DatasetWriter(plan.root, schema, codec=plan.codec, accepted=plan.accepted) as writer:
        session = RecordingSession(robot, leader, writer, plan, watcher, EventLog() if log is None else log)
        return session.run(), writer
