"""A driver on virtual Dynamixel servos of mixed models, as a Koch arm has them."""

from __future__ import annotations

from typing import Any

from servo_arm import PATIENT_S, DrivenArm

from motorium import _core
from motorium.motors.emulated import emulate, servo_model
from motorium.specs.servo import MotorSpec

IDS = [1, 2, 3, 4, 5, 6]
MODELS = ["xl430_w250"] * 2 + ["xl330_m288"] * 4
MODE, TORQUE, HARDWARE_ERROR, WATCHDOG, GOAL_PWM, GOAL, PRESENT = 11, 64, 70, 98, 100, 116, 132


def chain(firmware: int = 50) -> _core.ServoEmulator:
    """Six servos; an old firmware knows no fast reads."""
    if firmware == 50:
        return emulate(IDS, MODELS)
    models = [servo_model(MotorSpec.load(name), firmware) for name in MODELS]
    return _core.ServoEmulator.of("dynamixel", list(zip(IDS, models, strict=True)))


def make_joint(servo: int, model: str, **values: Any) -> _core.ServoJoint:
    """One joint in extended position mode; `values` override its attributes."""
    motor = MotorSpec.load(model)
    joint = _core.ServoJoint()
    joint.id = servo
    joint.model_number = motor.model_number
    joint.rad_s_per_unit = motor.velocity_unit_rad_s
    joint.effort_full_scale = motor.effort_full_scale
    joint.fast_firmware = motor.fast_read_firmware
    joint.min_ticks, joint.max_ticks = -(2**20), 2**20
    for name, value in values.items():
        setattr(joint, name, value)
    return joint


def make_config(**values: Any) -> _core.BusConfig:
    """A plain configuration in extended position mode; `values` override its attributes."""
    config = _core.BusConfig()
    config.family = "dynamixel"
    config.joints = [make_joint(servo, model) for servo, model in zip(IDS, MODELS, strict=True)]
    config.reply_margin_s = PATIENT_S
    config.settings = [setting(i, MODE, 4, eeprom=True) for i in range(6)]
    for name, value in values.items():
        setattr(config, name, value)
    return config


def setting(
    joint: int, address: int, value: int, *, size: int = 1, eeprom: bool = False
) -> _core.ServoSetting:
    """One register to bring to a value."""
    return _core.ServoSetting(joint=joint, address=address, size=size, value=value, eeprom=eeprom)


class DynamixelArm(DrivenArm):
    """Dynamixel servos and their driver."""

    def __init__(self, emulator: _core.ServoEmulator, **config: Any) -> None:
        super().__init__(emulator, _core.DynamixelBus(emulator.port, make_config(**config)))

    def register(self, servo: int, address: int, size: int = 1) -> int:
        """A register as the servo has it."""
        return int.from_bytes(
            self.emulator.registers(servo)[address : address + size], "little", signed=size > 1
        )
