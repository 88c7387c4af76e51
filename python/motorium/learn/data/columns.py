"""Gather the columns of all sources: states, chunks, times and words of every frame, in memory; pictures never."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.format.tables import Episode, Rows
from ...errors import DataError
from ...specs.robot import RobotSpec
from . import words
from .labels import chunks
from .source import Source, TableSpec

MOST_BYTES = 16 << 30
"""Of all columns together: two million frames of 64 rows of 14 joints have half of it."""


@dataclass(frozen=True)
class Recorded:
    """One recording in the table.

    Attributes:
        source: number of its source.
        line: about it in its dataset.
        first: its first frame in the table.
        held_out: whether it is for validation.
    """

    source: int
    line: Episode
    first: int
    held_out: bool


@dataclass
class Columns:
    """Columns of N frames; see `Recordings.column`.

    Attributes:
        slots: of the columns of joints.
        robots: embodiments, by number.
        tasks: instruction -> its number, which count from 0.
        recorded: recordings, by number.
    """

    slots: tuple[int, ...]
    robots: tuple[RobotSpec, ...]
    parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    recorded: list[Recorded] = field(default_factory=list)
    frames: int = 0

    def add(self, **columns: NDArray[Any]) -> None:
        """Append the frames of one recording."""
        for name, values in columns.items():
            self.parts.setdefault(name, []).append(values)
        self.frames += len(columns["state"])

    def joined(self) -> dict[str, NDArray[Any]]:
        """Return all columns, and keep the parts no longer."""
        out = {}
        for name in list(self.parts):
            out[name] = np.concatenate(self.parts.pop(name))
            out[name].flags.writeable = False
        return out


def gather(
    sources: Sequence[Source], held_out: Sequence[Mapping[int, bool]], table: TableSpec, dt_s: float
) -> Columns:
    """Read the columns of all episodes that are named.

    Args:
        sources: opened.
        held_out: per source, episode -> whether it is for validation; episodes that are not named are left out.
        table: what is wanted.
        dt_s: between rows.

    Raises DataError for what cannot be read or does not mean what it should.
    """
    robots = tuple(dict.fromkeys(source.robot for source in sources))
    slots = tuple(dict.fromkeys(joint.slot for robot in robots for joint in robot.joints))
    out = Columns(slots, robots)
    total = sum(
        e.length
        for s, held in zip(sources, held_out, strict=True)
        for e in s.dataset.episodes
        if e.index in held
    )
    if total * len(slots) * (table.rows + 1) * 4 > MOST_BYTES:
        raise DataError(
            f"{total} frames with {table.rows} rows of {len(slots)} joints take more than {MOST_BYTES >> 30} GB: give "
            f"fewer rows, or fewer episodes"
        )
    for number, (source, held) in enumerate(zip(sources, held_out, strict=True)):
        _gather_source(out, number, source, held, (table, dt_s))
    _check_once(out, sources)
    return out


def _check_once(columns: Columns, sources: Sequence[Source]) -> None:
    """Raise DataError when a recording is there twice, as after a merge: it could be learned and judged by."""
    seen: dict[bytes, str] = {}
    for one, state, rows in zip(columns.recorded, columns.parts["state"], columns.parts["rows"], strict=True):
        content = hashlib.sha256(state.tobytes() + rows.tobytes()).digest()
        name = f"episode {one.line.index} of {sources[one.source].dataset.root}"
        first = seen.setdefault(content, name)
        if first != name:
            raise DataError(
                f"{name} and {first} are the same recording, which could be learned and held out at once: give one of "
                f"the datasets, or remove the episode, motorium data delete"
            )


def _gather_source(
    out: Columns, number: int, source: Source, held: Mapping[int, bool], how: tuple[TableSpec, float]
) -> None:
    table, dataset = how[0], source.dataset
    wanted = list(
        dict.fromkeys((*source.joints.keys(dataset), *words.keys(dataset, subtasks=table.subtasks)))
    )
    read: dict[int, dict[str, NDArray[Any]]] = {}
    for path, episodes in dataset.by_file().items():
        named = {index: line for index, line in episodes.items() if index in held}
        for line, rows in dataset.walk(path, wanted, named) if named else ():
            read[line.index] = _episode(out, source, line, rows, how)
    for line in dataset.episodes:
        if line.index not in held:
            continue
        if line.index not in read:
            raise DataError(f"{dataset.data_path(line)} has no row of episode {line.index}")
        columns = read.pop(line.index)
        count = len(columns["state"])
        out.recorded.append(Recorded(number, line, out.frames, held[line.index]))
        out.add(
            **columns,
            episode=np.full(count, len(out.recorded) - 1, np.int32),
            source=np.full(count, number, np.int16),
            embodiment=np.full(count, out.robots.index(source.robot), np.int16),
            frame=np.arange(count, dtype=np.int32),
        )


def _episode(
    out: Columns, source: Source, line: Episode, rows: Rows, how: tuple[TableSpec, float]
) -> dict[str, NDArray[Any]]:
    table, dt_s = how
    joints = source.joints.read(source.dataset, line, rows)
    labels, valid = chunks(joints, table.rows, dt_s)
    number, texts = words.texts(source.dataset, line, rows, source.spec.task)
    return {
        "state": _placed(out, source, source.joints.slots(joints.state_rad)),
        "rows": _placed(out, source, source.joints.slots(labels)),
        "valid": valid,
        "time_s": joints.times_s - joints.times_s[0],
        "task": _numbered(out.tasks, number, texts),
    }


def _placed(out: Columns, source: Source, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put (..., J) values of a robot into the columns of its slots; those that it lacks are zero."""
    own = [joint.slot for joint in source.robot.joints]
    if tuple(own) == out.slots:
        return values
    whole = np.zeros((*values.shape[:-1], len(out.slots)), np.float32)
    whole[..., [out.slots.index(slot) for slot in own]] = values
    return whole


def _numbered(tasks: dict[str, int], number: NDArray[np.int64], texts: list[str]) -> NDArray[np.int32]:
    """Number the texts of an episode's rows as those of the table, of which new ones are made."""
    of = np.zeros(len(texts), np.int32)
    for used in np.unique(number).tolist():
        of[used] = tasks.setdefault(texts[used], len(tasks))
    return of[number]


def digest(columns: dict[str, NDArray[Any]], tasks: Sequence[str], said: Sequence[str]) -> str:
    """Return the SHA-256 of columns, instructions and whatever else is `said` of what was read."""
    out = hashlib.sha256()
    for name in sorted(columns):
        out.update(f"{name} {columns[name].dtype} {columns[name].shape}\n".encode())
        out.update(np.ascontiguousarray(columns[name]).data)
    for text in (*tasks, *said):
        out.update(f"{len(text)} {text}\n".encode())
    return out.hexdigest()
