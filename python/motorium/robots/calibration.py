"""Calibration: where the joints of one physical arm have their zero, as a JSON file.

The file names the robot and a hash of what a calibration depends on (servos, joint frames, limits). A calibration
made for another robot, or before its declaration changed, is refused: a wrong zero drives an arm into its stops.
A checksum finds files that were damaged or edited.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import CalibrationError
from ..files import config_home, looks_like_path, no_such_file, write_json
from ..foreign import read_json
from ..motors.ports import adapter_serial, printed_serial, usb_path
from ..specs.robot import RobotSpec
from ..specs.servo import MotorSpec
from ..specs.travel import travel_warning
from ..specs.zero import JointZero
from .fingerprint import check_offsets

FORMAT = "motorium-calibration"
VERSION = 1
MAX_BYTES = 1 << 20
COUNT_REGISTERS = ("present_position", "goal_position", "homing_offset")
COUNT_SETTINGS = ("angular_resolution", "drive_mode", "operating_mode", "phase")
"""Registers whose value makes a count worth more, turns it round or shifts it (docs/bus.md)."""
_NAME = re.compile(r"\w[\w .-]{0,63}")


def spec_hash(spec: RobotSpec) -> str:
    """Return the SHA-256 over everything in `spec` that gives ticks their meaning.

    A shipped servo goes in by its name; one of the robot's author by what its file says of counts, wherever it stands.
    """
    if not any(map(_is_file, spec.motor_names)):
        return _hash(spec, _named_motors(spec))
    return _hash(spec, [_counts(name) if _is_file(name) else name for name in spec.motor_names])


def path_hash(spec: RobotSpec) -> str | None:
    """Return the hash that 0.1.0 made of a robot with a servo file: from the file's path. None without such a file."""
    return _hash(spec, _named_motors(spec)) if any(map(_is_file, spec.motor_names)) else None


