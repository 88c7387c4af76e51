"""Describe a recording: the plan, who moves the arm, who watches, and what is kept of each episode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...instructions import check_instruction
from ...types import Float32
from ..format.identity import NOTHING, Accepted
from ..format.outcome import Outcome
from .writer import Finished

if TYPE_CHECKING:
    from .sampler import Sampler


class Leader(Protocol):
    """Moves the arm: a person, a script, another arm."""

    name: str

    def prepare(self, seed: int, task: str | None) -> str:
        """Bring arm and scene to a beginning; return the instruction."""
        ...

    def begin(self) -> None:
        """Start to move."""
        ...

    def done(self) -> bool | None:
        """Return True or False when the scene tells that the episode is over, None while it goes on."""
        ...

    def telemetry(self) -> NDArray[np.void]:
        """Return control ticks since the last call; `robot.control.telemetry` has one reader, the leader."""
        ...

    def end(self) -> None:
        """Stop moving."""
        ...


@runtime_checkable
class Posed(Protocol):
    """A leader with its own joints, which are recorded beside the setpoints made from them."""

    def pose_at(self, t_ns: int) -> Float32:
        """Return (J,) its joints at a time, as joints of the arm that it moves."""
        ...


@dataclass(frozen=True)
class RecordPlan:
    """What to record.

    Attributes:
        root: the dataset.
        episodes: how many more.
        task: the instruction; None lets the scene choose.
        fps: rows per second; 0 takes the slowest camera's.
        limit_s: longest episode.
        tail_s: how long to go on after the task is done, or a person has said how it ended.
        seed: of the first scene.
        codec: of the videos.
        strict: throw an episode away and do it again when its rhythm was not kept (see `Rhythm.problem`).
        subtasks: names of the sub-tasks, in the order in which they are marked; the dataset then has the columns of
            `data.record.marks`. With () they are numbered; None leaves the columns out, marks are noted all the same.
    """

    root: Path
    episodes: int
    task: str | None = None
    fps: int = 0
    limit_s: float = 30.0
    tail_s: float = 0.5
    seed: int = 0
    codec: str = "h264"
    strict: bool = False
    subtasks: tuple[str, ...] | None = None
    accepted: Accepted = NOTHING

    def __post_init__(self) -> None:
        if self.task is not None:
            check_instruction(self.task)


@dataclass(frozen=True)
class Recorded:
    """One kept episode; `late` are rows that came more than half a period after their time."""

    finished: Finished
    task: str
    seed: int
    outcome: Outcome
    rate_hz: float
    late: int
    missed_ticks: int

    @property
    def success(self) -> bool | None:
        """How it ended; None while that is unknown."""
        return self.outcome.success

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; "success" is null while nobody has said how it ended."""
        return {
            "episode": self.finished.episode.index,
            "task": self.task,
            "seed": self.seed,
            "success": self.outcome.success,
            "success_by": self.outcome.by or None,
            "frames": self.finished.episode.length,
            "rate_hz": round(self.rate_hz, 3),
            "late_rows": self.late,
            "missed_ticks": self.missed_ticks,
            "dropped_frames": dict(self.finished.dropped),
            "durable_s": round(self.finished.durable_s, 3),
        }


class Watcher(Protocol):
    """Observes a recording; called from the thread that records."""

    def begins(self, number: int, of: int, task: str) -> None:
        """Take note that an episode starts."""
        ...

    def watches(self, sampler: Sampler) -> str | None:
        """Return what the person asks for, one of the words above, if anything; called a few times a second."""
        ...

    def ends(self, recorded: Recorded | None) -> None:
        """Take note of what was kept; None: nothing."""
        ...
