"""JointSpec: one joint and its servo."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SpecError
from .checks import choice, positive
from .geometry import Vec3

UNITS = ("rad", "opening")
Settings = tuple[tuple[str, int], ...]
"""Register names and the values they have while motorium drives a servo."""


@dataclass(frozen=True)
class JointSpec:
    """One joint and its servo; `origin_*` is the joint frame in its parent link, rotation about local +z.

    `motor` is the servo's type where it differs from the bus's: a name, or a .toml beside the robot's own. `settings`
    are registers that this one servo has otherwise than its type; a `passive` joint is read but never given torque.
    `max_jerk_rad_s3` bounds every change of source (hold, slew, joining a chunk); 0 lets the acceleration reach its
    limit within 40 ms. `min_travel_rad` and `max_travel_rad` bound the travel from stop to stop that a calibration
    takes; 0 stands for 0.85 and 1.15 of the limits. A motion has arrived within `arrival_tolerance_rad` of its goal; 0
    stands for what gravity lets this type of servo sag (`sag_rad`).
    """

    name: str
    id: int
    slot: int
    unit: str
    origin_xyz_m: Vec3
    origin_rpy_rad: Vec3
    lower_rad: float
    upper_rad: float
    max_velocity_rad_s: float
    max_acceleration_rad_s2: float
    max_effort: float
    rest_rad: float
    home_rad: float
    mass_kg: float
    com_m: Vec3
    zero_ticks: int = 2048
    sign: int = 1
    motor: str = ""
    passive: bool = False
    settings: Settings = ()
    max_jerk_rad_s3: float = 0.0
    min_travel_rad: float = 0.0
    max_travel_rad: float = 0.0
    arrival_tolerance_rad: float = 0.0

    @property
    def slot_scale(self) -> float:
        """Slot value per radian."""
        return 1.0 / (self.upper_rad - self.lower_rad) if self.unit == "opening" else 1.0

    @property
    def slot_offset(self) -> float:
        """Slot value at zero radians."""
        return -self.lower_rad * self.slot_scale if self.unit == "opening" else 0.0


def check_joint(joint: JointSpec, where: str) -> None:
    """Raise SpecError when what is declared of one joint contradicts itself."""
    here = f"{where}: joint {joint.name!r}"
    choice(joint.unit, UNITS, f"{here} unit")
    for name, most in (("slot", 199), ("id", 252)):
        if not 0 <= getattr(joint, name) <= most:
            raise SpecError(f"{here} {name} {getattr(joint, name)} is outside 0..{most}")
    if joint.lower_rad >= joint.upper_rad:
        raise SpecError(f"{here} lower_rad {joint.lower_rad} is not below upper_rad {joint.upper_rad}")
    for name in ("rest_rad", "home_rad"):
        if not joint.lower_rad <= getattr(joint, name) <= joint.upper_rad:
            raise SpecError(f"{here} {name} {getattr(joint, name)} is outside its limits")
    for name in ("max_velocity_rad_s", "max_acceleration_rad_s2", "max_effort", "mass_kg"):
        positive(getattr(joint, name), f"{here} {name}")
    for name in ("max_jerk_rad_s3", "arrival_tolerance_rad"):
        positive(getattr(joint, name), f"{here} {name}", or_zero=True)
    if joint.max_effort > 1:
        raise SpecError(f"{here} max_effort {joint.max_effort} is a share of stall torque, 0..1")
    if joint.sign not in (-1, 1):
        raise SpecError(f"{here} sign is {joint.sign}; valid choices: -1, 1")
