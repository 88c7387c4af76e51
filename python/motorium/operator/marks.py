"""What keys and pedals mean beyond stopping the arm: requests to a verb, and marks of a demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..timeline.events import EventKind
from .terminal import END

REDO, DISCARD, KEEP, QUIT = "redo", "discard", "keep", "quit"
"""What a person may ask of a recording while an episode runs."""
ENDS, PAUSES = "end", "pause"
"""What a person may ask of a run or of a teleoperation."""


@dataclass(frozen=True)
class KeyMap:
    """The keys of a verb.

    Attributes:
        requests: key -> what it asks of the verb.
        marks: key -> kind of the mark that it makes.
        contact: key that begins a contact and, pressed again, ends it: a terminal tells of presses, never of
            releases. "" for none.
    """

    requests: Mapping[str, str]
    marks: Mapping[str, EventKind] = field(default_factory=dict)
    contact: str = ""


RUN_KEYS = KeyMap({END: ENDS})
TELEOP_KEYS = KeyMap({END: ENDS, "p": PAUSES})
RECORD_KEYS = KeyMap(
    {"r": REDO, "d": DISCARD, END: KEEP, "q": QUIT},
    {"n": EventKind.SUBTASK, "m": EventKind.MARK, "s": EventKind.SUCCESS, "f": EventKind.FAILURE},
    contact="c",
)


@dataclass(frozen=True)
class Mark:
    """What a pedal means: kinds of events, None for none.

    Attributes:
        press: when it goes down.
        release: when it comes up.
        held: instead of `release`, when it was down for `pedal.HELD_S`.
    """

    press: EventKind | None = None
    release: EventKind | None = None
    held: EventKind | None = None


MEANINGS: Mapping[str, Mark] = {
    "contact": Mark(EventKind.CONTACT, EventKind.RELEASE),
    "subtask": Mark(EventKind.SUBTASK),
    "mark": Mark(EventKind.MARK),
    "success": Mark(EventKind.SUCCESS),
    "failure": Mark(EventKind.FAILURE),
    "outcome": Mark(release=EventKind.SUCCESS, held=EventKind.FAILURE),
    "none": Mark(),
}
"""What a pedal can mean while recording; "outcome" is a success when tapped and a failure when held."""
RECORDING = ("contact", "subtask", "outcome")
"""What the three pedals mean while recording unless the user says otherwise."""
