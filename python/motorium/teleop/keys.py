"""What the keys of the terminal mean in teleoperation, over SSH too."""

from __future__ import annotations

from collections.abc import Sequence

from ..operator.operator import Operator

JOG_PAIRS = ("qa", "ws", "ed", "rf", "tg", "yh", "uj", "ik")
"""Forward and backward key of each joint, in joint order."""
HELP = "p pauses and resumes"
JOG_HELP = "q/a w/s e/d r/f t/g y/h move joints 1 to 6, p pauses and resumes"


def jog(operator: Operator, joints: int) -> Sequence[float]:
    """Return J numbers, -1, 0 or 1, from the keys of JOG_PAIRS that are held."""
    pairs = JOG_PAIRS[:joints] + ("",) * max(0, joints - len(JOG_PAIRS))
    return [float(operator.held(p[0])) - float(operator.held(p[1])) if p else 0.0 for p in pairs]
