"""Which camera has which role on one robot: a JSON file beside the robot's calibration, and a picture per role.

`$XDG_CONFIG_HOME/motorium/cameras/<robot>.json` (by default in ~/.config), with `<robot>.<role>.png` beside it: what
that camera saw when it was bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import CameraError
from ..files import config_home, write_json
from ..foreign import read_json
from .modes import BYTES_PER_PIXEL, Mode

FORMAT = "motorium-cameras"
VERSION = 1
KINDS = ("uvc", "realsense", "file")
MAX_CAMERAS = 16
MAX_FILE_BYTES = 1 << 20
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NAME = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True)
class Binding:
    """One camera bound to a role.

    Attributes:
        kind: one of KINDS.
        serial: of the camera; may be empty for "uvc" bound by USB path.
        usb_path: such as 1-1.2; may be empty when the serial number is enough.
        path: of the video file or .db3 recording.
        mode: size, rate, pixel format.
        max_age_s: an older frame is not handed out.
    """

    kind: str
    serial: str = ""
    usb_path: str = ""
    path: str = ""
    mode: Mode = field(default_factory=Mode)
    max_age_s: float = 0.5

    @property
    def where(self) -> str:
        """The camera in a few words."""
        by = {"serial": self.serial, "USB path": self.usb_path, "file": self.path}
        return f"{self.kind} " + " at ".join(f"{name} {value}" for name, value in by.items() if value)


@dataclass(frozen=True)
class CameraSetup:
    """The cameras of one robot, by role."""

    robot: str
    cameras: Mapping[str, Binding] = field(default_factory=dict)

    @classmethod
    def load(cls, robot: str) -> CameraSetup:
        """Read the file of `robot`; empty when none was written. Raises CameraError for a damaged one."""
        path = setup_path(robot)
        if not path.is_file():
            return cls(robot)
        return _parse(read_json(path, MAX_FILE_BYTES, error=CameraError), robot, path)

    def save(self) -> Path:
        """Write the file, whole or not at all; returns where."""
        path = setup_path(self.robot)
        cameras = {role: asdict(binding) for role, binding in self.cameras.items()}
        write_json(path, {"format": FORMAT, "version": VERSION, "robot": self.robot, "cameras": cameras})
        return path

    def bound(self, role: str, binding: Binding) -> CameraSetup:
        """Return a copy in which `role` has this camera. Raises CameraError: bad role, camera bound elsewhere."""
        if not _ROLE.fullmatch(role):
            raise CameraError(f"role {role!r}: use small letters, digits and _ (front, wrist, left_wrist)")
        for other, taken in self.cameras.items():
            same = (taken.kind, taken.serial, taken.usb_path, taken.path)
            if other != role and same == (binding.kind, binding.serial, binding.usb_path, binding.path):
                raise CameraError(f"{binding.where} is bound to {other!r} already")
        return replace(self, cameras={**self.cameras, role: binding})


def directory() -> Path:
    """Return the folder of setups: $XDG_CONFIG_HOME/motorium/cameras, by default in ~/.config."""
    return config_home() / "cameras"


def setup_path(robot: str) -> Path:
    """Return the file of one robot's cameras. Raises CameraError for a name that is no file name."""
    if not _NAME.fullmatch(robot) or robot.startswith("."):
        raise CameraError(f"{robot!r} is not a robot name: use letters, digits, '_', '-' and '.'")
    return directory() / f"{robot}.json"


def picture_path(robot: str, role: str, suffix: str = "") -> Path:
    """Return the file of a role's reference picture, or with the suffix "seen" of what it sees now."""
    return setup_path(robot).with_name(f"{robot}.{role}{'.' + suffix if suffix else ''}.png")


def _parse(table: Any, robot: str, path: Path) -> CameraSetup:
    if not isinstance(table, dict) or table.get("format") != FORMAT or table.get("version") != VERSION:
        raise CameraError(f"{path} is not a {FORMAT} file of version {VERSION}")
    cameras = table.get("cameras")
    if table.get("robot") != robot or not isinstance(cameras, dict) or len(cameras) > MAX_CAMERAS:
        raise CameraError(f"{path} needs robot = {robot!r} and at most {MAX_CAMERAS} cameras")
    setup = CameraSetup(robot)
    for role, entry in cameras.items():
        setup = setup.bound(role, _binding(entry, f"{path}: {role}"))
    return setup


def _binding(entry: Any, where: str) -> Binding:
    if not isinstance(entry, dict) or not isinstance(entry.get("mode"), dict):
        raise CameraError(f"{where} is not a camera binding")
    unknown = sorted(set(entry) - set(Binding.__dataclass_fields__))
    unknown += sorted(set(entry["mode"]) - set(Mode.__dataclass_fields__))
    if unknown:
        raise CameraError(f"{where}: unknown key {unknown[0]!r}")
    kind = entry.get("kind")
    texts = {key: entry.get(key, "") for key in ("serial", "usb_path", "path")}
    if kind not in KINDS:
        raise CameraError(f"{where}: kind is {kind!r}; valid choices: {', '.join(KINDS)}")
    if any(not isinstance(text, str) or len(text) > 4096 for text in texts.values()):
        raise CameraError(f"{where}: serial, usb_path and path must be texts")
    if not any(texts.values()):
        raise CameraError(f"{where} does not name a camera: give serial, usb_path or path")
    age = entry.get("max_age_s", 0.5)
    return Binding(
        kind, **texts, mode=parse_mode(entry["mode"], where), max_age_s=_number(age, 0.01, 60, where)
    )


def parse_mode(entry: Mapping[str, Any], where: str) -> Mode:
    """Return a checked Mode. Raises CameraError."""
    mode = Mode(**entry)
    sides = (mode.width, mode.height)
    if not all(isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= 8192 for side in sides):
        raise CameraError(f"{where}: width and height must be 1 to 8192 pixels, not {sides}")
    if mode.pixels not in BYTES_PER_PIXEL:
        raise CameraError(f"{where}: pixels {mode.pixels!r}; valid choices: {', '.join(BYTES_PER_PIXEL)}")
    return replace(mode, fps=_number(mode.fps, 0.1, 1000, where))


def _number(value: Any, lower: float, upper: float, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise CameraError(f"{where}: {value!r} is not a number")
    if not lower <= value <= upper:
        raise CameraError(f"{where}: {value:g} is outside {lower:g} to {upper:g}")
    return float(value)
