"""How far a joint of a real arm moves when it is calibrated, against what its file allows; where its zero is then.

Printed parts, horns and grippers differ, so a travel has bounds of its own, from arms in the field: `min_travel_rad`
and `max_travel_rad` in the robot's file. They say what is taken for that joint, not what ticks mean: a calibration
stays valid when they change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SpecError

if TYPE_CHECKING:
    from .joint import JointSpec

BEYOND_RAD = 0.02
"""A recorded setpoint may be so far beyond a limit: encoders and decimals."""
MIN_FRACTION = 0.85
"""Of the declared travel, where the robot's file says nothing: a joint that moved less was not moved to its stops."""
MAX_FRACTION = 1.15
"""Of the declared travel, where the robot's file says nothing: a joint that moves further is another one."""
NARROW_FRACTION = 0.55
"""Of the declared travel: between this and the least a joint is taken with a warning; cables and tables stop arms."""
ACCEPTED_FRACTION = 0.1
"""Of the declared travel: the least of a joint that is to be taken as it is."""


def declared_rad(joint: JointSpec) -> float:
    """Return the travel from the lower to the upper limit."""
    return joint.upper_rad - joint.lower_rad


def bounds_rad(joint: JointSpec) -> tuple[float, float]:
    """Return the least and the most that this joint may move from stop to stop."""
    declared = declared_rad(joint)
    return joint.min_travel_rad or MIN_FRACTION * declared, joint.max_travel_rad or MAX_FRACTION * declared


def check_bounds(joint: JointSpec, where: str) -> None:
    """Raise SpecError when the declared bounds of a joint's travel contradict each other or its limits."""
    least, most = bounds_rad(joint)
    if min(joint.min_travel_rad, joint.max_travel_rad) < 0 or least > most:
        raise SpecError(
            f"{where}: min_travel_rad {least:g} is not below max_travel_rad {most:g}, both positive"
        )


def travel_problem(joint: JointSpec, travel_rad: float, *, accepted: bool = False) -> str | None:
    """Say why a joint that moved `travel_rad` is refused; None when it can.

    Args:
        joint: its declaration.
        travel_rad: from one stop to the other.
        accepted: somebody who sees the arm says that this is its travel.
    """
    least, most = bounds_rad(joint)
    moved = (
        f"{joint.name} moved {travel_rad:.2f} rad of {declared_rad(joint):.2f} rad "
        f"({least:.2f} to {most:.2f} rad are allowed)"
    )
    anyhow = f"to take its travel as it is: --accept {joint.name}"
    if accepted:
        hardly = travel_rad < ACCEPTED_FRACTION * declared_rad(joint)
        return f"{moved}: too little to find its stops" if hardly else None
    if travel_rad < min(least, NARROW_FRACTION * declared_rad(joint)):
        return f"{moved}: move it from stop to stop; {anyhow}"
    if travel_rad > most:
        return f"{moved}: is servo {joint.id} really {joint.name}? If so, {anyhow}"
    return None


def travel_warning(joint: JointSpec, travel_rad: float) -> str | None:
    """Return what to know of a joint that moved less than it should; None when it moved far enough."""
    least, _ = bounds_rad(joint)
    missing = declared_rad(joint) - travel_rad
    if travel_rad >= least:
        return None
    where = (
        "its closed end is taken for closed"
        if joint.unit == "opening"
        else f"its zero, the middle of what it moved, may be up to {missing / 2:.2f} rad off"
    )
    declared = declared_rad(joint)
    return (
        f"{joint.name} moved {travel_rad:.2f} rad, {travel_rad / declared:.0%} of its {declared:.2f} rad: "
        f"{missing:.2f} rad are missing, and {where}. Calibrate again if it can go further"
    )


def zero_ticks(joint: JointSpec, low: float, high: float, sign: int, ticks_per_rad: float) -> float:
    """Return ticks at zero radians of a joint that moves from `low` to `high` ticks.

    The middle of the travel is the middle of the declared limits, except for a gripper: fingers meet at the lower limit
    however far they open, so its closed end is the anchor.

    Args:
        joint: its declaration.
        low: the lowest count of its travel.
        high: the highest.
        sign: +1 where ticks rise with the angle, else -1.
        ticks_per_rad: of its servo.
    """
    if joint.unit == "opening":
        return (low if sign > 0 else high) - sign * joint.lower_rad * ticks_per_rad
    return (low + high) / 2 - sign * (joint.lower_rad + joint.upper_rad) / 2 * ticks_per_rad


def beyond_limits(positions_rad: NDArray[Any], joints: Sequence[JointSpec]) -> str:
    """Say which joint a trajectory, (N, J) radians, takes furthest beyond its limits; "" when it keeps to them."""
    lower = np.array([joint.lower_rad for joint in joints])
    upper = np.array([joint.upper_rad for joint in joints])
    beyond = np.maximum(lower - positions_rad, positions_rad - upper).max(axis=0)
    j = int(beyond.argmax())
    if beyond[j] <= BEYOND_RAD:
        return ""
    return f"goes {beyond[j]:.2f} rad beyond the limits of {joints[j].name}, {lower[j]:g} to {upper[j]:g} rad"
