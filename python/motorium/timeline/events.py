"""Marks that a person makes while demonstrating: contact, release, the next sub-task; each with its own time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..deprecated import TextEnum
from ..errors import MotoriumError
from ..files import write_whole
from ..foreign import parse_json, read_bytes


class EventKind(TextEnum):
    """What a person marks."""

    CONTACT = "contact"
    RELEASE = "release"
    SUBTASK = "subtask"
    SUCCESS = "success"
    FAILURE = "failure"
    MARK = "mark"


KINDS = tuple(kind.value for kind in EventKind)
MAX_EVENTS = 100_000
MAX_TEXT = 500
MAX_FILE_BYTES = 64 << 20


@dataclass(frozen=True)
class Event:
    """One mark.

    Attributes:
        t_ns: CLOCK_MONOTONIC, when it was made (not when it was read).
        kind: an EventKind, or its text.
        source: who made it, such as "pedal" or "key c".
        text: the new sub-task's name, or a remark.
    """

    t_ns: int
    kind: EventKind
    source: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        """Raise MotoriumError for an unknown kind, a time below zero, or a text that is too long."""
        try:
            object.__setattr__(self, "kind", EventKind(self.kind))
        except ValueError as error:
            raise MotoriumError(f"event kind {self.kind!r}; valid choices: {', '.join(KINDS)}") from error
        if not 0 <= self.t_ns < 1 << 63 or max(len(self.text), len(self.source)) > MAX_TEXT:
            raise MotoriumError(f"an event at {self.t_ns} ns with a text of {len(self.text)} characters")


class EventLog:
    """Events in order of time, from any number of threads; at most a hundred thousand, then the newest are refused."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """Begin with `events`."""
        self._lock = threading.Lock()
        self._events = list(events)
        self._taken = 0
        self.refused = 0

    def add(self, event: Event) -> None:
        """Add one; beyond the limit it is counted in `refused` instead."""
        with self._lock:
            if len(self._events) < MAX_EVENTS:
                self._events.append(event)
            else:
                self.refused += 1

    def take(self) -> list[Event]:
        """Take events added since the last call, in order of arrival: for a recorder."""
        with self._lock:
            new = self._events[self._taken :]
            self._taken = len(self._events)
            return new

    @property
    def events(self) -> list[Event]:
        """All, in order of time."""
        with self._lock:
            return sorted(self._events, key=lambda event: event.t_ns)

    def contact(self, ticks_ns: ArrayLike) -> NDArray[np.bool_]:
        """Return (N,) whether a contact has been marked and not yet released at each tick."""
        marks = [e for e in self.events if e.kind in {EventKind.CONTACT, EventKind.RELEASE}]
        return _last_of(ticks_ns, marks, [e.kind is EventKind.CONTACT for e in marks], False).astype(np.bool_)

    def subtasks(self, ticks_ns: ArrayLike) -> tuple[NDArray[np.int64], list[str]]:
        """Return (N,) index of the sub-task at each tick, and their names; 0 is what came before the first mark."""
        marks = [e for e in self.events if e.kind is EventKind.SUBTASK]
        index = _last_of(ticks_ns, marks, list(range(1, len(marks) + 1)), 0).astype(np.int64)
        return index, ["", *(mark.text for mark in marks)]

    def save(self, path: Path) -> None:
        """Write JSON lines, whole or not at all."""
        text = "".join(json.dumps(asdict(event)) + "\n" for event in self.events)
        write_whole(path, lambda file: file.write(text.encode("utf-8")))

    @classmethod
    def load(cls, path: Path) -> EventLog:
        """Read what `save` wrote. Raises MotoriumError naming the line that is wrong."""
        lines = read_bytes(path, MAX_FILE_BYTES, error=MotoriumError).splitlines()
        if len(lines) > MAX_EVENTS:
            raise MotoriumError(f"{path} has more than {MAX_EVENTS} events")
        return cls(read_event(line, f"{path}:{number}") for number, line in enumerate(lines, 1))


def read_event(line: bytes, where: str) -> Event:
    """Read one line of a saved log. Raises MotoriumError that begins with `where`."""
    try:
        table: Any = parse_json(line)
        if not isinstance(table, dict) or set(table) - {"t_ns", "kind", "source", "text"}:
            raise ValueError("no event")
        t_ns, kind = table["t_ns"], table["kind"]
        texts = table.get("source", ""), table.get("text", "")
        if type(t_ns) is not int or not all(isinstance(text, str) for text in (kind, *texts)):
            raise ValueError("t_ns is a whole number, the others are texts")
        return Event(t_ns, kind, *texts)
    except (ValueError, KeyError, RecursionError, MotoriumError) as error:
        raise MotoriumError(f"{where}: {error}") from error


def _last_of(ticks_ns: ArrayLike, marks: list[Event], values: list[Any], before: Any) -> NDArray[Any]:
    """Return the value of the last mark at or before each tick."""
    times = np.array([mark.t_ns for mark in marks], dtype=np.int64)
    place = np.searchsorted(times, np.asarray(ticks_ns, dtype=np.int64), side="right")
    return np.array([before, *values])[place]
