"""Speeds of servo buses, and the codes by which servos know them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import SpecError

BAUD_CODES: Mapping[str, Mapping[int, int]] = MappingProxyType(
    {
        "feetech": MappingProxyType(
            {1_000_000: 0, 500_000: 1, 250_000: 2, 128_000: 3, 115_200: 4, 76_800: 5, 57_600: 6, 38_400: 7}
        ),
        "dynamixel": MappingProxyType(
            {57_600: 1, 1_000_000: 3, 115_200: 2, 2_000_000: 4, 3_000_000: 5, 4_000_000: 6, 9_600: 0}
        ),
    }
)
"""Protocol -> speed -> value of `baud_rate`, the factory's speed first (memory tables of Feetech STS and SCS,
e-manual of Dynamixel X). Code 7 of Dynamixel X, 4.5 Mbaud, is left out: usual adapters cannot make it."""
FACTORY_ID = 1
"""Of every new servo, whoever made it."""


def baud_code(protocol: str, baud: int) -> int:
    """Return the value of register `baud_rate` for a speed. Raises SpecError with the speeds there are."""
    codes = BAUD_CODES.get(protocol, {})
    if baud not in codes:
        raise SpecError(
            f"{protocol} servos cannot be set to {baud} baud; valid: {', '.join(map(str, codes))}"
        )
    return codes[baud]


def factory_baud(protocol: str) -> int:
    """Return the speed of a new servo. Raises SpecError for a protocol that has no table here."""
    codes = BAUD_CODES.get(protocol)
    if not codes:
        raise SpecError(f"speeds of {protocol} servos are not known; known: {', '.join(BAUD_CODES)}")
    return next(iter(codes))
