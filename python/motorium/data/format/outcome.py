"""Read from an episode's notes how it ended: success, failure, or unknown; and whether its end is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SUCCESS, BY = "success", "success_by"
RECOVERED, WHOLE = "recovered", "whole"
SCENE = "scene"
"""Who judged: a simulated scene; else a person's key, a pedal, or `motorium data mark`."""
SCRIPT = "script"
"""The leader that only simulated scenes have."""
VERDICTS: Mapping[str, bool] = {"success": True, "failure": False}
"""Kinds of marks that say how an episode ended."""
WORDS: Mapping[bool | None, str] = {True: "success", False: "failure", None: "unknown"}


@dataclass(frozen=True)
class Outcome:
    """How an episode ended.

    Attributes:
        success: True, False, or None while nobody has said so.
        by: who said so, such as "scene", "key s" or "pedal"; "" for nobody.
    """

    success: bool | None = None
    by: str = ""

    def as_notes(self) -> dict[str, Any]:
        """Return plain values for the notes of an episode."""
        said = {SUCCESS: self.success}
        return said | {BY: self.by} if self.by else said


def outcome_of(notes: Mapping[str, Any]) -> Outcome:
    """Read the outcome from the notes of an episode.

    0.1.0 noted False for every episode of a real arm, whose scene nothing judges, and never who had judged. So a False
    of its recorder is believed of the script alone; what a program noted by itself, without a leader, is what it meant.
    """
    if SUCCESS not in notes:
        return _marked(notes.get("events"))
    success, by = notes[SUCCESS], notes.get(BY)
    if not isinstance(success, bool):
        return Outcome()
    if isinstance(by, str) and by:
        return Outcome(success, by)
    recorder, script = "leader" in notes, notes.get("leader") == SCRIPT
    return (
        Outcome() if recorder and not script and not success else Outcome(success, SCENE if recorder else "")
    )


def _marked(events: Any) -> Outcome:
    """Return the last verdict among the marks: of a recording that was cut off after somebody had given it."""
    marks = [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    return last_verdict((str(mark.get("kind")), str(mark.get("source", ""))) for mark in marks) or Outcome()


def last_verdict(marks: Iterable[tuple[str, str]]) -> Outcome | None:
    """Return the outcome that the last of these marks (kind, source) tells; None when none of them tells one."""
    said = [Outcome(VERDICTS[kind], source) for kind, source in marks if kind in VERDICTS]
    return said[-1] if said else None


def cut_off(notes: Mapping[str, Any]) -> bool:
    """Return whether the end of the demonstration is missing: recovered after a cut, and nobody has called it whole."""
    return notes.get(RECOVERED) is True and notes.get(WHOLE) is not True


def normalised(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notes with the outcome as it is meant (see `outcome_of`), where they tell one."""
    if SUCCESS not in notes:
        return dict(notes)
    kept = {key: value for key, value in notes.items() if key not in {SUCCESS, BY}}
    return kept | outcome_of(notes).as_notes()
