"""Calibration: where the joints of one physical arm have their zero, as a JSON file.

The file names the robot and a hash of what a calibration depends on (servos, joint frames, limits). A calibration
made for another robot, or before its declaration changed, is refused: a wrong zero drives an arm into its stops.
A checksum finds files that were damaged or edited.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import CalibrationError
from ..files import write_json
from ..motors.bus import JointZero
from ..motors.ports import adapter_serial
from .spec import RobotSpec

FORMAT = "motorium-calibration"
VERSION = 1


def spec_hash(spec: RobotSpec) -> str:
    """SHA-256 over everything in `spec` that gives ticks their meaning."""
    motors = set(spec.motor_names)
    facts = {
        "name": spec.name,
        "motor": spec.motor_names if len(motors) > 1 else spec.bus.motor,
        "joints": [
            [j.name, j.id, *j.origin_xyz_m, *j.origin_rpy_rad, j.lower_rad, j.upper_rad] for j in spec.joints
        ],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def directory() -> Path:
    """Where calibrations are kept by name: $XDG_CONFIG_HOME/motorium/calibration, by default in ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "motorium" / "calibration"


def find(name_or_path: str | Path) -> Path:
    """The file of a calibration given by name or path. Raises CalibrationError with the known names."""
    path = Path(name_or_path)
    if path.suffix != ".json":
        path = directory() / f"{name_or_path}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in directory().glob("*.json"))) or "none"
        raise CalibrationError(f"no calibration {str(name_or_path)!r} ({path}); known: {known}")
    return path


@dataclass(frozen=True)
class Calibration:
    """Zeros and signs of one physical arm.

    Attributes:
        robot: name of its RobotSpec.
        spec_hash: `spec_hash` of the specification it was made for.
        joints: joint name -> ticks at zero radians, +1 or -1, and the offset kept by the servo.
        adapter: serial number of the arm's USB adapter; None when it has none.
    """

    robot: str
    spec_hash: str
    joints: Mapping[str, JointZero]
    adapter: str | None = None

    @classmethod
    def nominal(cls, spec: RobotSpec) -> Calibration:
        """An arm assembled exactly as its specification says; true for simulated ones."""
        joints = {j.name: JointZero(float(j.zero_ticks), j.sign) for j in spec.joints}
        return cls(spec.name, spec_hash(spec), joints)

    @classmethod
    def load(cls, name_or_path: str | Path, spec: RobotSpec) -> Calibration:
        """Read and check a calibration of `spec`. Raises CalibrationError."""
        path = find(name_or_path)
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise CalibrationError(
                f"{path} cannot be read as JSON: {error}; calibrate the arm again"
            ) from error
        calibration = _parse(table, path)
        calibration.check(spec, where=str(path))
        return calibration

    @classmethod
    def of_adapter(cls, port: str, spec: RobotSpec) -> Calibration:
        """The one calibration of `spec` made on the USB adapter behind `port`, else the one named after the robot.

        Raises CalibrationError when there is none, or two, or when the adapter belongs to another arm (leader and
        follower exchanged).
        """
        serial = adapter_serial(port)
        known = {} if serial is None else _of_serial(serial)
        fitting = [path for path, found in known.items() if found.robot == spec.name]
        if len(fitting) > 1:
            names = ", ".join(path.stem for path in fitting)
            raise CalibrationError(
                f"{names} are all calibrations of the adapter {serial}: name the one to use"
            )
        if fitting:
            return cls.load(fitting[0], spec)
        if known:
            others = ", ".join(sorted({found.robot for found in known.values()}))
            raise CalibrationError(
                f"the adapter {serial} on {port} belongs to {others}, not to {spec.name}: are the ports of two arms "
                f"exchanged? If not, calibrate {spec.name} there"
            )
        named = cls.load(spec.name, spec)
        if serial is not None and named.adapter not in (None, serial):
            raise CalibrationError(
                f"the calibration {spec.name!r} was made on the adapter {named.adapter}, and {port} is {serial}: "
                f"calibrate this arm, or name the calibration if it is the same arm on a new adapter"
            )
        return named

    def save(self, path: Path) -> None:
        """Write the file; it is replaced as a whole or not at all."""
        table: dict[str, object] = {
            "format": FORMAT,
            "version": VERSION,
            "robot": self.robot,
            "spec_hash": self.spec_hash,
            "adapter": self.adapter,
            "joints": {name: asdict(zero) for name, zero in self.joints.items()},
        }
        table["checksum"] = _checksum(table)
        write_json(path, table)

    def check(self, spec: RobotSpec, *, where: str = "calibration") -> None:
        """Raise CalibrationError unless this belongs to `spec`."""
        if self.robot != spec.name:
            raise CalibrationError(f"{where} is for robot {self.robot!r}, not {spec.name!r}")
        if set(self.joints) != set(spec.joint_names):
            raise CalibrationError(
                f"{where} has joints {', '.join(sorted(self.joints))}; "
                f"{spec.name} has {', '.join(spec.joint_names)}"
            )
        if self.spec_hash != spec_hash(spec):
            raise CalibrationError(
                f"{where} was made for another declaration of {spec.name} (servos, joint frames or limits "
                f"changed since): calibrate the arm again"
            )


