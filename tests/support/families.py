"""Every family of servos that ships, by name: tests that take these names need nothing to try a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from servo_arm import IDS, PATIENT_S, DrivenArm

from motorium import _core
from motorium.motors.emulated import emulate, servo_model
from motorium.robots.bus import bus_config, open_joints
from motorium.specs.robot import RobotSpec, names
from motorium.specs.servo import MotorSpec
from motorium.specs.servo_family import SCANNED

OLD_FIRMWARE = 44
"""Of servos that know no reply which all of them write together."""
ROBOTS = {
    family: next(spec.name for spec in map(RobotSpec.load, names()) if spec.bus.protocol == family)
    for family in SCANNED
}
"""Family -> a robot that has it."""


def six_joints(family: str) -> RobotSpec:
    """The robot of a family with six joints that are alike, in the middle of their turn at zero."""
    spec = RobotSpec.load(ROBOTS[family])
    motor = MotorSpec.load(spec.bus.motor)
    joint = replace(
        spec.joints[0], motor="", settings=(), zero_ticks=motor.ticks_per_turn // 2, sign=1, max_effort=1.0,
        lower_rad=-2.0, upper_rad=2.0, passive=False,
    )  # fmt: skip
    joints = tuple(replace(joint, name=f"joint_{i}", id=i, slot=60 + i) for i in IDS)
    return replace(spec, joints=joints)


class FamilyArm(DrivenArm):
    """Six servos of a family and their driver, set up as a robot's are, but without a watchdog."""

    def __init__(self, family: str, firmware: int | None = None, **config: Any) -> None:
        self.family, self.spec = family, six_joints(family)
        self.motor = MotorSpec.load(self.spec.bus.motor)
        self.turn = self.motor.ticks_per_turn
        if firmware is None:
            servos = emulate(IDS, self.spec.motor_names)
        else:
            models = [(i, servo_model(self.motor, firmware)) for i in IDS]
            servos = _core.ServoEmulator.of(family, models)
        self.config = bus_config(self.spec)
        self.config.reply_margin_s, self.config.watchdog_units = PATIENT_S, 0
        for name, value in config.items():
            setattr(self.config, name, value)
        super().__init__(servos, open_joints(servos.port, self.config))

    def open_anew(self, **config: Any) -> None:
        """Open the bus again with other values of its configuration."""
        del self.bus
        for name, value in config.items():
            setattr(self.config, name, value)
        self.bus = open_joints(self.emulator.port, self.config)

    def raw(self, **options: Any) -> _core.ServiceBus:
        """Raw registers of the chain."""
        return _core.ServiceBus(self.family, self.emulator.port, **{"reply_margin_us": 300_000, **options})

    def memory(self, servo: int, name: str) -> int:
        """A register as the servo has it."""
        register = self.motor.register(name)
        table = self.emulator.registers(servo)
        return register.decode(table[register.address : register.address + register.size])
