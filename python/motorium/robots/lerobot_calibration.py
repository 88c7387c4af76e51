"""LeRobot's calibration JSON, both ways: {joint: {id, drive_mode, homing_offset, range_min, range_max}}, whole ticks.

LeRobot puts zero degrees at the middle of the recorded range and measures along the servo's counts (`drive_mode` 1:
against them); `range_min` 0 with `range_max` 4095 stands for a joint whose range was not recorded. Source: lerobot,
`motors/motors_bus.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from ..errors import CalibrationError
from ..files import write_json
from ..motors.bus import JointZero
from ..motors.spec import MotorSpec
from .calibration import Calibration, spec_hash
from .spec import JointSpec, RobotSpec
from .sweep import LEAST_SHARE, MOST_SHARE, zero_ticks

KEYS = ("id", "drive_mode", "homing_offset", "range_min", "range_max")
MOST_BYTES = 1 << 20


def read_lerobot(path: Path, spec: RobotSpec) -> Calibration:
    """A calibration from LeRobot's file. Raises CalibrationError when it does not fit `spec`."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CalibrationError(f"{path} is too large for a calibration")
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CalibrationError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(table, dict) or set(table) != set(spec.joint_names):
        found = ", ".join(sorted(map(str, table))) if isinstance(table, dict) else "no joints"
        raise CalibrationError(f"{path} has {found}; {spec.name} has {', '.join(spec.joint_names)}")
    turn = MotorSpec.load(spec.bus.motor).ticks_per_turn
    zeros = {
        joint.name: _zero(table[joint.name], joint, turn, f"{path}: {joint.name}") for joint in spec.joints
    }
    return Calibration(spec.name, spec_hash(spec), zeros)


def _zero(entry: object, joint: JointSpec, turn: int, where: str) -> JointZero:
    if not isinstance(entry, Mapping) or set(entry) != set(KEYS):
        raise CalibrationError(f"{where} needs exactly the keys {', '.join(KEYS)}")
    if any(isinstance(value, bool) or not isinstance(value, int) for value in entry.values()):
        raise CalibrationError(f"{where}: every value must be a whole number")
    low, high = entry["range_min"], entry["range_max"]
    if entry["id"] != joint.id or entry["drive_mode"] not in (0, 1) or abs(entry["homing_offset"]) >= turn:
        raise CalibrationError(f"{where}: id, drive_mode or homing_offset is not one of servo {joint.id}")
    if not 0 <= low < high < turn:
        raise CalibrationError(f"{where}: a range of {low}..{high} is not inside 0..{turn - 1}")
    sign = -joint.sign if entry["drive_mode"] else joint.sign
    if (low, high) == (0, turn - 1):
        return JointZero((low + high) / 2, sign, entry["homing_offset"])
    per_rad = turn / (2 * math.pi)
    share = (high - low) / per_rad / (joint.upper_rad - joint.lower_rad)
    if not LEAST_SHARE <= share <= MOST_SHARE:
        raise CalibrationError(
            f"{where}: its range is {share:.2f} times what {joint.name} is declared to have: calibrate the arm again"
        )
    return JointZero(zero_ticks(joint, (low + high) / 2, sign, per_rad), sign, entry["homing_offset"])


def write_lerobot(calibration: Calibration, spec: RobotSpec, path: Path) -> None:
    """Write `calibration` as LeRobot's file. Raises CalibrationError when it does not know the servos' offsets."""
    turn = MotorSpec.load(spec.bus.motor).ticks_per_turn
    per_rad = turn / (2 * math.pi)
    table = {}
    for joint in spec.joints:
        zero = calibration.joints[joint.name]
        if zero.homing_offset is None:
            raise CalibrationError(f"the offset of {joint.name} is unknown: calibrate the arm first")
        ends = sorted(zero.zero_ticks + zero.sign * q * per_rad for q in (joint.lower_rad, joint.upper_rad))
        low, high = (min(max(round(end), 0), turn - 1) for end in ends)
        values = (joint.id, int(zero.sign != joint.sign), zero.homing_offset, low, high)
        table[joint.name] = dict(zip(KEYS, values, strict=True))
    write_json(path, table, indent=4)