def _of_serial(serial: str) -> dict[Path, Calibration]:
    """Every calibration made on one adapter, whatever the robot; files that cannot be read are another's business."""
    found = {}
    for path in sorted(directory().glob("*.json")):
        try:
            calibration = _parse(json.loads(path.read_text(encoding="utf-8")), path)
        except (CalibrationError, OSError, ValueError):
            continue  # asked for by name it says what is wrong with it
        if calibration.adapter == serial:
            found[path] = calibration
    return found


def _parse(table: object, path: Path) -> Calibration:
    if not isinstance(table, dict) or table.get("format") != FORMAT or table.get("version") != VERSION:
        raise CalibrationError(f"{path} is not a {FORMAT} file of version {VERSION}")
    if table.get("checksum") != _checksum(table):
        raise CalibrationError(
            f"{path} was damaged or edited (its checksum differs): calibrate the arm again"
        )
    robot, digest, joints = table.get("robot"), table.get("spec_hash"), table.get("joints")
    adapter = table.get("adapter")
    if not isinstance(robot, str) or not isinstance(digest, str) or not isinstance(joints, dict):
        raise CalibrationError(f"{path} needs the keys robot, spec_hash and joints")
    if adapter is not None and not isinstance(adapter, str):
        raise CalibrationError(f"{path}: adapter must be a serial number or null, not {adapter!r}")
    zeros = {str(name): _joint(entry, f"{path}: {name}") for name, entry in joints.items()}
    return Calibration(robot, digest, zeros, adapter)


def _checksum(table: Mapping[str, object]) -> str:
    content = {key: value for key, value in table.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _joint(entry: object, where: str) -> JointZero:
    if not isinstance(entry, dict) or set(entry) != {"zero_ticks", "sign", "homing_offset"}:
        raise CalibrationError(f"{where} needs exactly the keys zero_ticks, sign and homing_offset")
    zero, sign, offset = entry["zero_ticks"], entry["sign"], entry["homing_offset"]
    if isinstance(zero, bool) or not isinstance(zero, (int, float)) or not math.isfinite(zero):
        raise CalibrationError(f"{where}: zero_ticks must be a number, not {zero!r}")
    if isinstance(sign, bool) or sign not in (-1, 1):
        raise CalibrationError(f"{where}: sign is {sign!r}; valid choices: -1, 1")
    if isinstance(offset, bool) or not (
        offset is None or (isinstance(offset, int) and abs(offset) < 1 << 24)
    ):
        raise CalibrationError(
            f"{where}: homing_offset must be a whole number of ticks or null, not {offset!r}"
        )
    return JointZero(float(zero), int(sign), offset)
