"""What a person does to a simulated arm, in words: move it by hand, pull cables, spoil the line.

One command a line, the same as options of `motorium sim` and as what is typed into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._core import ServoEmulator, ServoFault
from ..errors import SimulationError
from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec
from .hand import Hand

LINE_FAULTS = (
    "drop", "corrupt", "truncate", "delay", "duplicate", "wrong_id", "wrong_length", "garbage_before", "garbage_after",
    "echo",
)  # fmt: skip
"""Of `ServoEmulator.set_fault`: what befalls replies."""
CONDITIONS: dict[str, dict[str, Any]] = {
    "overload": {"overload": True},
    "overheat": {"overheat": True},
    "sag": {"sag_dv": 25},
}
"""Of `ServoEmulator.set_condition`: what befalls servos; sag is 2.5 V lost in the cables."""
EVERY = 10
"""Every how manieth reply suffers, unless said."""
MAX_EVERY = 1_000_000
COMMANDS = (
    "move JOINT RADIANS | move home | move sweep | move off",
    "missing JOINT ... | connect JOINT ... | connect all | connect none   (a joint's name, or its id as declared)",
    f"fault KIND[:JOINT][/EVERY] | fault none   (kinds: {', '.join((*LINE_FAULTS, *CONDITIONS))}, unplug)",
    "help",
)


class Practice:
    """The person beside one simulated arm."""

    def __init__(self, spec: RobotSpec, servos: ServoEmulator, hand: Hand) -> None:
        """Stand beside the arm of `spec`; all servos are connected."""
        self._spec, self._servos, self._hand = spec, servos, hand
        self._verbs: dict[str, Callable[[Sequence[str]], str]] = {
            "move": self._move,
            "missing": self._missing,
            "connect": self._connect,
            "fault": self._fault,
            "help": lambda _words: "\n".join(COMMANDS),
        }

    def carry_out(self, line: str) -> str:
        """Do what `line` says and return what was done. Raises SimulationError with the valid commands."""
        verb, *words = line.split() or ["help"]
        if verb not in self._verbs:
            raise SimulationError(f"unknown command {verb!r:.40}; valid:\n" + "\n".join(COMMANDS))
        return self._verbs[verb](words)

    def _move(self, words: Sequence[str]) -> str:
        whole = {"home": self._hand.home, "sweep": self._hand.sweep, "off": self._hand.let_go}
        if len(words) == 1 and words[0] in whole:
            whole[words[0]]()
            return (
                f"move {words[0]}: joints without torque follow the hand" if words[0] != "off" else "hand off"
            )
        try:
            names, angles = words[0::2], [float(word) for word in words[1::2]]
            pose = dict(zip(names, angles, strict=True))
        except ValueError:
            pose = {}
        if not pose:
            raise SimulationError(
                f"give JOINT RADIANS, home, sweep or off after move, not {' '.join(words)!r:.60}"
            )
        self._hand.move(pose)
        return f"move {' '.join(words)}: joints without torque follow the hand"

    def _missing(self, words: Sequence[str]) -> str:
        places = [self._place(word) for word in words]
        if not places:
            raise SimulationError("give joints or ids after missing")
        for place in places:
            self._servos.connect(place, on=False)
        return f"{self._named(places)}: silent and without power; servos after it answer"

    def _connect(self, words: Sequence[str]) -> str:
        everyone = range(len(self._spec.joints))
        named = {"all": list(everyone), "none": []}
        if len(words) == 1 and words[0] in named:
            places = named[words[0]]
        elif words:
            places = [self._place(word) for word in words]
        else:
            raise SimulationError("give joints or ids, all or none after connect")
        self._servos.replug()
        for place in everyone:
            self._servos.connect(place, on=place in places)
        return f"connected: {self._named(places) or 'none'}"

    def _fault(self, words: Sequence[str]) -> str:
        if len(words) != 1:
            raise SimulationError("give KIND[:JOINT][/EVERY] or none after fault")
        what, _, every = words[0].partition("/")
        kind, _, joint = what.partition(":")
        place = self._place(joint) if joint else None
        period = EVERY if not every else int(every) if every.isascii() and every.isdigit() else 0
        if not 1 <= period <= MAX_EVERY:
            raise SimulationError(f"every {every!r:.20}: a whole number from 1 to {MAX_EVERY}")
        if kind == "none":
            self._servos.set_fault(ServoFault.NONE)
            self._servos.set_condition()
            return "no fault"
        servo = None if place is None else self._id(place)
        if kind in LINE_FAULTS:
            self._servos.set_fault(ServoFault(kind), servo, period)
        elif kind in CONDITIONS:
            self._servos.set_condition(servo, **CONDITIONS[kind])
        elif kind == "unplug":
            self._servos.unplug(self._id(place or 0))
        else:
            raise SimulationError(
                f"no fault {kind!r:.40}; kinds: {', '.join((*LINE_FAULTS, *CONDITIONS))}, unplug"
            )
        whom = self._spec.joint_names[place] if place is not None else "all servos"
        return f"fault {kind} on {whom}" + (f", every {period}. reply" if kind in LINE_FAULTS else "")

    def _place(self, word: str) -> int:
        ids = [str(joint.id) for joint in self._spec.joints]
        for known in (list(self._spec.joint_names), ids):
            if word in known:
                return known.index(word)
        raise SimulationError(
            f"no joint {word!r:.40}; joints: {', '.join(self._spec.joint_names)}, or {', '.join(ids)}"
        )

    def _id(self, place: int) -> int:
        """Return the id a servo has now, which a program may have changed."""
        register = MotorSpec.load(self._spec.motor_names[place]).register("id")
        return self._servos.table(place)[register.address]

    def _named(self, places: Sequence[int]) -> str:
        return ", ".join(self._spec.joint_names[place] for place in places)
