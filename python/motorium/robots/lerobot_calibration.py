"""LeRobot's calibration JSON, both ways: {joint: {id, drive_mode, homing_offset, range_min, range_max}}, whole ticks.

LeRobot puts zero degrees at the middle of the recorded range and measures along the servo's counts (`drive_mode` 1:
against them); `range_min` 0 with `range_max` 4095 stands for a joint whose range was not recorded. Source: lerobot,
`motors/motors_bus.py`. Before May 2025 it kept lists (`calib_mode`, `start_pos`) whose angles mean something else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import CalibrationError
from ..files import write_json
from ..foreign import read_json
from ..logs import logger
from ..specs.joint import JointSpec
from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec
from ..specs.servo_family import FAMILIES
from ..specs.travel import travel_problem, zero_ticks
from ..specs.zero import JointZero
from .calibration import MAX_BYTES, Calibration, spec_hash
from .sweep import check_accepted

KEYS = ("id", "drive_mode", "homing_offset", "range_min", "range_max")


OLD_KEYS = {"calib_mode", "start_pos", "end_pos", "motor_names"}
"""What the files of LeRobot before its version 0.2 hold."""

_log = logger(__name__)


def read_lerobot(path: Path, spec: RobotSpec, *, accept: Collection[str] = ()) -> Calibration:
    """Return a calibration from LeRobot's file; what is doubtful about it is logged, and stands in its `warnings`.

    Args:
        path: the file.
        spec: the robot.
        accept: joints whose range is taken as it is, however far it is from what is declared.

    Raises:
        CalibrationError: it does not fit `spec`.
    """
    check_accepted(accept, spec)
    table = read_json(path, MAX_BYTES, error=CalibrationError)
    if isinstance(table, dict) and set(table) & OLD_KEYS:
        raise CalibrationError(
            f"{path} is in LeRobot's format from before May 2025, in quarter turns placed by hand, without ranges. "
            f"Calibrate the arm, motorium calibrate {spec.name} --port PORT, or with a current LeRobot "
            "(lerobot-calibrate), and give its file"
        )
    if not isinstance(table, dict) or set(table) != set(spec.joint_names):
        found = ", ".join(sorted(map(str, table))) if isinstance(table, dict) else "no joints"
        raise CalibrationError(f"{path} has {found}; {spec.name} has {', '.join(spec.joint_names)}")
    motor = MotorSpec.load(spec.bus.motor)
    zeros = {
        joint.name: _zero(table[joint.name], joint, motor.ticks_per_turn, f"{path}: {joint.name}")
        for joint in spec.joints
    }
    if FAMILIES[motor.protocol].keeps_direction:
        zeros = {name: replace(zero, reverse=table[name]["drive_mode"] == 1) for name, zero in zeros.items()}
    travel = {name: (entry["range_min"], entry["range_max"]) for name, entry in table.items()}
    _check_travel(travel, spec, motor.ticks_per_turn, accept, path)
    calibration = Calibration(spec.name, spec_hash(spec), zeros, travel_ticks=travel)
    for line in calibration.warnings(spec):
        _log.warning("%s", line)
    return calibration


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
    if not _recorded(low, high, turn):
        if joint.unit == "opening":
            raise CalibrationError(
                f"{where}: its range was not recorded ({low}..{high}), so its closed position is unknown: "
                f"calibrate the arm"
            )
        return JointZero((low + high) / 2, sign, entry["homing_offset"])
    return JointZero(zero_ticks(joint, low, high, sign, turn / (2 * math.pi)), sign, entry["homing_offset"])


def _recorded(low: int, high: int, turn: int) -> bool:
    return (low, high) != (0, turn - 1)


def _check_travel(
    travel: Mapping[str, tuple[int, int]], spec: RobotSpec, turn: int, accept: Collection[str], path: Path
) -> None:
    problems = []
    for joint in spec.joints:
        low, high = travel[joint.name]
        travel_rad = (high - low) * 2 * math.pi / turn
        problem = travel_problem(joint, travel_rad, accepted=joint.name in accept)
        if problem is not None and _recorded(low, high, turn):
            problems.append(problem)
    if problems:
        raise CalibrationError(f"{path}: {'; '.join(problems)}. Or calibrate the arm again")


def write_lerobot(calibration: Calibration, spec: RobotSpec, path: Path) -> None:
    """Write `calibration` as LeRobot's file, with the travel that was found, else that of the joints' limits."""
    turn = MotorSpec.load(spec.bus.motor).ticks_per_turn
    per_rad = turn / (2 * math.pi)
    table = {}
    for joint in spec.joints:
        zero = calibration.joints[joint.name]
        ends = sorted(zero.zero_ticks + zero.sign * q * per_rad for q in (joint.lower_rad, joint.upper_rad))
        low, high = (
            min(max(round(end), 0), turn - 1) for end in calibration.travel_ticks.get(joint.name, ends)
        )
        values = (joint.id, int(zero.sign != joint.sign), zero.homing_offset or 0, low, high)
        table[joint.name] = dict(zip(KEYS, values, strict=True))
    write_json(path, table, indent=4)
