"""Sweep: an arm is moved by hand from stop to stop; from its encoder counts come travel, zeros and the seam.

An absolute encoder counts 0..turn-1 and starts again: the seam. Counts are unwrapped while the joint moves, so the
seam may lie anywhere; a zero is chosen afterwards, and where the seam lies inside the travel of a joint the servo's
own offset is set such that it no longer does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import CalibrationError
from ..motors.bus import JointZero
from .spec import JointSpec, RobotSpec

LEAST_SHARE = 0.85
"""Of the declared travel: a joint that moved less was not moved from stop to stop."""
MOST_SHARE = 1.15
"""Of the declared travel: a joint that moves further is not the one that was declared."""
SEAM_MARGIN_TICKS = 16
"""Distance of the seam from the travel; a servo overshoots by a few ticks."""


@dataclass
class _Travel:
    now: int
    low: int
    high: int


class Sweep:
    """Collects encoder counts of every joint of `spec`.

    Args:
        spec: the robot; its joint limits say how far each joint must have moved.
        turn: counts of one turn.
        offsets: joint name -> offset that its servo subtracts from the encoder's count at present; None for servos
            that count on over the seam, which therefore may lie anywhere.
    """

    def __init__(self, spec: RobotSpec, turn: int, offsets: Mapping[str, int] | None) -> None:
        self._joints = {joint.name: joint for joint in spec.joints}
        self._turn = turn
        self._per_rad = turn / (2 * math.pi)
        self._offsets = None if offsets is None else dict(offsets)
        self._travel: dict[str, _Travel] = {}

    def feed(self, ticks: Mapping[str, int]) -> bool:
        """Take counts (0..turn-1) of some joints; whether any moved beyond where it had been.

        Raises CalibrationError when a joint moved more than a quarter turn since its last count: which way is unknown.
        """
        grown = False
        for name, count in ticks.items():
            seen = self._travel.setdefault(name, _Travel(count, count, count))
            step = (count - seen.now + self._turn // 2) % self._turn - self._turn // 2
            if abs(step) > self._turn // 4:
                raise CalibrationError(
                    f"{name} moved {abs(step) / self._per_rad:.1f} rad between two readings: start again, slower"
                )
            seen.now += step
            grown = grown or not seen.low <= seen.now <= seen.high
            seen.low, seen.high = min(seen.low, seen.now), max(seen.high, seen.now)
        return grown

    def travel_rad(self, name: str) -> float:
        """How far a joint has moved from one end to the other."""
        seen = self._travel.get(name)
        return 0.0 if seen is None else (seen.high - seen.low) / self._per_rad

    def share(self, name: str) -> float:
        """Travel over the declared travel."""
        joint = self._joints[name]
        return self.travel_rad(name) / (joint.upper_rad - joint.lower_rad)

    def shares(self) -> dict[str, float]:
        """`share` of every joint."""
        return {name: self.share(name) for name in self._joints}

    @property
    def complete(self) -> bool:
        """Whether every joint has moved through its declared travel."""
        return all(share >= LEAST_SHARE for share in self.shares().values())

    def zeros(self) -> dict[str, JointZero]:
        """Zero, sign and offset of every joint: the middle of its travel is the middle of its declared limits.

        Raises CalibrationError that names every joint whose travel does not fit its declaration.
        """
        problems = [problem for joint in self._joints.values() if (problem := self._problem(joint))]
        if problems:
            raise CalibrationError("; ".join(problems))
        return {name: self._zero(joint) for name, joint in self._joints.items()}

    def _problem(self, joint: JointSpec) -> str | None:
        share, travel_rad = self.share(joint.name), self.travel_rad(joint.name)
        moved = f"{joint.name} moved {travel_rad:.2f} rad of {joint.upper_rad - joint.lower_rad:.2f} rad"
        if share < LEAST_SHARE:
            return f"{moved}: move it from stop to stop"
        if share > MOST_SHARE:
            return f"{moved}: is servo {joint.id} really {joint.name}?"
        if travel_rad * self._per_rad > self._turn - 2 * SEAM_MARGIN_TICKS:
            return f"{joint.name} moved more than one turn, which its encoder cannot tell apart"
        return None

    def _zero(self, joint: JointSpec) -> JointZero:
        seen, turn = self._travel[joint.name], self._turn
        middle, offset = (seen.low + seen.high) / 2, None
        if self._offsets is not None:
            offset = self._offsets[joint.name]
            half = max(seen.high - seen.low, (joint.upper_rad - joint.lower_rad) * self._per_rad) / 2
            half += SEAM_MARGIN_TICKS
            if not (middle % turn - half >= 0 and middle % turn + half < turn):
                new = (round(middle) + offset) % turn - turn // 2
                new = max(new, 1 - turn // 2)  # sign and magnitude: the field has no -turn/2
                middle, offset = middle + offset - new, new
        return JointZero(zero_ticks(joint, middle % turn, joint.sign, self._per_rad), joint.sign, offset)


def zero_ticks(joint: JointSpec, middle_ticks: float, sign: int, ticks_per_rad: float) -> float:
    """Ticks at zero radians of a joint whose travel has its middle, that of its declared limits, at `middle_ticks`."""
    return middle_ticks - sign * (joint.lower_rad + joint.upper_rad) / 2 * ticks_per_rad
