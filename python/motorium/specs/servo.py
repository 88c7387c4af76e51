"""MotorSpec: a servo type as data, read from `servos/<motor>.toml` and frozen.

Unknown keys, missing keys and contradictions raise SpecError; the message lists the valid choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from ..errors import SpecError
from ..files import no_such_file
from ..foreign import read_toml
from .checks import choice
from .servo_family import FAMILIES, PROTOCOLS
from .toml_table import build, convert

DATA = Path(__file__).parent / "servos"
MODE = "operating_mode"
ACCESS = ("r", "rw")
ROLES = ("any", "body", "gripper")
BYTE_ORDERS = ("little", "big")
OVERLOAD = "overload"
"""The fault with which a servo still takes torque: it ends when torque is switched on again."""
TORQUE_LOST = "torque lost"
"""The fault by which a servo says that its torque is off though it was switched on."""
MAX_TICKS = 32767
"""Of a register of two bytes with a sign bit."""


@dataclass(frozen=True)
class Register:
    """One field of the control table.

    Attributes:
        name: how the project calls it.
        address: of its low byte.
        size: 1, 2 or 4 bytes.
        access: "r" or "rw".
        eeprom: survives power-off; wears out when written.
        sign_bit: position of the sign in a sign-magnitude field, 0 when there is none.
        signed: two's complement.
        initial: factory value, for virtual servos.
        within: the register whose value this one's may not exceed, which the servo refuses; empty: there is none.
        unit, about: what its number counts, and what it is for, in the words of an error.
        byte_order: "little" or "big"; that of the whole motor.
    """

    name: str
    address: int
    size: int
    access: str
    eeprom: bool = False
    sign_bit: int = 0
    signed: bool = False
    initial: int = 0
    within: str = ""
    unit: str = ""
    about: str = ""
    byte_order: Literal["little", "big"] = "little"

    def decode(self, data: bytes) -> int:
        """Decode `size` bytes as the servo sends them. Raises ValueError on another length."""
        if len(data) != self.size:
            raise ValueError(f"{self.name} has {self.size} bytes, not {len(data)}")
        raw = int.from_bytes(data, self.byte_order, signed=self.signed)
        if not self.sign_bit:
            return raw
        magnitude = raw & ((1 << self.sign_bit) - 1)
        return -magnitude if raw >> self.sign_bit & 1 else magnitude

    def encode(self, value: int) -> bytes:
        """Encode `value` as bytes. Raises ValueError when it does not fit; a servo would act on the wrapped value."""
        if self.signed:
            most = (1 << (8 * self.size - 1)) - 1
            least = -most - 1
        else:
            most = (1 << (self.sign_bit or 8 * self.size)) - 1
            least = -most if self.sign_bit else 0
        if not least <= value <= most:
            raise ValueError(f"{self.name} takes {least}..{most}, not {value}")
        if self.signed:
            return value.to_bytes(self.size, self.byte_order, signed=True)
        raw = abs(value) | (1 << self.sign_bit if value < 0 else 0)
        return raw.to_bytes(self.size, self.byte_order)


@dataclass(frozen=True)
class Setting:
    """A register and the value it has while motorium drives the servo; only the bits of `mask` are set."""

    register: str
    value: int
    mask: int = 0xFFFFFFFF
    role: str = "any"


@dataclass(frozen=True)
class Limit:
    """The register that limits a joint's torque, and its value at stall torque."""

    register: str
    full_scale: int
    role: str = "any"


@dataclass(frozen=True)
class Reverse:
    """The bits of a register with which a servo counts, and drives, backwards."""

    register: str
    mask: int


@dataclass(frozen=True)
class Protection:
    """When a joint is backed off before its servo protects itself; efforts are shares of stall torque.

    See firmware/core/guard.h: a joint stalls when it pushes with `stall_effort` or more, `stall_error_rad` or more from
    its goal, no faster than `stall_velocity_rad_s`, for `stall_time_s`; `overload_effort` counts also in motion. It
    then pushes with `hold_effort` at most. Above `warn_c` it warns, from `derate_c` to the motor's `hot_c` it may push
    less and less; below `warn_v` it warns. 0 switches that part off.
    """

    stall_effort: float
    stall_error_rad: float
    stall_velocity_rad_s: float
    stall_time_s: float
    overload_effort: float
    hold_effort: float
    warn_c: float = 0.0
    derate_c: float = 0.0
    warn_v: float = 0.0
    role: str = "any"


