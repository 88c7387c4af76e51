"""Record demonstrations: one thread samples cameras and joints on a steady grid while a leader moves the arm.

What is stored per row: the last picture of every camera and the joints at the row's time, how old each was, the
setpoint then (`commanded_rad`) and the one planned for the next row (`action`). Every tick goes to `telemetry/`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..cameras.base import newest_frames
from ..errors import DataError
from ..timeline.events import EventLog
from ..types import UInt8
from ..units import NS_PER_S
from . import marks
from .outcome import SCENE, VERDICTS, Outcome
from .record_plan import DISCARD, KEEP, QUIT, REDO, Leader, Recorded, RecordPlan, Watcher
from .rhythm import Rhythm
from .schema import Feature, Schema
from .writer import DatasetWriter

if TYPE_CHECKING:
    from ..robots.robot import Robot

__all__ = [
    "DISCARD", "KEEP", "QUIT", "REDO", "Leader", "RecordPlan", "Recorded", "Sampler", "Session", "Watcher", "record",
    "schema_for",
]  # fmt: skip
POLL_S = 0.05
PICTURE = "observation.images."
UNEVEN = 3
"""Episodes in a row without their rhythm that end a strict session."""

_log = logging.getLogger(__name__)


def schema_for(robot: Robot, fps: int = 0, subtasks: Sequence[str] | None = None) -> Schema:
    """The features of a recording of this robot; joints in its order, radians. Sub-tasks as in `RecordPlan`."""
    spec = robot.spec
    if fps == 0:
        fps = int(min((camera.fps for camera in spec.cameras), default=20.0))
    joints = tuple(f"{name}.pos" for name in spec.joint_names)
    count = (len(joints),)
    roles = sorted(robot.cameras)
    clocks = (*roles, "joints")
    features = [
        Feature("observation.state", "float32", count, joints),
        Feature("action", "float32", count, joints),
        Feature("commanded_rad", "float32", count, joints),
        Feature("velocity_rad_s", "float32", count, joints),
        Feature("effort", "float32", count, joints),
        Feature("joint_age_s", "float32", count, joints),
        Feature("capture_s", "float64", (len(clocks),), clocks),
        Feature("row_s", "float64", (1,)),
    ]
    if subtasks is not None:
        features += marks.COLUMNS
    for role in roles:
        shape = robot.cameras[role].read_latest().image.shape
        features.append(Feature(PICTURE + role, "video", shape, ("height", "width", "channels")))
    own: dict[str, Any] = {
        "units": {"observation.state": "rad", "action": "rad", "effort": "share of stall torque, signed"},
        "limits_rad": {j.name: [j.lower_rad, j.upper_rad] for j in spec.joints},
        "slots": {j.name: j.slot for j in spec.joints},
    }
    if subtasks:
        own[marks.NAMES] = ["", *subtasks]
    return Schema(fps, spec.name, tuple(features), own)


class Sampler:
    """Takes a row at every tick of the grid, on a thread of its own, until `stop`."""

    def __init__(
        self,
        robot: Robot,
        writer: DatasetWriter,
        start_ns: int,
        ticks: Callable[[], NDArray[np.void]] | None = None,
    ) -> None:
        self.late = 0
        self.rows = 0
        self.error: BaseException | None = None
        self.writer = writer
        self._robot, self._start_ns = robot, start_ns
        self._period_ns = NS_PER_S // writer.schema.fps
        self._keys = [f.key for f in writer.schema.videos]
        self._seen: dict[str, int] = {}
        self._over = threading.Event()
        self._first_ns = self._last_ns = start_ns
        self.rhythm = Rhythm()
        self._ticks = ticks or robot.control.telemetry
        self._ticks()  # what was before the episode is not of it
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    @property
    def rate_hz(self) -> float:
        """Rows per second so far."""
        elapsed_ns = self._last_ns - self._first_ns
        return (self.rows - 1) * NS_PER_S / elapsed_ns if elapsed_ns > 0 else 0.0

    def stop(self) -> None:
        """No more rows; raises what the thread died of."""
        self._over.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            due_ns = self._start_ns
            while not self._over.wait(max(0.0, (due_ns - time.monotonic_ns()) / NS_PER_S)):
                now_ns = time.monotonic_ns()
                self.late += now_ns - due_ns > self._period_ns // 2
                self._row(now_ns)
                # A machine that stood still goes on at once; no rows are made up for the time that is gone.
                due_ns = max(due_ns + self._period_ns, now_ns)
            self._keep_ticks()
        except Exception as error:  # noqa: BLE001 - handed to the thread that records, whatever it is
            self.error = error

    def _row(self, now_ns: int) -> None:
        control, start_ns = self._robot.control, self._start_ns
        by_role = newest_frames(self._robot.cameras)
        frames = {key: by_role[key.removeprefix(PICTURE)] for key in self._keys}
        joints, newest = control.state_at(now_ns), control.state()
        if joints is None:
            raise DataError("no joint state has been read yet")
        clocks = [frames[key].t_ns for key in self._keys] + [joints["t_ns"]]
        row = {
            "observation.state": joints["position_rad"],
            "action": control.committed(now_ns + self._period_ns, self._period_ns, 1)[0],
            "commanded_rad": control.committed(now_ns, self._period_ns, 1)[0],
            "velocity_rad_s": joints["velocity_rad_s"],
            "effort": joints["effort"],
            "joint_age_s": (now_ns - newest["joint_t_ns"]) / NS_PER_S,
            "capture_s": [(t_ns - start_ns) / NS_PER_S for t_ns in clocks],
            "row_s": (now_ns - start_ns) / NS_PER_S,
        } | dict.fromkeys((f.key for f in marks.COLUMNS), 0)  # known at the end of the episode
        images: dict[str, UInt8 | None] = {}
        for key, frame in frames.items():
            images[key] = None if self._seen.get(key) == frame.seq else frame.image
            self._seen[key] = frame.seq
        self.writer.add(row, images)
        if self.rows == 0:
            self._first_ns = now_ns
        self.rows, self._last_ns = self.rows + 1, now_ns
        self._keep_ticks()

    def _keep_ticks(self) -> None:
        ticks = self._ticks()
        self.rhythm.take(ticks)
        self.writer.telemetry(ticks)


@dataclass
class Session:
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
        """All episodes of the plan. Raises MotoriumError; what was finished before stays."""
        attempt = 0
        while len(self.out) < self.plan.episodes:
            seed = self.plan.seed + attempt
            wish, recorded = self._episode(seed)
            self.watcher.ends(recorded)
            if recorded is not None:
                self.out.append(recorded)
            if wish == QUIT:
                break
            attempt += wish != REDO
        return self.out

    def _episode(self, seed: int) -> tuple[str | None, Recorded | None]:
        writer, leader = self.writer, self.leader
        task = leader.prepare(seed, self.plan.task)
        self.watcher.begins(len(self.out), self.plan.episodes, task)
        missed = int(self.robot.control.stats()["missed"])
        start_ns = time.monotonic_ns()
        writer.begin(task, start_ns)
        self._subtasks, self._told = 0, None
        wish, judged, sampler = self._lead(start_ns)
        self._mark()
        if wish in {REDO, DISCARD, QUIT}:
            writer.discard()
            return wish, None
        missed = int(self.robot.control.stats()["missed"]) - missed
        outcome = self._told or judged
        notes = {
            "leader": leader.name, "seed": seed, **outcome.as_notes(), "rate_hz": sampler.rate_hz,
            "late_rows": sampler.late, "missed_ticks": missed, "control": sampler.rhythm.as_dict(),
        }  # fmt: skip
        if self._fails(sampler, missed):
            writer.discard()
            return REDO, None
        finished = writer.end(notes)
        return wish, Recorded(finished, task, seed, outcome, sampler.rate_hz, sampler.late, missed)

    def _lead(self, start_ns: int) -> tuple[str | None, Outcome, Sampler]:
        """Let the leader move and rows be taken until the episode is over; then the arm is held, whatever ended it."""
        leader = self.leader
        sampler: Sampler | None = None
        try:
            leader.begin()
            sampler = Sampler(self.robot, self.writer, start_ns, leader.telemetry)
            wish, judged = self._watch(sampler)
        finally:
            try:
                leader.end()
            finally:
                if sampler is not None:
                    sampler.stop()
        return wish, judged, sampler

    def _fails(self, sampler: Sampler, missed: int) -> bool:
        """Whether a strict session throws this episode away. Raises DataError at the third in a row."""
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
            raise DataError(f"{UNEVEN} episodes in a row did not keep their rhythm, the last: {problem}")
        _log.warning("the episode is not kept and done again: %s", problem)
        return True

    def _watch(self, sampler: Sampler) -> tuple[str | None, Outcome]:
        """Until somebody ends the episode: what a person asked for, and how the scene judged, where one judges."""
        give_up, until = time.monotonic() + self.plan.limit_s, float("inf")
        scene = getattr(self.robot, "world", None) is not None
        judged = Outcome(False, SCENE) if scene else Outcome()
        while time.monotonic() < min(give_up, until):
            if sampler.error is not None:
                raise sampler.error
            self.robot.check()
            self._mark()
            wish = self.watcher.watches(sampler)
            if wish is not None:
                return wish, judged
            done = self.leader.done()
            if until == float("inf") and (done is not None or self._told is not None):
                until = time.monotonic() + self.plan.tail_s
                judged = judged if done is None else Outcome(done, SCENE if scene else self.leader.name)
            time.sleep(POLL_S)
        return None, judged

    def _mark(self) -> None:
        """What was marked since the last time, sub-tasks by their names."""
        names = self.plan.subtasks or ()
        for event in self.log.take():
            named = event
            if event.kind == "subtask" and event.t_ns >= self.writer.start_ns:
                if not event.text and self._subtasks < len(names):
                    named = replace(event, text=names[self._subtasks])
                self._subtasks += 1
            if event.kind in VERDICTS and event.t_ns >= self.writer.start_ns:
                self._told = Outcome(VERDICTS[event.kind], event.source)
            self.writer.mark(named)


def record(
    robot: Robot, leader: Leader, plan: RecordPlan, watcher: Watcher, log: EventLog | None = None
) -> tuple[list[Recorded], DatasetWriter]:
    """Record the plan with an open robot; what is added to `log` meanwhile is noted with the episode of that time.

    Returns what was kept, and the closed writer for its `repaired`. Raises MotoriumError; finished episodes stay.
    """
    schema = schema_for(robot, plan.fps, plan.subtasks)
    with DatasetWriter(plan.root, schema, codec=plan.codec) as writer:
        session = Session(robot, leader, writer, plan, watcher, EventLog() if log is None else log)
        return session.run(), writer
