"""Keep marks of the episode in progress: a line each at once, then a list in the notes and two columns.

Contact, release, next sub-task: each with its own time, which is that of the press and not of a row. The columns
`subtask_index` and `contact`, where a dataset has them, are filled in when the episode is finished, or recovered.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, MotoriumError
from ...foreign import read_bytes
from ...timeline.events import Event, EventLog, read_event
from ...units import NS_PER_S
from ..format.schema import Feature, Schema
from ..format.tables import Rows

FILE = "marks.jsonl"
SUBTASK, CONTACT = "subtask_index", "contact"
COLUMNS = (Feature(SUBTASK, "int64", (1,)), Feature(CONTACT, "int64", (1,)))
NAMES = "subtasks"
"""Key of the own section of info.json: names of the sub-tasks, the first of them empty: before any mark."""
MAX_MARKS = 10_000
MAX_BYTES = 16 << 20


def append(part: Path, event: Event) -> None:
    """Append a mark of the episode in `part`, on the disk on return. Raises DataError."""
    line = json.dumps(asdict(event)).encode() + b"\n"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(part / FILE, flags, 0o666)
        try:
            os.write(fd, line)
            os.fdatasync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise DataError(f"cannot write {part / FILE}: {error.strerror}") from error


def read(part: Path) -> list[Event]:
    """Read all marks up to the first line that is not whole, in order of time."""
    path = part / FILE
    events: list[Event] = []
    with contextlib.suppress(MotoriumError):  # the first that is not whole ends it
        lines = (
            read_bytes(path, MAX_BYTES, error=DataError, inside=part).splitlines() if path.exists() else []
        )
        for line in lines[:MAX_MARKS]:
            events.append(read_event(line, str(path)))  # noqa: PERF401 - those before it count
    return sorted(events, key=lambda event: event.t_ns)


def noted(events: Sequence[Event], start_ns: int, until_ns: int) -> list[dict[str, Any]]:
    """Return an episode's marks for its notes, seconds from its start; those beyond its end are not of it."""
    return [
        {
            "t_s": round((e.t_ns - start_ns) / NS_PER_S, 6),
            "kind": str(e.kind),
            "source": e.source,
            "text": e.text,
        }
        for e in events
        if start_ns <= e.t_ns <= until_ns
    ]


def columns(schema: Schema, events: Sequence[Event], times_ns: NDArray[np.int64]) -> Rows:
    """Compute the columns of marks, (N, 1) each, for rows taken at `times_ns`; {} for a dataset without them."""
    if not schema.has(SUBTASK):
        return {}
    log = EventLog(events)
    index, names = log.subtasks(times_ns)
    declared = schema.own.get(NAMES)
    if isinstance(declared, list):
        place = [declared.index(name) if name in declared else 0 for name in names]
        index = np.array(place, dtype=np.int64)[index]
    contact = log.contact(times_ns).astype(np.int64)
    return {SUBTASK: index.reshape(-1, 1), CONTACT: contact.reshape(-1, 1)}