@dataclass(frozen=True)
class MotorSpec:
    """A servo type: scale, control table, settings, fault names.

    Attributes:
        ticks_per_turn: scale of the encoder: counts in a full turn, though it may not have them all.
        max_ticks: its last count; one less than `ticks_per_turn` where a table does not say.
        stall_torque_nm, stall_current_ma, no_load_speed_rad_s, supply_v: from its data sheet, at `supply_v`.
        min_supply_v, max_supply_v, hot_c: outside of these it gets no torque.
        velocity_unit_rad_s: of register present_velocity (dynamixel).
        effort_full_scale: present current or load at stall torque, in register units (dynamixel).
        fast_read_firmware: the first that knows Fast Sync Read; 0: none does (dynamixel).
        sag_rad: how far gravity may keep a loaded joint from its goal, at the gains in `settings`.
        byte_order: of its registers, "little" or "big" (feetech: the SCS series is big).
        sync_read: whether it answers sync reads (feetech: the SCS series does not).
        faults: name -> bit of the status byte.
        settings, limits, registers: the control table and what is written to it.
        protection: when a joint is backed off; none: the servo's own protection alone.
        reverse: how it is told to count backwards; None: it cannot.
    """

    model: str
    model_number: int
    protocol: str
    ticks_per_turn: int
    stall_torque_nm: float
    stall_current_ma: float
    faults: Mapping[str, int]
    settings: tuple[Setting, ...]
    limits: tuple[Limit, ...]
    registers: Mapping[str, Register]
    protection: tuple[Protection, ...] = ()
    no_load_speed_rad_s: float = 4.7
    supply_v: float = 7.4
    min_supply_v: float = 4.5
    max_supply_v: float = 14.0
    hot_c: float = 65.0
    velocity_unit_rad_s: float = 0.0
    effort_full_scale: int = 1000
    fast_read_firmware: int = 0
    sag_rad: float = 0.2
    byte_order: Literal["little", "big"] = "little"
    sync_read: bool = True
    max_ticks: int = 0
    reverse: Reverse | None = None

    def __post_init__(self) -> None:
        if self.max_ticks == 0:
            object.__setattr__(self, "max_ticks", self.ticks_per_turn - 1)

    @classmethod
    def load(cls, name_or_path: str | Path) -> MotorSpec:
        """Read a motor by name (see `names()`) or from a TOML file. Raises SpecError."""
        path = Path(name_or_path)
        if path.suffix == ".toml":
            return _own(path, path.stat().st_mtime_ns if path.is_file() else 0)
        return _shipped(str(name_or_path))

    def register(self, name: str) -> Register:
        """Return a register by name. Raises SpecError with the valid names."""
        if name not in self.registers:
            raise SpecError(
                f"{self.model} has no register {name!r}; valid: {', '.join(sorted(self.registers))}"
            )
        return self.registers[name]

    def settings_for(self, role: str) -> tuple[Setting, ...]:
        """Return what a joint of `role` ("body" or "gripper") is brought to at connect."""
        return tuple(setting for setting in self.settings if setting.role in ("any", role))

    def limit_for(self, role: str) -> Limit:
        """Return the register for the torque limit of a joint of `role`. Raises SpecError when there is none."""
        for limit in self.limits:
            if limit.role in ("any", role):
                return limit
        raise SpecError(f"{self.model} declares no torque limit for a {role} joint: add [[limits]]")

    def protection_for(self, role: str) -> Protection | None:
        """Return when a joint of `role` is backed off; None: never."""
        return next((entry for entry in self.protection if entry.role in ("any", role)), None)

    def fault_names(self, status: int) -> tuple[str, ...]:
        """Return what the bits of a status byte mean; bits without a name appear as "bit N"."""
        named = {bit: name for name, bit in self.faults.items()}
        return tuple(named.get(bit, f"bit {bit}") for bit in range(8) if status >> bit & 1)


def role_of(unit: str) -> str:
    """Return the role of a joint of this unit: "gripper" for "opening", else "body"."""
    return "gripper" if unit == "opening" else "body"


@cache
def _shipped(name: str) -> MotorSpec:
    """Read once: the state of an arm is explained with it, joint by joint, whenever someone asks."""
    return _read(DATA / f"{name}.toml")


@cache
def _own(path: Path, mtime_ns: int) -> MotorSpec:  # noqa: ARG001
    """As `_shipped`, until the file changes."""
    return _read(path)


def _read(path: Path) -> MotorSpec:
    if not path.is_file():
        known = ", ".join(names())
        if path.parent == DATA:
            raise SpecError(f"no motor {path.stem!r}; known motors: {known}")
        raise SpecError(no_such_file(path, f"a motor's TOML file, or a known motor's name: {known}"))
    return parse(read_toml(path, error=SpecError), where=path.name)


def names() -> list[str]:
    """List the motors that ship with motorium."""
    return sorted(path.stem for path in DATA.glob("*.toml"))


