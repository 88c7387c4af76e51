"""ServoFamily: what all servos of one protocol have in common, beside their control tables. A family is one entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

OWN_DRIVER, KIT = "motorium", "dynamixel-sdk"


@dataclass(frozen=True)
class ServoFamily:
    """Servos of one protocol.

    Attributes:
        name: of the protocol, in the files of robots and servos.
        drivers: who can speak it: motorium's own driver, a vendor's kit.
        last_address: of a register.
        position_modes: values of `operating_mode` in which a goal is a position; empty: there is no other.
        turn_counting_modes: those of them in which positions go beyond one turn.
        indirect: first and last addresses of registers that stand for others.
        scanned: whether such servos are looked for on a port.
        model_address: of the two bytes that tell the model.
        own_block: address and size of what two servos with one id and one model answer differently.
        baud_codes: speed -> value of `baud_rate`, the factory's speed first; empty: not known here.
        watchdog: whether its servos can stop by themselves when they hear nothing.
        keeps_offset: whether a calibration moves the seam of an encoder by `homing_offset`, where a servo has that; if
            not, its servos count on over the seam.
        keeps_direction: whether LeRobot's `drive_mode` is what the servo itself was told, and no sign of the joint.
        kit: the vendor's package for such servos, and how they are named to it; empty: none.
    """

    name: str
    drivers: tuple[str, ...]
    last_address: int
    position_modes: tuple[int, ...] = ()
    turn_counting_modes: tuple[int, ...] = ()
    indirect: tuple[tuple[int, int], ...] = ()
    scanned: bool = True
    model_address: int = 0
    own_block: tuple[int, int] = (0, 0)
    baud_codes: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    watchdog: bool = False
    keeps_offset: bool = True
    keeps_direction: bool = False
    kit: tuple[str, ...] = ()


_ALL = (
    ServoFamily(  # memory tables of Feetech's STS and SCS series
        "feetech",
        (OWN_DRIVER,),
        last_address=255,
        position_modes=(0,),
        model_address=3,
        own_block=(56, 6),  # position, speed and load
        baud_codes=MappingProxyType(
            {1_000_000: 0, 500_000: 1, 250_000: 2, 128_000: 3, 115_200: 4, 76_800: 5, 57_600: 6, 38_400: 7}
        ),
        kit=("scservo_sdk",),
    ),
    ServoFamily(  # ROBOTIS e-manual, Dynamixel X; indirect addresses: of X, and of P, whose registers lie between
        "dynamixel",
        (OWN_DRIVER, KIT),
        last_address=65535,
        position_modes=(3, 4, 5),
        turn_counting_modes=(4, 5),
        indirect=((168, 511), (578, 65535)),
        model_address=0,
        own_block=(132, 4),  # position
        # Code 7, 4.5 Mbaud, is left out: usual adapters cannot make it.
        baud_codes=MappingProxyType(
            {57_600: 1, 1_000_000: 3, 115_200: 2, 2_000_000: 4, 3_000_000: 5, 4_000_000: 6, 9_600: 0}
        ),
        watchdog=True,
        keeps_offset=False,
        keeps_direction=True,
        kit=("dynamixel_sdk", "protocol 2.0"),
    ),
    ServoFamily(
        "dynamixel1",
        (KIT,),
        last_address=255,
        scanned=False,
        watchdog=True,
        kit=("dynamixel_sdk", "protocol 1.0"),
    ),
)
FAMILIES: Mapping[str, ServoFamily] = MappingProxyType({family.name: family for family in _ALL})
"""By protocol."""
PROTOCOLS = tuple(FAMILIES)
SCANNED = tuple(family.name for family in _ALL if family.scanned)
"""Protocols in which servos are looked for."""
DRIVERS = (OWN_DRIVER, KIT)
