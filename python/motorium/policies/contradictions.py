"""What the statistics in a checkpoint say against its own labels: permuted joints, flipped signs, wrong units.

A range is judged by how far it leaves the joint's limits and by how far the robot's home pose lies outside it,
both as a fraction of the joint's travel. Something is only said when another reading explains the range clearly
better, so that an unusual but honest data set stays silent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

from ..deprecated import renamed_keyword
from ..specs.joint import JointSpec
from ..specs.robot import RobotSpec
from .binding import Channel, slot_limits
from .channels import Interface

SUSPICIOUS = 0.1
"""Fraction of a joint's travel by which a range may be off before other readings are tried."""
CLEARLY_BETTER = 0.5
"""Another reading must bring the misfit below this fraction of the original one."""
DISAGREEMENT = 0.5
"""Summed difference of end points, as a fraction of the range, beyond which state and action disagree."""


@dataclass(frozen=True)
class Range:
    """Smallest and largest value seen in the data."""

    low: float
    high: float

    def scaled(self, factor: float) -> Range:
        """Return the range after multiplying every value."""
        ends = sorted((self.low * factor, self.high * factor))
        return Range(*ends)


@renamed_keyword(descriptor="policy")
def contradictions(policy: Interface, robot: RobotSpec) -> list[str]:
    """Return one line per contradiction between labels, statistics and the robot; empty when all is consistent."""
    found = _permuted_labels(policy, robot)
    for kind, channels in (("state", policy.state), ("action", policy.action)):
        pairs = [(c, j) for c in channels for j in robot.joints if j.name == c.joint and j.slot == c.slot]
        swapped, flags = _swaps(kind, pairs)
        found += flags
        found += [
            flag for c, j in pairs if c.joint not in swapped for flag in _misread(f"{kind} {c.joint!r}", c, j)
        ]
    return found + _state_against_action(policy)


def _permuted_labels(policy: Interface, robot: RobotSpec) -> list[str]:
    found = []
    for kind, channels in (("state", policy.state), ("action", policy.action)):
        for channel in channels:
            owner = next((j for j in robot.joints if j.slot == channel.slot), None)
            if owner is not None and owner.name != channel.joint:
                found.append(
                    f"{kind} slot {channel.slot} is labelled {channel.joint!r} but belongs to {owner.name!r}: "
                    "permuted joint order"
                )
    return found


def _range(channel: Channel) -> Range:
    return Range(channel.min, channel.max)


def _misfit(seen: Range, joint: JointSpec) -> float:
    """How badly a range fits a joint, as a fraction of its travel; 0 = inside the limits around the home pose."""
    lower, upper = slot_limits(joint)
    home = joint.slot_scale * joint.home_rad + joint.slot_offset
    outside = max(0.0, lower - seen.low) + max(0.0, seen.high - upper)
    away = max(0.0, seen.low - home, home - seen.high)
    return (outside + away) / (upper - lower)


def _misread(where: str, channel: Channel, joint: JointSpec) -> list[str]:
    """Return a unit or sign that explains the range better than the declared one."""
    seen = _range(channel)
    misfit = _misfit(seen, joint)
    if misfit <= SUSPICIOUS:
        return []
    readings = {"flipped sign": -1.0}
    if channel.unit == "rad":
        readings["degrees instead of rad"] = math.pi / 180.0
        readings["degrees instead of rad, and flipped sign"] = -math.pi / 180.0
    else:
        readings["0..100 instead of 0..1"] = 0.01
    lower, upper = slot_limits(joint)
    # Any range fits once it is scaled down far enough: what is left must still be a movement.
    readings = {n: f for n, f in readings.items() if (seen.high - seen.low) * abs(f) > 0.05 * (upper - lower)}
    best = min(readings, key=lambda name: _misfit(seen.scaled(readings[name]), joint), default="")
    facts = f"range {seen.low:.3g}..{seen.high:.3g}, limits {lower:.3g}..{upper:.3g} {channel.unit}"
    if best and _misfit(seen.scaled(readings[best]), joint) < CLEARLY_BETTER * misfit:
        return [f"{where}: {best} ({facts})"]
    outside = max(0.0, lower - seen.low) + max(0.0, seen.high - upper)
    if outside > SUSPICIOUS * (upper - lower):
        return [f"{where}: outside the robot's limits ({facts})"]
    return []


def _swaps(kind: str, pairs: list[tuple[Channel, JointSpec]]) -> tuple[set[str], list[str]]:
    """Pairs of joints whose ranges fit each other's joint clearly better than their own."""
    swapped: set[str] = set()
    flags = []
    for (first, first_joint), (second, second_joint) in combinations(pairs, 2):
        own = _misfit(_range(first), first_joint) + _misfit(_range(second), second_joint)
        other = _misfit(_range(first), second_joint) + _misfit(_range(second), first_joint)
        least = min(_misfit(_range(first), first_joint), _misfit(_range(second), second_joint))
        # One of the two being plain wrong is no swap: both must be off, and the exchange must leave a good fit.
        if least > SUSPICIOUS / 2 and other < CLEARLY_BETTER * own and other <= SUSPICIOUS:
            swapped |= {first.joint, second.joint}
            flags.append(
                f"{kind} {first.joint!r} and {second.joint!r}: each range fits the other joint: permuted joint order"
            )
    return swapped, flags


def _distance(a: Range, b: Range) -> float:
    return (abs(a.low - b.low) + abs(a.high - b.high)) / max(a.high - a.low, b.high - b.low, 1e-9)


def _state_against_action(policy: Interface) -> list[str]:
    """Measured and commanded ranges of one joint are alike; where they are not, see whose they are like."""
    commanded = {c.joint: _range(c) for c in policy.action}
    pairs = [(c.joint, _range(c), commanded[c.joint]) for c in policy.state if c.joint in commanded]
    found = []
    for (a, state_a, action_a), (b, state_b, action_b) in combinations(pairs, 2):
        own = _distance(state_a, action_a) + _distance(state_b, action_b)
        other = _distance(state_a, action_b) + _distance(state_b, action_a)
        if own > DISAGREEMENT and other < CLEARLY_BETTER * own and other < DISAGREEMENT:
            found.append(
                f"state {a!r} and {b!r}: each range resembles the other's action: permuted joint order"
            )
    for joint, state, action in pairs:
        own = _distance(state, action)
        if own > DISAGREEMENT and _distance(state.scaled(-1.0), action) < CLEARLY_BETTER * own:
            found.append(f"{joint!r}: state and action ranges mirror each other: flipped sign")
    return found