def parse(table: Mapping[str, object], *, where: str = "motor") -> MotorSpec:
    """Build and check a MotorSpec from decoded TOML. Raises SpecError."""
    plain = dict(table)
    sections = {
        name: plain.pop(name, None) for name in ("schema", "faults", "settings", "limits", "registers")
    }
    protection, reverse = plain.pop("protection", []), plain.pop("reverse", None)
    byte_order = plain.pop("byte_order", "little")
    choice(str(byte_order), BYTE_ORDERS, f"{where}.byte_order")
    if sections["schema"] != 1:
        raise SpecError(f"{where} has schema {sections['schema']!r}; this version reads schema 1")
    faults, registers = sections["faults"], sections["registers"]
    settings, limits = sections["settings"], sections["limits"]
    if (
        not isinstance(faults, Mapping)
        or not isinstance(registers, Mapping)
        or not isinstance(settings, list)
        or not isinstance(limits, list)
        or not isinstance(protection, list)
    ):
        raise SpecError(
            f"{where} needs the tables [faults] and [registers] and the lists [[settings]] and [[limits]]"
        )
    spec = build(
        MotorSpec,
        plain,
        where,
        faults=MappingProxyType({k: convert(v, "int", f"{where}.faults.{k}") for k, v in faults.items()}),
        settings=tuple(build(Setting, s, f"{where}.settings[{i}]") for i, s in enumerate(settings)),
        limits=tuple(build(Limit, s, f"{where}.limits[{i}]") for i, s in enumerate(limits)),
        byte_order=byte_order,
        reverse=None if reverse is None else build(Reverse, reverse, f"{where}.reverse"),
        protection=tuple(build(Protection, p, f"{where}.protection[{i}]") for i, p in enumerate(protection)),
        registers=MappingProxyType(
            {
                k: build(Register, v, f"{where}.registers.{k}", name=k, byte_order=byte_order)
                for k, v in registers.items()
            }
        ),
    )
    check(spec, where=where)
    return spec


def _check_register(register: Register, taken: dict[int, str], where: str, last: int) -> None:
    here = f"{where}: register {register.name!r}"
    choice(register.access, ACCESS, f"{here} access")
    if register.size not in (1, 2, 4):
        raise SpecError(f"{here} size is {register.size}; valid choices: 1, 2, 4")
    if register.signed and register.sign_bit:
        raise SpecError(f"{here} is signed in two ways: two's complement has no sign_bit")
    if register.sign_bit and not 0 < register.sign_bit < 8 * register.size:
        raise SpecError(f"{here} sign_bit {register.sign_bit} is outside its {register.size} bytes")
    for address in range(register.address, register.address + register.size):
        if not 0 <= address <= last:
            raise SpecError(f"{here} address {address} is outside 0..{last}")
        if address in taken:
            raise SpecError(f"{here} overlaps {taken[address]!r} at address {address}")
        taken[address] = register.name


def check(spec: MotorSpec, *, where: str = "motor") -> None:
    """Raise SpecError when a spec contradicts itself."""
    choice(spec.protocol, PROTOCOLS, f"{where}.protocol")
    for name in ("model_number", "ticks_per_turn", "stall_torque_nm", "stall_current_ma", "sag_rad"):
        if not getattr(spec, name) > 0:
            raise SpecError(f"{where}.{name} must be positive")
    if not 1 <= spec.max_ticks <= MAX_TICKS:
        raise SpecError(f"{where}.max_ticks is {spec.max_ticks}; valid: 1..{MAX_TICKS}")
    taken: dict[int, str] = {}
    for register in spec.registers.values():
        _check_register(register, taken, where, FAMILIES[spec.protocol].last_address)
    for name, bit in spec.faults.items():
        if not 0 <= bit <= 7:
            raise SpecError(f"{where}.faults: bit {bit} of {name!r} is outside 0..7")
    _check_settings(spec, where)


def _check_settings(spec: MotorSpec, where: str) -> None:
    for setting in spec.settings:
        register = spec.register(setting.register)
        choice(setting.role, ROLES, f"{where}.settings: role of {setting.register!r}")
        if register.access != "rw":
            raise SpecError(f"{where}.settings: {setting.register!r} is read-only")
        try:
            register.encode(setting.value)
        except ValueError as error:
            raise SpecError(f"{where}.settings: {error}") from error
    bounded = [(register.name, register.within) for register in spec.registers.values() if register.within]
    reverse = [] if spec.reverse is None else [("reverse", spec.reverse.register)]
    for name, other in [*bounded, *reverse]:
        if other not in spec.registers:
            raise SpecError(f"{where}: {name} names the register {other!r}, which is not there")
    if (
        spec.reverse is not None
        and not 0 < spec.reverse.mask < 1 << 8 * spec.register(spec.reverse.register).size
    ):
        raise SpecError(f"{where}.reverse: mask {spec.reverse.mask:#x} is outside its register")
    for entry in spec.protection:
        choice(entry.role, ROLES, f"{where}.protection: role")
    for limit in spec.limits:
        choice(limit.role, ROLES, f"{where}.limits: role of {limit.register!r}")
        if spec.register(limit.register).access != "rw" or limit.full_scale < 1:
            raise SpecError(f"{where}.limits: {limit.register!r} is read-only or its full_scale not positive")
