"""Read a dataset's columns of joints as radians of its robot, in the order of the robot's spec."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.format.dataset import Dataset
from ...data.format.feature_names import joint_of
from ...data.format.instants import BY_OBSERVATION, observation_times_s, pairing_of
from ...data.format.said_units import ACTION, DEG, LEROBOT, RAD, STATE, said_unit
from ...data.format.tables import Episode, Rows
from ...errors import CalibrationError, DataError
from ...foreign import read_json
from ...robots.calibration import FORMAT, MAX_BYTES, Calibration
from ...robots.lerobot_calibration import read_lerobot
from ...specs.encoder import TURN_RAD
from ...specs.joint import JointSpec
from ...specs.lerobot_units import UNITS, to_radians
from ...specs.robot import RobotSpec
from ...specs.servo import MotorSpec
from ...specs.slots import slot_values

Float64 = NDArray[np.float64]

SETPOINTS = "commanded_rad"
PLAUSIBLE_RAD = 1.0
"""A joint in radians is no farther beyond its limits: calibrations differ by tenths, units by a factor of 57."""
_TIMES = ("row_s", "capture_s")
_UNIT_ENDINGS = ("_rad", ".rad", "(rad)", "_deg", ".deg", "(deg)")


@dataclass(frozen=True)
class JointRows:
    """The joints of one episode, N rows of J joints.

    Attributes:
        state_rad: (N, J) measured at the time of the observation.
        times_s: (N,) times of the observations, not falling.
        setpoint_s: (M,) times of setpoints, not falling.
        setpoint_rad: (M, J) in force then.
        row_s: by its rate between two rows.
    """

    state_rad: Float64
    times_s: Float64
    setpoint_s: Float64
    setpoint_rad: Float64
    row_s: float


@dataclass(frozen=True)
class JointReader:
    """How the columns of joints of a dataset become radians.

    Attributes:
        robot: whose joints they are.
        order: columns of the dataset in the order of the robot's joints.
        units: column -> "rad", "deg" or "lerobot"; setpoints are among them where the dataset has them.
        ahead: whether the action is the setpoint one row later (`instants.BY_OBSERVATION`), not that of its own row.
        calibration: of the arm that recorded them, or None.
    """

    robot: RobotSpec
    order: tuple[int, ...]
    units: Mapping[str, str]
    ahead: bool
    calibration: Calibration | None = None

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        robot: RobotSpec,
        units: str | None = None,
        calibration: Path | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> JointReader:
        """Find columns, their order and their units. Raises DataError for what is missing or does not fit."""
        schema = dataset.schema
        for key, what in ((STATE, "measured joints"), (ACTION, "action")):
            if not any(f.key == key for f in schema.columns):
                there = ", ".join(f.key for f in schema.columns) or "no columns"
                raise DataError(
                    f"{dataset.root} has no column {key!r} with the {what}, and a policy is trained with it; "
                    f"there are {there}. Record it anew (motorium record), or give a dataset that has it"
                )
        keys = [STATE, ACTION, *([SETPOINTS] if schema.has(SETPOINTS) else [])]
        orders = {key: _order(dataset, key, robot, renamed or {}) for key in keys}
        if len(set(orders.values())) > 1:
            raise DataError(f"{dataset.root}: {' and '.join(keys)} have their joints in different orders")
        found = {key: _unit(dataset, key, units) for key in keys}
        zeros = None if calibration is None else _calibration(calibration, robot)
        if zeros is None and LEROBOT in found.values():
            raise DataError(
                f"{dataset.root} has joints from -100 to 100, which only the calibration of the arm that recorded it "
                f"turns into radians: give its file (--calibration), ours or LeRobot's"
            )
        return cls(robot, orders[STATE], found, pairing_of(schema.own) >= BY_OBSERVATION, zeros)

    def keys(self, dataset: Dataset) -> tuple[str, ...]:
        """Columns that `read` needs."""
        return (*self.units, *(key for key in _TIMES if dataset.schema.has(key)))

    def read(self, dataset: Dataset, episode: Episode, rows: Rows) -> JointRows:
        """Convert one episode.

        Raises DataError: a value or a time that is no number, times that fall, joints where none can be.
        """
        where, row_s = f"{dataset.root}, episode {episode.index}", 1.0 / dataset.schema.fps
        radians = {key: self._radians(rows, key, where) for key in self.units}
        kept = observation_times_s(dataset.schema, rows)
        times = np.arange(episode.length, dtype=np.float64) * row_s if kept is None else kept
        _check_times(times, where)
        log_s: Float64 = times
        log = radians.get(SETPOINTS, radians[ACTION])
        if self.ahead and SETPOINTS in radians:
            log_s, log = np.append(times, times[-1] + row_s), np.concatenate([log, radians[ACTION][-1:]])
        elif self.ahead:
            log_s = times + row_s
        return JointRows(radians[STATE], times, log_s, log, row_s)

    def slots(self, radians: Float64) -> NDArray[np.float32]:
        """Return (..., J) slot values of (..., J) radians, in joint order."""
        return slot_values(self.robot, radians)

    def _radians(self, rows: Rows, key: str, where: str) -> Float64:
        values, unit = (
            rows[key].reshape(len(rows[key]), -1)[:, self.order].astype(np.float64),
            self.units[key],
        )
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0]
            more = len(np.unique(bad[:, 0]))
            raise DataError(
                f"{where}, row {row}: {key} of {self.robot.joints[column].name} is {values[row, column]}, not a number "
                f"({more} such rows); remove the episode: motorium data delete, or record it again"
            )
        if unit != RAD and self.calibration is not None:
            radians = self._calibrated(values, unit, self.calibration)
        else:
            radians = to_radians(values, self.robot, unit).astype(np.float64)
        _check_plausible(radians, self.robot, f"{where}: {key}", unit)
        return radians

    def _calibrated(self, values: Float64, unit: str, zeros: Calibration) -> Float64:
        """Return radians by what each servo counted then, as LeRobot's `_normalize` has it from its range."""
        out = to_radians(values, self.robot, DEG).astype(np.float64)  # degrees of a travel that nobody kept
        for i, joint in enumerate(self.robot.joints):
            if joint.name in zeros.travel_ticks:
                out[:, i] = _counted(values[:, i], joint, unit, (zeros, self.robot.motor_names[i]))
            elif unit == LEROBOT:
                raise DataError(
                    f"the calibration does not tell the travel of {joint.name}, which -100 to 100 is counted in: give "
                    f"LeRobot's own file, or calibrate the arm again"
                )
        return out


