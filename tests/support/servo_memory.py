"""Virtual servos whose own memory is not the factory's."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from motorium import _core
from motorium.errors import BusError
from motorium.motors.bus_errors import bus_errors
from motorium.motors.emulated import emulate
from motorium.robots.bus import bus_config, open_joints
from motorium.robots.calibrate import calibrate
from motorium.robots.calibration import Calibration
from motorium.specs.robot import RobotSpec
from motorium.specs.servo import MotorSpec
from motorium.specs.zero import JointZero

PATIENT_S = 0.1
"""Reply margin: a busy machine must not look like a lost reply."""
MARGIN_TICKS = 163
"""0.25 rad: how far past its limit a joint may stand."""


class Servos:
    """The chain of a robot, standing at its zeros."""

    def __init__(self, name: str | RobotSpec) -> None:
        self.spec = name if isinstance(name, RobotSpec) else RobotSpec.load(name)
        self.motors = [MotorSpec.load(motor) for motor in self.spec.motor_names]
        self.chain = emulate([joint.id for joint in self.spec.joints], self.spec.motor_names)
        self.place([joint.zero_ticks for joint in self.spec.joints])

    def place(self, ticks: Sequence[int]) -> None:
        """Where the encoders are."""
        supply = [round(10 * motor.supply_v) for motor in self.motors]
        n = len(self.motors)
        self.chain.update(np.asarray(ticks, np.int32), [0] * n, [0] * n, supply)

    def remember(self, joint: str, register: str, value: int) -> None:
        """Put a value into a servo's EEPROM, as another program left it."""
        place = self.spec.joint_names.index(joint)
        field = self.motors[place].register(register)
        self.chain.program(place, field.address, field.encode(value))

    def memory(self, joint: str, register: str) -> int:
        """What a servo has."""
        place = self.spec.joint_names.index(joint)
        field = self.motors[place].register(register)
        return field.decode(self.chain.table(place)[field.address : field.address + field.size])

    def open(self, zeros: Sequence[JointZero] | None = None) -> _core.FeetechBus | _core.DynamixelBus:
        """Connect as a robot does. Raises BusError."""
        config = bus_config(self.spec, zeros)
        config.reply_margin_s = PATIENT_S
        with bus_errors():
            return open_joints(self.chain.port, config)

    def read(self, bus: _core.FeetechBus | _core.DynamixelBus, joint: str) -> float:
        """One joint's position, radians."""
        readings = _core.JointState()
        bus.read_state(readings)
        return float(readings.position_rad[self.spec.joint_names.index(joint)])

    def refusal(self, zeros: Sequence[JointZero] | None = None) -> str:
        """What connecting says; nothing has torque then."""
        try:
            self.open(zeros)
        except BusError as error:
            assert not self.chain.goals().torque_enable.any()
            return str(error)
        raise AssertionError("it was not refused")

    def zeros(self, **changed: JointZero) -> list[JointZero]:
        """Nominal ones, but for some joints."""
        return [changed.get(j.name, JointZero(j.zero_ticks, j.sign)) for j in self.spec.joints]


def swept(servos: Servos) -> Calibration:
    """Calibrated, moved by an unseen hand from stop to stop about the nominal zeros.

    The hand goes on when it was read, so that a busy machine never sees it leap.
    """
    low = np.array([joint.lower_rad for joint in servos.spec.joints])
    high = np.array([joint.upper_rad for joint in servos.spec.joints])
    zero = np.array([joint.zero_ticks for joint in servos.spec.joints])
    per_rad = np.array([motor.ticks_per_turn / (2 * np.pi) for motor in servos.motors])
    stop = threading.Event()

    def move() -> None:
        step = replies = 0
        while not stop.wait(0.003):
            before, replies = replies, servos.chain.stats().replies
            if replies > before:
                step += 1
                share = np.sin(step * np.pi / 24)  # stops at the very ends
                servos.place(np.rint(zero + ((low + high) / 2 + share * (high - low) / 2) * per_rad))

    hand = threading.Thread(target=move, daemon=True)
    hand.start()
    try:
        return calibrate(
            servos.spec, servos.chain.port, lambda sweep, still_s: sweep.complete and still_s > 0.25
        )
    finally:
        stop.set()
        hand.join()
