"""Servos behind their vendor's kit: `dynamixel-sdk` serves the control thread from its own thread.

For Dynamixel protocol 1.0, and for tables laid out in a way that our own driver does not take. The control thread makes
goals, the gate limits them, and what passes it is all that this thread can write: it gets `Relay.goal()` and nothing
else. It shares Python's lock with the rest of the program, so the loop runs no faster than it can read; and there is no
supervisor: a killed program leaves servos to their own watchdog (`bus_watchdog`, where the table has it), or holding.
"""

from __future__ import annotations

import math
import termios
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..errors import BusError, SpecError
from ..specs.encoder import counts_turns, goal_range
from ..specs.servo import MotorSpec, Register
from ..specs.zero import JointZero
from .bus import WATCHDOG_UNIT_S, must_reach
from .memory import servo_settings

if TYPE_CHECKING:
    from ..specs.joint import JointSpec
    from ..specs.robot import RobotSpec

PROTOCOL_VERSIONS = {"dynamixel": 2.0, "dynamixel1": 1.0}
ATTEMPTS = 5
VOLTS_PER_UNIT = 0.1
READ, ECHO_SIZE = 2, 3
"""Of protocol 1.0: the instruction, and how many bytes of its echo the kit would hand on as data."""
EXTRA = "dynamixel"


@dataclass
class _Servo:
    """One joint and how its registers become radians."""

    joint: JointSpec
    motor: MotorSpec
    zero: JointZero
    turns: int = 0  # whole turns between the servo's count and ours, in ticks
    last_ticks: float | None = None  # from the joint's zero

    @property
    def rad_per_tick(self) -> float:
        return self.zero.sign * 2 * math.pi / self.motor.ticks_per_turn

    def from_zero(self, count: int) -> float:
        """Return ticks from the joint's zero.

        Of a servo that counts turns those nearest to the last ones, at first to the middle of the limits: it forgets
        whole turns when it restarts.
        """
        shown = count - self.zero.zero_ticks
        if counts_turns(self.joint, self.motor):
            middle = (self.joint.lower_rad + self.joint.upper_rad) / 2 / self.rad_per_tick
            turn, near = self.motor.ticks_per_turn, middle if self.last_ticks is None else self.last_ticks
            self.turns = turn * round((shown - near) / turn)
        self.last_ticks = shown - self.turns
        return self.last_ticks

    def readings(self, values: dict[str, int]) -> list[float]:
        """Return a column of `Relay.publish`."""
        effort = self.zero.sign * values.get("effort", 0) / self.motor.effort_full_scale
        return [
            self.from_zero(values["present_position"]) * self.rad_per_tick,
            self.zero.sign * values.get("present_velocity", 0) * self.motor.velocity_unit_rad_s,
            float(np.clip(effort, -1.0, 1.0)),
            values.get("present_voltage", 0) * VOLTS_PER_UNIT,
            float(values.get("present_temperature", 0)),
            float(values.get("hardware_error", 0)),
        ]

    def ticks(self, rad: float) -> int:
        """Return a goal as the servo counts; one that does not count turns keeps it inside its range."""
        wish = round(self.zero.zero_ticks + rad / self.rad_per_tick) + self.turns
        if counts_turns(self.joint, self.motor):
            return wish
        low, high = goal_range(self.joint, self.motor, self.zero)
        return min(max(wish, low), high)


