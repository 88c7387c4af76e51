"""Virtual servos by the name of their motor: the control tables of `data/` on a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from ..deprecated import old_names
from ..errors import BusError, SpecError
from ..specs.servo import MotorSpec
from .bauds import FACTORY_ID, baud_code, factory_baud

FIRMWARE = 50
"""Of virtual servos that tell it: knows the fast reads."""
TABLE_SIZE = 256
"""Registers beyond are not emulated."""


def servo_model(motor: MotorSpec, firmware: int = FIRMWARE) -> _core.ServoModel:
    """Return what the emulator needs to behave like `motor`."""
    model = _core.ServoModel()
    model.model_number = motor.model_number
    model.firmware = firmware
    model.fast_firmware = motor.fast_read_firmware
    model.effort_full_scale = motor.effort_full_scale
    model.ticks_per_turn = motor.ticks_per_turn
    model.counts = motor.max_ticks + 1
    model.high_byte_first = motor.byte_order == "big"
    model.registers = [
        _core.EmulatedRegister(
            address=register.address,
            size=register.size,
            writable=register.access == "rw",
            eeprom=register.eeprom,
            initial=register.initial,
        )
        for register in motor.registers.values()
        if register.address + register.size <= TABLE_SIZE
    ]
    return model


def emulate(ids: Sequence[int], motors: Sequence[str]) -> _core.ServoEmulator:
    """Return a chain of virtual servos, new from the factory, that speak the protocol of their motors.

    Args:
        ids: J servo ids.
        motors: J motor names.

    Raises:
        SpecError: an unknown motor, or motors that do not speak one protocol.
        ValueError: ids out of range or used twice.
        BusError: the system has no pseudo-terminal to give.
    """
    try:
        return _emulate(ids, motors)
    except RuntimeError as error:
        if "no pseudo-terminal" not in str(error):
            raise
        raise BusError(
            f"virtual servos need a pseudo-terminal ({error}): is /dev/pts mounted (mount -t devpts devpts "
            "/dev/pts), and is there room (/proc/sys/kernel/pty/max)?"
        ) from error


def _emulate(ids: Sequence[int], motors: Sequence[str]) -> _core.ServoEmulator:
    specs = [MotorSpec.load(name) for name in motors]
    protocols = {spec.protocol for spec in specs}
    if len(protocols) != 1 or len(specs) != len(ids):
        raise SpecError(f"one protocol and one motor per id, not {len(specs)} motors of {sorted(protocols)}")
    (protocol,) = protocols
    if protocol not in _core.emulated_families():
        raise SpecError(f"there are no virtual servos of protocol {protocol}")
    models = [servo_model(spec) for spec in specs]
    return _core.ServoEmulator.of(protocol, list(zip(ids, models, strict=True)))


def assemble(servos: _core.ServoEmulator, motors: Sequence[str], baud: int) -> None:
    """Set every servo of a chain to `baud`, as in a finished arm; each then hears only its own speed.

    Raises SpecError: the servos cannot be set to that speed.
    """
    for place, spec in enumerate(map(MotorSpec.load, motors)):
        _program(servos, place, spec, "baud_rate", baud_code(spec.protocol, baud))
    servos.set_own_bauds()


def make_factory_new(servos: _core.ServoEmulator, motors: Sequence[str]) -> None:
    """Give every servo of a chain its factory id and speed; all stay connected."""
    for place, spec in enumerate(map(MotorSpec.load, motors)):
        _program(servos, place, spec, "id", FACTORY_ID)
        _program(servos, place, spec, "baud_rate", baud_code(spec.protocol, factory_baud(spec.protocol)))
    servos.set_own_bauds()


def connect_only(servos: _core.ServoEmulator, places: Sequence[int], total: int) -> None:
    """Plug in the servos at `places` and unplug the others of `total`."""
    for place in range(total):
        servos.connect(place, place in places)


def _program(servos: _core.ServoEmulator, place: int, motor: MotorSpec, name: str, value: int) -> None:
    register = motor.register(name)
    servos.program(place, register.address, register.encode(value))


__getattr__ = old_names(__name__, {"dynamixel_model": ("servo_model", lambda: servo_model)})
