"""Speeds of servo buses, and the codes by which servos know them."""

from __future__ import annotations

from ..errors import SpecError
from ..specs.servo_family import FAMILIES, SCANNED

FACTORY_ID = 1
"""Of every new servo, whoever made it."""


def baud_code(protocol: str, baud: int) -> int:
    """Return the value of register `baud_rate` for a speed. Raises SpecError with the speeds there are."""
    codes = FAMILIES[protocol].baud_codes
    if baud not in codes:
        raise SpecError(
            f"{protocol} servos cannot be set to {baud} baud; valid: {', '.join(map(str, codes))}"
        )
    return codes[baud]


def factory_baud(protocol: str) -> int:
    """Return the speed of a new servo. Raises SpecError for a protocol that has no table here."""
    codes = FAMILIES[protocol].baud_codes
    if not codes:
        raise SpecError(f"speeds of {protocol} servos are unknown; known: {', '.join(SCANNED)}")
    return next(iter(codes))