def _counted(values: Float64, joint: JointSpec, unit: str, how: tuple[Calibration, str]) -> Float64:
    """Return radians of one joint of LeRobot's numbers, which are shares of its travel, or degrees from its middle."""
    (low, high), zero = how[0].travel_ticks[joint.name], how[0].joints[joint.name]
    turn, against = MotorSpec.load(how[1]).ticks_per_turn, zero.sign != joint.sign  # drive mode 1
    if joint.unit != "rad":
        share = values / 100.0
        ticks = low + (1.0 - share if against else share) * (high - low)
    elif unit == DEG:
        ticks = (low + high) / 2 + values / 360.0 * (turn - 1)  # the drive mode does not count there
    else:
        ticks = (low + high) / 2 + (-values if against else values) / 200.0 * (high - low)
    return np.asarray((ticks - zero.zero_ticks) * zero.sign * TURN_RAD / turn, np.float64)


def _order(dataset: Dataset, key: str, robot: RobotSpec, renamed: Mapping[str, str]) -> tuple[int, ...]:
    feature = dataset.schema.feature(key)
    unnamed = feature.names is None or len(feature.names) != feature.size
    names = (
        [str(i) for i in range(feature.size)] if unnamed else [_plain(name) for name in feature.names or ()]
    )
    wanted = [_plain(renamed.get(name, name)) for name in robot.joint_names]
    fits = set(wanted) <= set(names) if renamed else sorted(wanted) == sorted(names)
    if not fits or len(set(wanted)) != len(wanted) or len(set(names)) != len(names):
        told = f"{feature.size} values without names" if unnamed else f"the joints {', '.join(names)}"
        example = f"{robot.joint_names[0]}={names[0] if names else 'NAME'}"
        raise DataError(
            f"{dataset.root}: {key} has {told}; {robot.name} has {', '.join(robot.joint_names)}. Declare which is "
            f"which (joints, {example} ...), or another robot"
        )
    return tuple(names.index(name) for name in wanted)


def _plain(name: str) -> str:
    for ending in _UNIT_ENDINGS:
        name = name.removesuffix(ending)
    return joint_of(name)


def _unit(dataset: Dataset, key: str, given: str | None) -> str:
    said = said_unit(dataset.schema, key)
    if given is not None and given not in UNITS:
        raise DataError(f"unit {given!r} is unknown; known: {', '.join(UNITS)}")
    if given is not None and said in UNITS and said != given and key != SETPOINTS:
        raise DataError(
            f"{dataset.root} says that {key} is in {said}, and {given} was given: leave it out, or correct the "
            f"dataset: motorium data units {dataset.root} --set {given}"
        )
    unit = said if key == SETPOINTS or said in UNITS else given
    if unit not in UNITS:
        there = f"says {said!r}" if said else "does not say it"
        raise DataError(
            f"the unit of {key} is unknown: {dataset.root} {there}. Give --units deg (use_degrees), lerobot "
            f"(-100 to 100) or rad"
        )
    return str(unit)


def _calibration(path: Path, robot: RobotSpec) -> Calibration:
    try:
        table: Any = read_json(path, MAX_BYTES, error=CalibrationError)
        ours = isinstance(table, dict) and table.get("format") == FORMAT
        return Calibration.load(path, robot) if ours else read_lerobot(path, robot)
    except CalibrationError as error:
        raise DataError(str(error)) from error


def _check_times(times: Float64, where: str) -> None:
    if not np.isfinite(times).all():
        raise DataError(f"{where}, row {int(np.argmin(np.isfinite(times)))}: its time is not a number")
    falls = np.flatnonzero(np.diff(times) < 0)
    if len(falls):
        raise DataError(f"{where}, row {int(falls[0]) + 1}: its time is before that of the row before")


def _check_plausible(radians: Float64, robot: RobotSpec, where: str, unit: str) -> None:
    for i, joint in enumerate(robot.joints):
        low, high = float(radians[:, i].min(initial=math.inf)), float(radians[:, i].max(initial=-math.inf))
        if low < joint.lower_rad - PLAUSIBLE_RAD or high > joint.upper_rad + PLAUSIBLE_RAD:
            raise DataError(
                f"{where} of {joint.name} goes from {low:.4g} to {high:.4g} rad, far beyond its limits "
                f"{joint.lower_rad:g} to {joint.upper_rad:g}: its unit is not {unit}, or the robot is not {robot.name}"
            )
