"""The same cycle of a servo bus by other drivers: LeRobot's motor buses, and the vendors' own kits.

A cycle reads position, speed and load of all servos and writes a goal to all. LeRobot reads one register at a time, so
it asks three times; the kits read the whole block at once, as motorium does.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

GOAL_TICKS = 2048
LEROBOT_BAUD = 1_000_000
ABSENT_ID = 99


@dataclass(frozen=True)
class PeerBus:
    """Another driver on an open port.

    Attributes:
        name: and version.
        cycle: reads three values of all servos, writes all goals.
        wait: asks a servo that is not there, until the driver gives up.
        close: gives the port back.
    """

    name: str
    cycle: Callable[[], object]
    wait: Callable[[], object]
    close: Callable[[], None]


Opener = Callable[[str, Sequence[int]], PeerBus]


def _close_quietly(close: Callable[[], object]) -> Callable[[], None]:
    def closed() -> None:
        with contextlib.suppress(Exception):  # a peer's own trouble with a port that goes is no result
            close()

    return closed


def lerobot_feetech(port: str, ids: Sequence[int]) -> PeerBus:
    """Open LeRobot's FeetechMotorsBus. Raises ImportError, also for the kit that overwrites the one it needs."""
    import scservo_sdk as sdk
    from lerobot.motors.feetech import FeetechMotorsBus

    if not hasattr(sdk, "PacketHandler"):
        raise ImportError("scservo_sdk without PacketHandler: LeRobot needs feetech-servo-sdk")

    return _lerobot(FeetechMotorsBus, "sts3215", "Present_Load", port, ids)


def lerobot_dynamixel(port: str, ids: Sequence[int]) -> PeerBus:
    """Open LeRobot's DynamixelMotorsBus. Raises ImportError."""
    from lerobot.motors.dynamixel import DynamixelMotorsBus

    return _lerobot(DynamixelMotorsBus, "xl330-m288", "Present_Current", port, ids)


def _lerobot(
    bus_class: Callable[..., object], model: str, effort: str, port: str, ids: Sequence[int]
) -> PeerBus:
    from importlib.metadata import version

    from lerobot.motors import Motor, MotorNormMode

    logging.getLogger("lerobot").setLevel(logging.ERROR)
    motors = {f"joint_{servo}": Motor(servo, model, MotorNormMode.RANGE_M100_100) for servo in ids}
    bus: object = bus_class(port, motors)
    bus.connect()  # type: ignore[attr-defined]
    read, write = bus.sync_read, bus.sync_write  # type: ignore[attr-defined]

    def cycle() -> None:
        goals = read("Present_Position", normalize=False)
        read("Present_Velocity", normalize=False)
        read(effort, normalize=False)
        write("Goal_Position", goals, normalize=False)

    def wait() -> None:
        bus.ping(ABSENT_ID)  # type: ignore[attr-defined]

    close = _close_quietly(lambda: bus.disconnect(disable_torque=False))  # type: ignore[attr-defined]
    return PeerBus(f"lerobot {version('lerobot')}", cycle, wait, close)


def scservo_kit(port: str, ids: Sequence[int]) -> PeerBus:
    """Open Feetech's own kit (`ftservo-python-sdk`). Raises ImportError."""
    import scservo_sdk as sdk

    handler = sdk.PortHandler(port)
    handler.openPort()
    handler.setBaudRate(LEROBOT_BAUD)
    kit = sdk.sms_sts(handler) if hasattr(sdk, "sms_sts") else None
    if kit is None:
        raise ImportError("scservo_sdk without sms_sts: install ftservo-python-sdk")
    read, write = sdk.GroupSyncRead(kit, 56, 6), sdk.GroupSyncWrite(kit, 42, 2)
    for servo in ids:
        read.addParam(servo)

    def cycle() -> None:
        read.txRxPacket()
        for servo in ids:
            ticks = read.getData(servo, 56, 2)
            read.getData(servo, 58, 2)
            read.getData(servo, 60, 2)
            write.addParam(servo, [ticks & 0xFF, ticks >> 8])
        write.txPacket()
        write.clearParam()

    return PeerBus(
        "ftservo-python-sdk", cycle, lambda: kit.ping(ABSENT_ID), _close_quietly(handler.closePort)
    )


def dynamixel_kit(port: str, ids: Sequence[int]) -> PeerBus:
    """Open ROBOTIS' own kit (`dynamixel-sdk`). Raises ImportError."""
    import dynamixel_sdk as sdk

    handler, packet = sdk.PortHandler(port), sdk.PacketHandler(2.0)
    handler.openPort()
    handler.setBaudRate(LEROBOT_BAUD)
    read = sdk.GroupSyncRead(handler, packet, 126, 10)
    write = sdk.GroupSyncWrite(handler, packet, 116, 4)
    for servo in ids:
        read.addParam(servo)

    def cycle() -> None:
        read.txRxPacket()
        for servo in ids:
            ticks = read.getData(servo, 132, 4)
            read.getData(servo, 128, 4)
            read.getData(servo, 126, 2)
            write.addParam(servo, ticks.to_bytes(4, "little"))
        write.txPacket()
        write.clearParam()

    close = _close_quietly(handler.closePort)
    return PeerBus("dynamixel-sdk", cycle, lambda: packet.ping(handler, ABSENT_ID), close)


PEERS: dict[str, tuple[Opener, ...]] = {
    "feetech": (lerobot_feetech, scservo_kit),
    "dynamixel": (dynamixel_kit, lerobot_dynamixel),
}
"""By protocol; the first that is installed is the peer of the ratio, the others are named beside it."""


@contextlib.contextmanager
def installed(protocol: str, port_of: Callable[[], str], ids: Sequence[int]) -> Iterator[list[PeerBus]]:
    """Open every peer that can be imported, each on its own port."""
    with contextlib.ExitStack() as stack:
        found = []
        for opener in PEERS[protocol]:
            try:
                peer = opener(port_of(), ids)
            except ImportError:
                continue
            stack.callback(peer.close)
            found.append(peer)
        yield found
