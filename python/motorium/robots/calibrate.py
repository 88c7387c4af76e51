"""Calibrate an arm on its servo bus: torque off, moved by hand, then brought to its new offsets and read back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from .._core import BusStatus, JointState, ServiceBus
from ..errors import BusError, CalibrationError
from ..logs import logger
from ..motors.bus_errors import bus_errors
from ..motors.ports import adapter_serial, usb_path
from ..specs.joint import JointSpec
from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec, Register
from ..specs.servo_family import FAMILIES
from ..specs.zero import JointZero
from .bus import bus_config, open_joints
from .calibration import Calibration, spec_hash
from .sweep import Sweep

POLL_S = 0.01
SILENT_S = 1.0
"""A joint silent for this long may have turned unseen, so that its unwrapped count is no longer known."""
ATTEMPTS = 5

_log = logger(__name__)


class LimpArm:
    """An arm without torque, read in counts of its encoders."""

    def __init__(self, spec: RobotSpec, motor: MotorSpec, port: str) -> None:
        """Torque goes off: hold the arm. Raises BusError when a servo does not answer."""
        self._spec, self._port = spec, port
        self._turn = motor.ticks_per_turn
        self._readings = JointState()
        with bus_errors():
            self._bus = open_joints(
                port, bus_config(spec, [JointZero(0.0, 1)] * len(spec.joints), as_found=True)
            )
            status = self._bus.set_torque(on=False)
        if status != BusStatus.OK:
            raise BusError(f"{spec.name} on {port} did not confirm that its torque is off")
        self._heard_ns = dict.fromkeys(spec.joint_names, time.monotonic_ns())

    def read(self) -> dict[str, int]:
        """Read joint name -> count, of the joints that answered. Raises BusError when one stays silent."""
        if self._bus.read_state(self._readings) == BusStatus.CLOSED:
            raise BusError(f"{self._port} is gone: is its USB cable plugged in?")
        now_ns, state = time.monotonic_ns(), self._readings
        ticks = {}
        for j, name in enumerate(self._spec.joint_names):
            if state.joint_t_ns[j] == state.t_ns:
                ticks[name] = round(state.position_rad[j] * self._turn / (2 * math.pi)) % self._turn
                self._heard_ns[name] = now_ns
            elif now_ns - self._heard_ns[name] > SILENT_S * 1e9:
                raise BusError(f"{name} on {self._port} stopped answering: check the cable before that joint")
        return ticks


def calibrate(
    spec: RobotSpec,
    port: str,
    finished: Callable[[Sweep, float], bool],
    *,
    accept: Collection[str] = (),
) -> Calibration:
    """Follow an arm while someone moves every joint from stop to stop. Torque goes off at once and stays off.

    Args:
        spec: the robot.
        port: serial port of its servo bus.
        finished: asked after every reading with the sweep so far and the seconds since any joint last reached further
            than before; True ends the sweep. It may raise to give up: no offset has been written then.
        accept: joints whose travel is taken as it is, however far it is from what is declared.

    Returns:
        The calibration; it is not saved. The servos have its offsets, read back. What is doubtful about it is logged,
        and stands in its `warnings`.

    Raises:
        CalibrationError: a joint's travel does not fit its declaration, or an offset was not kept.
        BusError: the bus cannot be opened, or a joint fell silent.
    """
    motor = MotorSpec.load(spec.bus.motor)
    family = FAMILIES[motor.protocol]
    moves_seam = family.keeps_offset and "homing_offset" in motor.registers
    offsets, backwards = read_offsets(spec, port), read_directions(spec, port)
    turned = tuple(replace(j, sign=-j.sign) if backwards[j.name] else j for j in spec.joints)
    sweep = Sweep(replace(spec, joints=turned), motor.ticks_per_turn, offsets if moves_seam else None, accept)
    _follow(LimpArm(spec, motor, port), sweep, finished)
    zeros = {name: replace(zero, reverse=backwards[name]) for name, zero in sweep.zeros().items()}
    if not family.keeps_offset:
        zeros = {name: replace(zero, homing_offset=offsets[name] or None) for name, zero in zeros.items()}
    if moves_seam:
        _keep_offsets(spec, port, zeros)
    else:
        bus_config(spec, list(zeros.values()))  # says where an encoder cannot tell all of a joint's travel
    found = Calibration(
        spec.name, spec_hash(spec), zeros, adapter_serial(port), usb_path(port), sweep.travel_ticks()
    )
    for line in found.warnings(spec):
        _log.warning("%s", line)
    return found


def _keep_offsets(spec: RobotSpec, port: str, zeros: Mapping[str, JointZero]) -> None:
    """Brings the servos to the offsets of `zeros` and reads them back."""
    with bus_errors():
        open_joints(port, bus_config(spec, list(zeros.values())))  # writes the offsets that differ
    kept = read_offsets(spec, port)
    lost = [name for name, zero in zeros.items() if kept[name] != (zero.homing_offset or 0)]
    if lost:
        raise CalibrationError(
            f"{', '.join(lost)} did not keep the new offset: switch the arm off and on, then calibrate again"
        )


def _follow(arm: LimpArm, sweep: Sweep, finished: Callable[[Sweep, float], bool]) -> None:
    grown_s = time.monotonic()
    while True:
        if sweep.feed(arm.read()):
            grown_s = time.monotonic()
        if finished(sweep, time.monotonic() - grown_s):
            return
        time.sleep(POLL_S)


def read_offsets(spec: RobotSpec, port: str) -> dict[str, int]:
    """Read joint name -> its servo's shift of the encoder's count, in ticks; 0 where it has none. Raises BusError."""
    return _read_registers(spec, port, dict.fromkeys(spec.joint_names, "homing_offset"))


def read_directions(spec: RobotSpec, port: str) -> dict[str, bool]:
    """Read joint name -> whether its servo counts backwards by itself. Raises BusError."""
    ways = {
        name: MotorSpec.load(motor).reverse
        for name, motor in zip(spec.joint_names, spec.motor_names, strict=True)
    }
    found = _read_registers(spec, port, {name: way.register for name, way in ways.items() if way is not None})
    return {name: way is not None and found[name] & way.mask != 0 for name, way in ways.items()}


def _read_registers(spec: RobotSpec, port: str, names: Mapping[str, str]) -> dict[str, int]:
    """Joint name -> its servo's register of that name; 0 where the motor has none."""
    values = {}
    with bus_errors():
        bus = ServiceBus(spec.bus.protocol, port, spec.bus.baud, round(spec.bus.reply_margin_s * 1e6))
        for joint, motor in zip(spec.joints, spec.motor_names, strict=True):
            register = MotorSpec.load(motor).registers.get(names.get(joint.name, ""))
            values[joint.name] = 0 if register is None else _read_register(bus, joint, register, port)
    return values


def _read_register(bus: ServiceBus, joint: JointSpec, register: Register, port: str) -> int:
    for _ in range(ATTEMPTS):
        data = bus.read(joint.id, register.address, register.size)
        if data is not None:
            return register.decode(data)
    raise BusError(f"servo {joint.id} ({joint.name}) does not answer on {port}")