class VendorKit:
    """A port served through `dynamixel_sdk`; `relay` is what a `_core.Robot` is made on."""

    def __init__(self, port: str, spec: RobotSpec, zeros: Sequence[JointZero]) -> None:
        """Open the port, find every servo, bring its settings about; torque is left as found.

        Raises:
            SpecError: the kit is not installed, or a table lacks what is needed. BusError: no port, servos missing,
                another model, a setting that was not confirmed.
        """
        motors = [MotorSpec.load(name) for name in spec.motor_names]
        strangers = [motor for motor in motors if motor.protocol != spec.bus.protocol]
        if strangers:
            raise SpecError(
                f"{strangers[0].model} speaks {strangers[0].protocol}, the bus {spec.bus.protocol}"
            )
        must_reach(spec, motors, zeros)
        self._servos = [_Servo(*row) for row in zip(spec.joints, motors, zeros, strict=True)]
        self._settings = servo_settings(spec, motors, zeros)
        self._name = port
        self._watchdog = round(spec.bus.watchdog_s / WATCHDOG_UNIT_S)
        self._sdk = _sdk()
        self._port = self._sdk.PortHandler(port)
        self._unmarked = PROTOCOL_VERSIONS[spec.bus.protocol] == 1.0  # a request has the form of a reply
        self._packets = self._sdk.PacketHandler(PROTOCOL_VERSIONS[spec.bus.protocol])
        self._open(port, spec.bus.baud)
        self.relay = _core.Relay(len(self._servos), self._servos_watch())
        self._readings = np.zeros((6, len(self._servos)), np.float32)
        self._times = np.zeros(len(self._servos), np.int64)
        self._written = 0
        try:
            self._find()
            self._apply(self._settings)
        except BaseException:
            self._port.closePort()
            raise
        threading.Thread(target=self._serve, name="vendor-kit", daemon=True).start()

    def _servos_watch(self) -> bool:
        """Whether every servo that may have torque stops by itself when it hears nothing."""
        powered = [servo for servo in self._servos if not servo.joint.passive]
        return self._watchdog > 0 and all("bus_watchdog" in servo.motor.registers for servo in powered)

    def _open(self, port: str, baud: int) -> None:
        try:
            if not (self._port.openPort() and self._port.setBaudRate(baud)):
                raise BusError(f"port {port} cannot be used at {baud} baud")
        except OSError as error:
            raise BusError(f"port {port} cannot be used: {error}") from error

    def _find(self) -> None:
        for servo in self._servos:
            number = self._ask(servo, servo.motor.register("model_number"))
            if number != servo.motor.model_number:
                raise BusError(
                    f"servo {servo.joint.id} ({servo.joint.name}) reports model number {number}, "
                    f"expected {servo.motor.model_number}"
                )

    def _apply(self, settings: Sequence[_core.ServoSetting]) -> None:
        """Brings all settings about. Raises BusError that names joint and register of one that cannot be."""
        for setting in settings:
            servo = self._servos[setting.joint]
            plain = Register(setting.words.name, setting.address, setting.size, "rw")
            old = self._ask(servo, plain)
            new = (old & ~setting.mask) | (setting.value & setting.mask)
            if new == old:
                continue
            if setting.check_only:
                raise self._trouble(setting, _core.SettingTrouble.DIFFERS, old)
            self._must_be_within(setting, servo)
            if setting.eeprom and not self._put(servo, servo.motor.register("torque_enable"), 0):
                raise BusError(f"servo {servo.joint.id} did not confirm that its torque is off")
            if not self._put(servo, plain, new):
                raise self._trouble(setting, _core.SettingTrouble.UNCONFIRMED, new)

    def _must_be_within(self, setting: _core.ServoSetting, servo: _Servo) -> None:
        bound = setting.bound
        if bound.size == 0:
            return
        most = self._ask(servo, Register(bound.name, bound.address, bound.size, "rw"))
        if abs(setting.number(setting.value)) > abs(setting.number(most)):
            raise self._trouble(setting, _core.SettingTrouble.BEYOND_BOUND, most)

    def _trouble(self, setting: _core.ServoSetting, what: _core.SettingTrouble, found: int) -> BusError:
        joint = self._servos[setting.joint].joint
        return BusError(setting.describe(what, joint.id, self._name, found))

    def _ask(self, servo: _Servo, register: Register) -> int:
        for _ in range(ATTEMPTS):
            value = self._read(servo, register.address, register.size)
            if value is not None:
                return register.decode(value)
        raise BusError(f"servo {servo.joint.id} ({servo.joint.name}) does not answer")

    def _read(self, servo: _Servo, address: int, size: int) -> bytes | None:
        data, result, error = self._packets.readTxRx(self._port, servo.joint.id, address, size)
        if result != self._sdk.COMM_SUCCESS or len(data) != size:
            return None
        if self._unmarked and size <= ECHO_SIZE and error == READ and data[0] == address:
            return None  # for all that is known our own request, sent back by the adapter
        return bytes(data)

    def _put(self, servo: _Servo, register: Register, value: int) -> bool:
        """Write one register and read it back."""
        data = register.encode(value)
        for _ in range(ATTEMPTS):
            self._packets.writeTxRx(self._port, servo.joint.id, register.address, len(data), list(data))
            if self._read(servo, register.address, register.size) == data:
                return True
        return False

    def _serve(self) -> None:
        ticket = 0
        try:
            while not self.relay.closed:
                wanted, on = self.relay.torque_request()
                if wanted != ticket:
                    self.relay.done(wanted, self._switch(on=on))
                    ticket = wanted
                self._publish()
                self._write_goal()
        except (OSError, termios.error):
            pass  # the port went away: which the control thread is told by the close
        finally:
            self.relay.close()
            self._port.closePort()

    def _publish(self) -> None:
        now_ns = time.monotonic_ns()
        for j, servo in enumerate(self._servos):
            values = self._present(servo)
            if values is not None:
                self._readings[:, j] = servo.readings(values)
                self._times[j] = now_ns
        self.relay.publish(now_ns, self._readings, self._times)

    def _present(self, servo: _Servo) -> dict[str, int] | None:
        shown = _present_registers(servo.motor)
        start = min(register.address for register in shown.values())
        size = max(register.address + register.size for register in shown.values()) - start
        data = self._read(servo, start, size)
        if data is None:
            return None
        at = {name: register.address - start for name, register in shown.items()}
        return {name: r.decode(data[at[name] : at[name] + r.size]) for name, r in shown.items()}

    def _write_goal(self) -> None:
        newest = self.relay.goal()
        if newest is None or newest[0] == self._written:
            return
        self._written, goal_rad = newest
        for servo, rad in zip(self._servos, goal_rad, strict=True):
            if servo.joint.passive:
                continue
            register = servo.motor.register("goal_position")
            data = list(register.encode(servo.ticks(float(rad))))
            self._packets.writeTxOnly(self._port, servo.joint.id, register.address, len(data), data)

    def _switch(self, *, on: bool) -> bool:
        """Bring about what a restart may have lost, goal := present, then torque; off reaches every servo."""
        if on:
            try:
                self._apply(self._settings)
            except BusError:
                return False
        done = [self._switch_one(servo, on=on) for servo in self._servos if not (on and servo.joint.passive)]
        if on and not all(done):
            for servo in self._servos:
                self._put(servo, servo.motor.register("torque_enable"), 0)
        return all(done)

    def _switch_one(self, servo: _Servo, *, on: bool) -> bool:
        torque = servo.motor.register("torque_enable")
        watchdog = servo.motor.registers.get("bus_watchdog")
        if watchdog is not None and self._watchdog:
            self._put(servo, watchdog, 0)
        if not on:
            return self._put(servo, torque, 0)
        here = self._present(servo)
        if here is None or not self._put(
            servo, servo.motor.register("goal_position"), here["present_position"]
        ):
            return False
        powered = self._put(servo, torque, 1)
        if powered and watchdog is not None and self._watchdog:
            return self._put(servo, watchdog, self._watchdog)
        return powered


def _present_registers(motor: MotorSpec) -> dict[str, Register]:
    """Return what every tick reads: position, and of the rest what the table has nearby."""
    position = motor.register("present_position")
    effort = "present_current" if "present_current" in motor.registers else "present_load"
    names = {"present_velocity": "present_velocity", "effort": effort}
    names |= {name: name for name in ("present_voltage", "present_temperature")}
    found = {key: motor.registers[name] for key, name in names.items() if name in motor.registers}
    return {"present_position": position, **found}


def _sdk() -> Any:
    try:
        import dynamixel_sdk
    except ModuleNotFoundError as error:
        raise SpecError(
            f'bus driver "dynamixel-sdk" needs its package: pip install "motorium[{EXTRA}]"'
        ) from error
    return dynamixel_sdk
