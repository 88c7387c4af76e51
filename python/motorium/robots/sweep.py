"""Sweep: compute travel, zeros and seam from the encoder counts of an arm moved by hand from stop to stop.

An absolute encoder counts 0..turn-1 and starts again: the seam. Counts are unwrapped while the joint moves, so the
seam may lie anywhere; a zero is chosen afterwards, and where the seam lies inside the travel of a joint the servo's
own offset is set such that it no longer does.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..errors import CalibrationError
from ..specs.joint import JointSpec
from ..specs.robot import RobotSpec
from ..specs.travel import bounds_rad, declared_rad, travel_problem, travel_warning, zero_ticks
from ..specs.zero import JointZero

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
        accept: joints whose travel is taken as it is, however far it is from what is declared.

    Raises:
        CalibrationError: `accept` names a joint that the robot does not have.
    """

    def __init__(
        self,
        spec: RobotSpec,
        turn: int,
        offsets: Mapping[str, int] | None,
        accept: Collection[str] = (),
    ) -> None:
        check_accepted(accept, spec)
        self._accept = frozenset(accept)
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
        """Return how far a joint has moved from one end to the other."""
        seen = self._travel.get(name)
        return 0.0 if seen is None else (seen.high - seen.low) / self._per_rad

    def share(self, name: str) -> float:
        """Return the travel over the declared travel."""
        return self.travel_rad(name) / declared_rad(self._joints[name])

    def shares(self) -> dict[str, float]:
        """Return `share` of every joint."""
        return {name: self.share(name) for name in self._joints}

    @property
    def complete(self) -> bool:
        """Whether every joint has moved through its travel, those to be taken as they are aside."""
        return not self.incomplete()

    def incomplete(self) -> list[str]:
        """Return a line for every joint that has not yet moved through its travel."""
        lines = []
        for name, joint in self._joints.items():
            travel_rad, accepted = self.travel_rad(name), name in self._accept
            problem = travel_problem(joint, travel_rad, accepted=accepted)
            if travel_rad < bounds_rad(joint)[0] and (problem or not accepted):
                lines.append(problem or f"{travel_warning(joint, travel_rad)}, or accept it: --accept {name}")
        return lines

    def zeros(self) -> dict[str, JointZero]:
        """Return zero, sign and offset of every joint, by `travel.zero_ticks`.

        Raises CalibrationError that names every joint whose travel does not fit its declaration.
        """
        problems = [problem for joint in self._joints.values() if (problem := self._problem(joint))]
        if problems:
            raise CalibrationError("; ".join(problems))
        return {name: self._place(joint)[0] for name, joint in self._joints.items()}

    def travel_ticks(self) -> dict[str, tuple[int, int]]:
        """Return the ends of every joint's travel, in the counts that its servo shows with the offset of `zeros`."""
        return {name: self._place(joint)[1] for name, joint in self._joints.items()}

    def _problem(self, joint: JointSpec) -> str | None:
        travel_rad = self.travel_rad(joint.name)
        if travel_rad * self._per_rad > self._turn - 2 * SEAM_MARGIN_TICKS:
            return (
                f"{joint.name} moved {travel_rad:.2f} rad, more than one turn, which its encoder cannot measure: "
                f"calibrate again, turning it {declared_rad(joint):.2f} rad from end to end, no further"
            )
        return travel_problem(joint, travel_rad, accepted=joint.name in self._accept)

    def _place(self, joint: JointSpec) -> tuple[JointZero, tuple[int, int]]:
        """Its zero, and the ends of its travel in the same counts."""
        seen, turn = self._travel[joint.name], self._turn
        zero = zero_ticks(joint, seen.low, seen.high, joint.sign, self._per_rad)
        limits = [zero + joint.sign * q * self._per_rad for q in (joint.lower_rad, joint.upper_rad)]
        low, high = min(seen.low, *limits), max(seen.high, *limits)
        middle, offset = (low + high) / 2, None
        shown = middle
        if self._offsets is not None:
            offset = self._offsets[joint.name]
            half = (high - low) / 2 + SEAM_MARGIN_TICKS
            if not (middle % turn - half >= 0 and middle % turn + half < turn):
                new = (round(middle) + offset) % turn - turn // 2
                new = max(new, 1 - turn // 2)  # sign and magnitude: the field has no -turn/2
                shown, offset = middle + offset - new, new
        shift = round(shown % turn - middle)
        return JointZero(zero + shift, joint.sign, offset), (seen.low + shift, seen.high + shift)


def check_accepted(accept: Collection[str], spec: RobotSpec) -> None:
    """Raise CalibrationError when `accept` names a joint that `spec` does not have."""
    unknown = sorted(set(accept) - set(spec.joint_names))
    if unknown:
        raise CalibrationError(f"no joint {unknown[0]!r}; {spec.name} has {', '.join(spec.joint_names)}")
