"""What the keys of the terminal mean in teleoperation, over SSH too. A terminal tells of presses, never of releases."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..errors import MotoriumError
from ..operator.terminal import END, Terminal

HELD_S = 0.6
"""A key counts as held for so long after its last byte: keyboards repeat after 0.25 to 0.5 s."""
JOG_PAIRS = ("qa", "ws", "ed", "rf", "tg", "yh", "uj", "ik")
"""Forward and backward key of each joint, in joint order."""
PAUSE = "p"
HELP = "p pauses and goes on"
JOG_HELP = "q/a w/s e/d r/f t/g y/h move joints 1 to 6, p pauses and goes on"

__all__ = ["END", "HELP", "JOG_HELP", "PAUSE", "Keys"]


class Keys:
    """Keys that stop nothing, as they come from the terminal."""

    def __init__(self, terminal: Terminal) -> None:
        """Of `terminal`, once it watches a robot. Raises MotoriumError when there is none."""
        if not terminal.present:
            raise MotoriumError("keys need a terminal: run this in one, also over SSH (ssh -t)")
        self.terminal = terminal
        self._pressed: dict[str, float] = {}

    def poll(self) -> list[str]:
        """Keys since the last call, in order; an arrow or function key is none."""
        found = [press.key for press in self.terminal.presses()]
        now = time.monotonic()
        self._pressed.update(dict.fromkeys(found, now))
        return found

    def held(self, key: str) -> bool:
        """Whether `key` was pressed, or repeated, a moment ago."""
        return time.monotonic() - self._pressed.get(key, float("-inf")) < HELD_S

    def jog(self, joints: int) -> Sequence[float]:
        """J numbers, -1, 0 or 1, from the keys of JOG_PAIRS."""
        pairs = JOG_PAIRS[:joints] + ("",) * max(0, joints - len(JOG_PAIRS))
        return [float(self.held(p[0])) - float(self.held(p[1])) if p else 0.0 for p in pairs]
