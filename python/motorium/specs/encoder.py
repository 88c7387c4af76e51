"""What an encoder can measure: whether a joint's limits are within its servo's counts, and where goals may be.

A Feetech servo, and a Dynamixel one in plain position mode, counts 0 to `max_ticks` and no further. A Dynamixel servo
in a mode that counts turns goes beyond, but forgets whole turns when it loses power: one turn is all that can be told.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .servo import MODE, MotorSpec, role_of
from .servo_family import FAMILIES

if TYPE_CHECKING:
    from .joint import JointSpec
    from .zero import JointZero

TURN_RAD = 2 * math.pi
MARGIN_RAD = 0.25
"""How far past its declared limit a joint may stand: a hand pushes a little, and a zero is off by a few degrees."""
ROUNDING_TICKS = 1.0
"""A limit may miss the last count by so much: it is less than a servo's own error."""


def counts_turns(joint: JointSpec, motor: MotorSpec) -> bool:
    """Return whether the positions of this joint's servo go beyond one turn, as it is set up at connect."""
    counting = set(FAMILIES[motor.protocol].turn_counting_modes)
    own = dict(joint.settings)
    if MODE in own:
        return own[MODE] in counting
    return any(s.register == MODE and s.value in counting for s in motor.settings_for(role_of(joint.unit)))


def travel_ticks(joint: JointSpec, motor: MotorSpec, zero: JointZero) -> tuple[float, float]:
    """Return the joint's limits as counts of its servo, the lower count first; not rounded, not clamped."""
    per_rad = zero.sign * motor.ticks_per_turn / TURN_RAD
    ends = [zero.zero_ticks + limit * per_rad for limit in (joint.lower_rad, joint.upper_rad)]
    return min(ends), max(ends)


def goal_range(joint: JointSpec, motor: MotorSpec, zero: JointZero) -> tuple[int, int]:
    """Return counts between which this joint's goals lie: its travel and `MARGIN_RAD`, as far as the encoder goes."""
    low, high = travel_ticks(joint, motor, zero)
    margin = MARGIN_RAD * motor.ticks_per_turn / TURN_RAD
    return max(0, math.floor(low - margin)), min(motor.max_ticks, math.ceil(high + margin))


def problem(joint: JointSpec, motor: MotorSpec, zero: JointZero) -> str | None:
    """Say why the encoder cannot measure all of the joint's positions; None when it can."""
    if counts_turns(joint, motor):
        travel = joint.upper_rad - joint.lower_rad
        if travel < TURN_RAD:
            return None
        return (
            f"{joint.name} travels {travel:.2f} rad, a turn or more: after power-on its {motor.model} cannot tell "
            f"one turn from the next. Declare less than {TURN_RAD:.2f} rad"
        )
    low, high = travel_ticks(joint, motor, zero)
    if low >= -ROUNDING_TICKS and high <= motor.max_ticks + ROUNDING_TICKS:
        return None
    ends = [
        (end - zero.zero_ticks) * zero.sign * TURN_RAD / motor.ticks_per_turn for end in (0, motor.max_ticks)
    ]
    return (
        f"{joint.name} is declared from {joint.lower_rad:.2f} to {joint.upper_rad:.2f} rad, but with its zero at count "
        f"{zero.zero_ticks:g} the encoder of an {motor.model} (counts 0 to {motor.max_ticks}) tells {min(ends):.2f} to "
        f"{max(ends):.2f} rad. Move the zero (zero_ticks in the robot's file, or motorium calibrate), or declare less"
    )
