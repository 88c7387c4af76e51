"""JointZero: what the counts of one physical servo mean, as a calibration keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JointZero:
    """The zero of one physical joint.

    Attributes:
        zero_ticks: present position at zero radians.
        sign: +1 where ticks rise with the angle, else -1.
        homing_offset: what the servo itself shifts its encoder's count by, ticks (Feetech subtracts it, Dynamixel
            adds it); None: it must be 0.
        reverse: whether the servo itself counts backwards; None: not recorded, it must not.
    """

    zero_ticks: float
    sign: int
    homing_offset: int | None = None
    reverse: bool | None = None
