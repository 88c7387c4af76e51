"""Write and read the compiled robot: RobotConfig in one flat file that Python, C and microcontrollers open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._core import FileProblem, RobotConfig
from .._core import read_robot as parse
from ..errors import SpecError
from ..files import write_whole
from ..foreign import read_bytes
from ..specs.robot import MAX_COMPILED_BYTES, RobotSpec
from .calibration import spec_hash

_VERSION = slice(8, 12)
"""Where the file says its version (docs/compiled-robot.md)."""


def write_compiled(path: Path, config: RobotConfig) -> int:
    """Write `config` as a whole or not at all; return the file's size in bytes.

    Raises ValueError (from the core): it contradicts itself. As `files.write_whole` where it cannot be written.
    """
    data = config.to_bytes()
    write_whole(path, lambda file: file.write(data))
    return len(data)


def read_compiled(path: Path) -> RobotConfig:
    """Read a compiled robot, whoever made it. Raises SpecError that says what is wrong with the file."""
    return read_versioned(path)[0]


def read_versioned(path: Path) -> tuple[RobotConfig, int]:
    """Read a compiled robot and the version of its format. Raises as `read_compiled`."""
    data = read_bytes(path, MAX_COMPILED_BYTES, error=SpecError)
    reading = parse(data)
    if reading.problem != FileProblem.NONE:
        raise SpecError(f"{path}: {reading.text}; compile it again with motorium robots --compile")
    return reading.config, int.from_bytes(data[_VERSION], "little")


def zeros_of(config: RobotConfig) -> str | None:
    """Return "nominal" or "calibrated"; None where the declaration it was compiled from is not one that ships."""
    try:
        spec = RobotSpec.load(config.name)
    except SpecError:
        return None
    if spec_hash(spec) != config.spec_hash.hex():
        return None
    nominal = [(float(joint.zero_ticks), joint.sign) for joint in spec.joints]
    servos = [(servo.zero_ticks, servo.sign) for bus in config.buses for servo in bus.joints]
    return "nominal" if servos == nominal else "calibrated"


def summary(config: RobotConfig, version: int) -> dict[str, Any]:
    """Return what a person or a program wants to know of a compiled robot of that format, as plain values."""
    control = config.control
    rows = zip(
        config.joints, control.lower_rad, control.upper_rad, control.max_velocity_rad_s, control.rest_rad,
        strict=True,
    )  # fmt: skip
    return {
        "robot": config.name,
        "hash": config.content_hash().hex(),
        "spec_hash": config.spec_hash.hex(),
        "format": version,
        "zeros": zeros_of(config),
        "exit": control.exit.value,
        "control_rate_hz": control.rate_hz,
        "policy_rate_hz": config.policy.rate_hz,
        "joints": [
            {
                "name": joint.name,
                "slot": joint.slot,
                "lower_rad": float(lower),
                "upper_rad": float(upper),
                "max_velocity_rad_s": float(velocity),
                "rest_rad": float(rest),
                "home_rad": joint.home_rad,
            }
            for joint, lower, upper, velocity, rest in rows
        ],
        "buses": [
            {
                "family": bus.family,
                "side": bus.side,
                "baud": bus.baud,
                "servos": [
                    {"id": servo.id, "zero_ticks": servo.zero_ticks, "sign": servo.sign}
                    for servo in bus.joints
                ],
                "settings": len(bus.settings),
                "traits": dict(bus.traits),
            }
            for bus in config.buses
        ],
        "cameras": [camera.role for camera in config.cameras],
    }