def _hash(spec: RobotSpec, motor: object) -> str:
    facts = {
        "name": spec.name,
        "motor": motor,
        "joints": [
            [j.name, j.id, *j.origin_xyz_m, *j.origin_rpy_rad, j.lower_rad, j.upper_rad] for j in spec.joints
        ],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _named_motors(spec: RobotSpec) -> object:
    return spec.motor_names if len(set(spec.motor_names)) > 1 else spec.bus.motor


def _is_file(motor: str) -> bool:
    return motor.endswith(".toml")


def _counts(motor: str) -> dict[str, object]:
    """What a servo's file says of its counts; gains and thresholds may be tuned without calibrating again."""
    table = MotorSpec.load(motor)
    registers = [table.registers[name] for name in COUNT_REGISTERS if name in table.registers]
    return {
        "model": table.model,
        "protocol": table.protocol,
        "ticks_per_turn": table.ticks_per_turn,
        "max_ticks": table.max_ticks,
        "byte_order": table.byte_order,
        "reverse": asdict(table.reverse) if table.reverse else None,
        "registers": [[r.name, r.address, r.size, r.sign_bit, r.signed] for r in registers],
        "settings": [asdict(setting) for setting in table.settings if setting.register in COUNT_SETTINGS],
    }


def directory() -> Path:
    """Return the folder of named calibrations: $XDG_CONFIG_HOME/motorium/calibration, by default in ~/.config."""
    return config_home() / "calibration"


def path_of(name: str) -> Path:
    """Return the file for the calibration `name`. Raises CalibrationError for a name that would not be found again."""
    if not _NAME.fullmatch(name) or name == "nominal" or name.endswith((".json", ".toml")):
        raise CalibrationError(
            f"{name[:80]!r} is not a name for a calibration: use letters, digits, '_', '-' and '.', 64 at most; "
            "'nominal' "
            f"stands for the zeros of the declaration"
        )
    return directory() / f"{name}.json"


def find(name_or_path: str | Path) -> Path:
    """Return the file of a calibration given by name or path. Raises CalibrationError with the known names."""
    path = given = Path(name_or_path)
    if path.suffix != ".json":
        path = directory() / f"{name_or_path}.json"
    if path.is_file():
        return path
    known = ", ".join(sorted(p.stem for p in directory().glob("*.json"))) or "none"
    if looks_like_path(name_or_path, ".json"):
        raise CalibrationError(
            no_such_file(given, f"a calibration (.json), or the name of one; known: {known}")
        )
    raise CalibrationError(
        f"no calibration {str(name_or_path)!r} ({path}); known: {known}. `motorium calibrate` makes one"
    )


@dataclass(frozen=True)
class Calibration:
    """Zeros and signs of one physical arm.

    Attributes:
        robot: name of its RobotSpec.
        spec_hash: `spec_hash` of the specification it was made for.
        joints: joint name -> ticks at zero radians, +1 or -1, what the servo keeps: offset, and which way it counts.
        adapter: serial number of the arm's USB adapter; None when it tells nothing, see `adapter_serial`.
        usb_path: where it was plugged in, such as 1-1.2:1.0: a hint for where the serial number tells nothing.
        travel_ticks: joint name -> lowest and highest present position of its travel; empty when it was not kept.
    """

    robot: str
    spec_hash: str
    joints: Mapping[str, JointZero]
    adapter: str | None = None
    usb_path: str | None = None
    travel_ticks: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def nominal(cls, spec: RobotSpec) -> Calibration:
        """Return an arm assembled exactly as its specification says; true for simulated ones."""
        joints = {j.name: JointZero(float(j.zero_ticks), j.sign) for j in spec.joints}
        return cls(spec.name, spec_hash(spec), joints)

    @classmethod
    def load(cls, name_or_path: str | Path, spec: RobotSpec) -> Calibration:
        """Read and check a calibration of `spec`. Raises CalibrationError."""
        path = find(name_or_path)
        try:
            table = read_json(path, MAX_BYTES, error=CalibrationError)
        except CalibrationError as error:
            raise CalibrationError(f"{error}; calibrate the arm again") from error
        calibration = _parse(table, path)
        calibration.check(spec, where=str(path))
        return calibration

    @classmethod
    def of_adapter(cls, port: str, spec: RobotSpec) -> Calibration:
        """Return the calibration of `spec` made on the USB adapter behind `port`, else the one named after the robot.

        An adapter is known by its serial number, or where that tells nothing (a placeholder, or present twice) by the
        socket it is plugged into; the offsets that the servos keep must then be those of the calibration.

        Raises CalibrationError when there is none, or two, or when the adapter belongs to another arm (leader and
        follower exchanged), or when nothing says that the arm on `port` is the one that was calibrated.
        """
        serial = adapter_serial(port)
        chosen = _fitting(_of_serial(serial) if serial is not None else {}, port, spec, f"adapter {serial}")
        if chosen is not None:
            return cls.load(chosen, spec)
        place = usb_path(port)
        known = {} if place is None else _of_socket(place, printed_serial(port))
        chosen = _fitting(known, port, spec, f"USB path {place}")
        if chosen is None:
            return _named_after_robot(spec, port)
        found = cls.load(chosen, spec)
        check_offsets(found, port, spec, chosen.stem)
        return found

    def save(self, path: Path) -> None:
        """Write the file; it is replaced as a whole or not at all."""
        table: dict[str, object] = {
            "format": FORMAT,
            "version": VERSION,
            "robot": self.robot,
            "spec_hash": self.spec_hash,
            "adapter": self.adapter,
            "usb_path": self.usb_path,
            "joints": {name: asdict(zero) for name, zero in self.joints.items()},
            "travel_ticks": {name: list(ends) for name, ends in self.travel_ticks.items()},
        }
        table["checksum"] = _checksum(table)
        write_json(path, table)

    def warnings(self, spec: RobotSpec) -> list[str]:
        """Return a line for every joint that moved less than it should when this was made."""
        per_rad = MotorSpec.load(spec.bus.motor).ticks_per_turn / (2 * math.pi)
        moved = {name: (high - low) / per_rad for name, (low, high) in self.travel_ticks.items()}
        lines = [travel_warning(joint, moved[joint.name]) for joint in spec.joints if joint.name in moved]
        return [line for line in lines if line is not None]

    def check(self, spec: RobotSpec, *, where: str = "calibration") -> None:
        """Raise CalibrationError unless this belongs to `spec`."""
        if self.robot != spec.name:
            raise CalibrationError(f"{where} is for robot {self.robot!r}, not {spec.name!r}")
        if set(self.joints) != set(spec.joint_names):
            raise CalibrationError(
                f"{where} has joints {', '.join(sorted(self.joints))}; "
                f"{spec.name} has {', '.join(spec.joint_names)}"
            )
        if self.spec_hash not in (spec_hash(spec), path_hash(spec)):
            raise CalibrationError(
                f"{where} was made for another declaration of {spec.name} (servos, joint frames or limits "
                f"changed since): calibrate the arm again"
            )


def stored() -> dict[Path, Calibration]:
    """Read every named calibration, whatever the robot; files that cannot be read are left out."""
    found = {}
    for path in sorted(directory().glob("*.json")):
        with contextlib.suppress(CalibrationError):  # asked for by name it says what is wrong
            found[path] = _parse(read_json(path, MAX_BYTES, error=CalibrationError), path)
    return found


def _of_serial(serial: str) -> dict[Path, Calibration]:
    return {path: found for path, found in stored().items() if found.adapter == serial}


def _of_socket(place: str, printed: str | None) -> dict[Path, Calibration]:
    """Made in this socket, on an adapter that may be the present one: not on one known by another serial number."""
    return {
        path: found
        for path, found in stored().items()
        if found.usb_path == place and found.adapter in (None, printed)
    }


def _fitting(known: Mapping[Path, Calibration], port: str, spec: RobotSpec, what: str) -> Path | None:
    fitting = [path for path, found in known.items() if found.robot == spec.name]
    if len(fitting) > 1:
        names = ", ".join(path.stem for path in fitting)
        raise CalibrationError(f"{names} are all calibrations of the {what}: name the one to use")
    if known and not fitting:
        others = ", ".join(sorted({found.robot for found in known.values()}))
        raise CalibrationError(
            f"the {what} on {port} belongs to {others}, not to {spec.name}: are the ports of two arms "
            f"exchanged? If not, calibrate {spec.name} there, or name its calibration (--calibration)"
        )
    return fitting[0] if fitting else None


def _named_after_robot(spec: RobotSpec, port: str) -> Calibration:
    """Return the calibration named as the robot. Raises CalibrationError when it may be that of another arm."""
    place, printed = usb_path(port), adapter_serial(port) or printed_serial(port)
    told = (
        f"the serial number {printed} does not tell adapters apart" if printed else "it has no serial number"
    )
    try:
        named = Calibration.load(spec.name, spec)
    except CalibrationError as error:
        if printed is None or adapter_serial(port) is not None:
            raise
        raise CalibrationError(
            f"{error}; {told}: name the one of the arm on {port} (--calibration)"
        ) from error
    made = f"the calibration {named.robot!r} was made on"
    remedy = (
        f"calibrate this arm, or name the calibration if it is the same arm (--calibration {named.robot}, "
        f"calibration={named.robot!r})"
    )
    if place is None and printed is None:
        return named  # no USB device: nothing is known of where it leads
    if named.adapter not in (None, printed):
        this = printed or "an adapter without serial number"
        raise CalibrationError(f"{made} the adapter {named.adapter}, and {port} is {this}: {remedy}")
    if named.usb_path not in (None, place):
        raise CalibrationError(
            f"{made} USB path {named.usb_path}, and {port} is on {place}; {told}, so this may be another arm, or the "
            f"same one on a moved cable: {remedy}"
        )
    if named.adapter is not None:
        raise CalibrationError(f"{made} an adapter {named.adapter}, but {told}: {remedy}")
    return named


def _parse(table: object, path: Path) -> Calibration:
    if not isinstance(table, dict) or table.get("format") != FORMAT or table.get("version") != VERSION:
        raise CalibrationError(f"{path} is not a {FORMAT} file of version {VERSION}")
    if table.get("checksum") != _checksum(table):
        raise CalibrationError(
            f"{path} was damaged or edited (its checksum differs): calibrate the arm again"
        )
    robot, digest, joints = table.get("robot"), table.get("spec_hash"), table.get("joints")
    adapter, place = table.get("adapter"), table.get("usb_path")
    if not isinstance(robot, str) or not isinstance(digest, str) or not isinstance(joints, dict):
        raise CalibrationError(f"{path} needs the keys robot, spec_hash and joints")
    if adapter is not None and not isinstance(adapter, str):
        raise CalibrationError(f"{path}: adapter must be a serial number or null, not {adapter!r}")
    if place is not None and not isinstance(place, str):
        raise CalibrationError(f"{path}: usb_path must be like 1-1.2:1.0 or null, not {place!r}")
    zeros = {str(name): _joint(entry, f"{path}: {name}") for name, entry in joints.items()}
    travel = _travel(table.get("travel_ticks", {}), zeros, path)
    return Calibration(robot, digest, zeros, adapter, place, travel)


def _travel(table: object, joints: Mapping[str, JointZero], path: Path) -> dict[str, tuple[int, int]]:
    if not isinstance(table, dict) or not set(table) <= set(joints):
        raise CalibrationError(f"{path}: travel_ticks must name joints of the calibration, not {table!r}")
    for name, ends in table.items():
        whole = isinstance(ends, list) and all(type(end) is int and abs(end) < 1 << 24 for end in ends)
        if not whole or len(ends) != 2 or ends[0] > ends[1]:
            raise CalibrationError(f"{path}: travel_ticks of {name} must be two rising counts, not {ends!r}")
    return {name: (ends[0], ends[1]) for name, ends in table.items()}


def _checksum(table: Mapping[str, object]) -> str:
    content = {key: value for key, value in table.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _joint(entry: object, where: str) -> JointZero:
    known, optional = {"zero_ticks", "sign", "homing_offset"}, {"reverse"}
    if not isinstance(entry, dict) or not known <= set(entry) <= known | optional:
        raise CalibrationError(
            f"{where} needs exactly the keys zero_ticks, sign and homing_offset, and may have reverse"
        )
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
    reverse = entry.get("reverse")
    if reverse is not None and not isinstance(reverse, bool):
        raise CalibrationError(f"{where}: reverse must be true, false or null, not {reverse!r}")
    return JointZero(float(zero), int(sign), offset, reverse)
