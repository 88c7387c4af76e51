"""Whether the arm on a port is the one of a calibration, by the encoder offsets in its servos.

Looked at where nothing but the socket has chosen the calibration, since two arms on adapters alike may have changed
places. Arms whose servos all keep the same offsets, as new ones do, look alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import ServiceBus
from ..errors import BusError, CalibrationError
from ..motors.bus_errors import bus_errors
from ..specs.servo import MotorSpec
from ..specs.servo_family import FAMILIES

if TYPE_CHECKING:
    from ..specs.robot import RobotSpec
    from .calibration import Calibration

ATTEMPTS = 3


def check_offsets(calibration: Calibration, port: str, spec: RobotSpec, name: str) -> None:
    """Raise CalibrationError when servos on `port` keep other offsets than `calibration`, called `name`, knows.

    Servos that do not answer are not judged: opening the robot says what is wrong with them.
    """
    wrong = []
    for joint, kept in _kept(port, spec).items():
        known = calibration.joints[joint].homing_offset
        if known is not None and kept != known:
            wrong.append(f"{joint} keeps the offset {kept}, the calibration {known}")
    if wrong:
        raise CalibrationError(
            f"the arm on {port} is not the one of calibration {name!r}, which was made in that socket: "
            f"{'; '.join(wrong)}. Are two cables swapped? If it is that arm and another program has calibrated it "
            f"since, calibrate it again, or give --calibration {name}"
        )


def _kept(port: str, spec: RobotSpec) -> dict[str, int]:
    """Joint name -> offset in its servo, ticks, of those that have one and answer. Only reads."""
    motor = MotorSpec.load(spec.bus.motor)
    family = FAMILIES[motor.protocol]
    if not (family.scanned and family.keeps_offset and "homing_offset" in motor.registers):
        return {}
    register, found = motor.register("homing_offset"), {}
    try:
        with bus_errors():
            bus = ServiceBus(family.name, port, spec.bus.baud, round(spec.bus.reply_margin_s * 1e6))
            for joint in spec.joints:
                answers = (bus.read(joint.id, register.address, register.size) for _ in range(ATTEMPTS))
                data = next((answer for answer in answers if answer is not None), None)
                if data is not None:
                    found[joint.name] = register.decode(data)
    except BusError:
        return {}
    return found
