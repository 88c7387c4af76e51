"""Who answers on a servo bus: ids, models, speeds, and how well. Reads only; nothing is written or moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import _core
from .._core import LatencyReport
from ..specs.servo import MotorSpec, names
from ..specs.servo_family import FAMILIES, SCANNED
from .bus_errors import bus_errors

BAUDS = (1_000_000, 57_600, 115_200, 500_000, 2_000_000, 3_000_000, 4_000_000)
"""Most usual first: Feetech leaves the factory at 1 M, Dynamixel X at 57.6 k."""
ALL_IDS = range(253)
LOOKS = 6
"""Reads of one servo, to tell a clean line from a disturbed one."""
TROUBLE = ("crc_errors", "length_errors", "wrong_id", "flushed_bytes", "late_replies", "timeouts")

Link = _core.ServiceBus


@dataclass(frozen=True)
class FoundServo:
    """One servo that answered.

    Attributes:
        id, baud, protocol: how it was reached.
        model_number: as it says; None when that could not be read.
        model: name of the motor table that has this number, or "".
        voltage_v, temperature_c: None without a table, or without an answer.
        disturbed: share of reads with a damaged, doubled or missing answer.
        firmware: version as the servo says it; "" without a table, or without an answer.
    """

    id: int
    baud: int
    protocol: str
    model_number: int | None
    model: str
    voltage_v: float | None
    temperature_c: float | None
    disturbed: float
    firmware: str = ""


@dataclass(frozen=True)
class BusScan:
    """What one port has on it.

    Attributes:
        port: serial port.
        servos: that answered.
        bauds: speeds that were tried.
        latency: whether the port hands on bytes as they arrive; None where nothing was tried.
    """

    port: str
    servos: tuple[FoundServo, ...]
    bauds: tuple[int, ...]
    latency: LatencyReport | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "port": self.port,
            "bauds": list(self.bauds),
            "latency": self.latency.as_dict() if self.latency is not None else {},
            "servos": [asdict(servo) for servo in self.servos],
        }


def scan(
    port: str,
    *,
    protocols: Sequence[str] = SCANNED,
    bauds: Sequence[int] = BAUDS,
    ids: Iterable[int] = ALL_IDS,
    patience_s: float = 0.004,
    stop_after: Callable[[Sequence[FoundServo]], bool] = bool,
) -> BusScan:
    """Ask every id at every speed in every protocol.

    Args:
        port: serial port.
        protocols: what to try at each speed, in this order.
        bauds: speeds, in this order.
        ids: of the servos.
        patience_s: how long beyond wire time an answer may take; an adapter with a 16 ms timer needs 0.02.
        stop_after: no further speed is tried once this is true of the servos found.

    Raises:
        BusError: the port is absent, busy or denied.
    """
    found: list[FoundServo] = []
    latency: LatencyReport | None = None
    tried: list[int] = []
    wanted = list(ids)
    for baud in bauds:
        tried.append(baud)
        for protocol in protocols:
            with bus_errors():
                link = Link(protocol, port, baud, round(patience_s * 1e6), fresh=False)
                latency = link.latency()
                found += [_look_at(link, servo, protocol, baud) for servo in wanted if _pings(link, servo)]
            del link
        if stop_after(found):
            break
    return BusScan(port, tuple(found), tuple(tried), latency)


def _pings(link: Link, servo: int) -> bool:
    """Ask up to three times: a disturbed servo answers one of three."""
    before = _troubles(link)
    for _ in range(3):
        if link.ping(servo):
            return True
        after = _troubles(link)
        if after["timeouts"] > before["timeouts"] and after == {**before, "timeouts": after["timeouts"]}:
            return False  # nothing came at all
        before = after
    return True  # something is there, but never in one piece


def _troubles(link: Link) -> dict[str, int]:
    counters = link.counters()
    return {name: getattr(counters, name) for name in TROUBLE}


def _look_at(link: Link, servo: int, protocol: str, baud: int) -> FoundServo:
    family = FAMILIES[protocol]
    number: int | None = None
    disturbed = 0
    for _ in range(LOOKS):
        before = _troubles(link)
        data = link.read(servo, family.model_address, 2)
        link.read(servo, *family.own_block)
        link.ping(servo)  # what came too late or twice shows at the next request
        disturbed += _troubles(link) != before
        number = int.from_bytes(data, "little") if data is not None and number is None else number
    motor = _motor(protocol, number)
    volts = _value(link, servo, motor, "present_voltage")
    celsius = _value(link, servo, motor, "present_temperature")
    return FoundServo(
        id=servo,
        baud=baud,
        protocol=protocol,
        model_number=_as_read(number, motor) if motor else number,
        model=motor.model if motor else "",
        voltage_v=None if volts is None else round(0.1 * volts, 1),
        temperature_c=celsius,
        disturbed=round(disturbed / LOOKS, 2),
        firmware=_firmware(link, servo, motor),
    )


def _motor(protocol: str, number: int | None) -> MotorSpec | None:
    specs = (MotorSpec.load(name) for name in names())
    fitting = (spec for spec in specs if spec.protocol == protocol and number is not None)
    return next((spec for spec in fitting if spec.model_number == _as_read(number, spec)), None)


def _as_read(number: int | None, motor: MotorSpec) -> int | None:
    """Return a number that was read low byte first, in the byte order of `motor`."""
    if number is None or motor.byte_order == "little":
        return number
    return int.from_bytes(number.to_bytes(2, "little"), "big")


def _firmware(link: Link, servo: int, motor: MotorSpec | None) -> str:
    names = ("firmware_major", "firmware_minor", "firmware")
    parts = [_value(link, servo, motor, name) for name in names]
    return ".".join(str(part) for part in parts if part is not None)


def _value(link: Link, servo: int, motor: MotorSpec | None, name: str) -> int | None:
    if motor is None or name not in motor.registers:
        return None
    register = motor.register(name)
    data = link.read(servo, register.address, register.size)
    return None if data is None else register.decode(data)
