"""What keys and pedals mean beyond stopping the arm: requests to a verb, and marks of a demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    marks: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""


RUN_KEYS = KeyMap({END: ENDS})
TELEOP_KEYS = KeyMap({END: ENDS, "p": PAUSES})
RECORD_KEYS = KeyMap(
    {"r": REDO, "d": DISCARD, END: KEEP, "q": QUIT},
    {"n": "subtask", "m": "mark", "s": "success", "f": "failure"},
    contact="c",
)


@dataclass(frozen=True)
class Mark:
    """What a pedal means: kinds of events, empty for none.

    Attributes:
        press: when it goes down.
        release: when it comes up.
        held: instead of `release`, when it was down for `pedal.HELD_S`.
    """

    press: str = ""
    release: str = ""
    held: str = ""


MEANINGS: Mapping[str, Mark] = {
    "contact": Mark("contact", "release"),
    "subtask": Mark("subtask"),
    "mark": Mark("mark"),
    "success": Mark("success"),
    "failure": Mark("failure"),
    "outcome": Mark(release="success", held="failure"),
    "none": Mark(),
}
"""What a pedal can mean while recording; "outcome" is a success when tapped and a failure when held."""
RECORDING = ("contact", "subtask", "outcome")
"""What the three pedals mean while recording unless the user says otherwise."""
