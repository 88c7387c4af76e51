"""Poses, lenses and tag layouts: the inputs of camera calibration, read from untrusted files and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CameraError
from ..foreign import read_json
from ..specs.kinematics import rotation_rpy

Float64 = NDArray[np.float64]
MAX_TAGS = 587
"""The family 36h11 has so many."""
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True)
class Lens:
    """A pinhole with distortion, in pixels.

    Attributes:
        fx, fy, cx, cy: focal lengths and principal point; pixel (0, 0) has its centre at (0, 0).
        distortion: k1, k2, p1, p2, k3 as OpenCV has them.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)

    @classmethod
    def from_fovy(cls, width: int, height: int, fovy_deg: float) -> Lens:
        """Make a lens of square pixels, centred axis and a vertical field of view. Raises CameraError."""
        if not 1 <= fovy_deg <= 170:
            raise CameraError(f"a vertical field of view of {fovy_deg:g} degrees; it must be 1 to 170")
        focal = 0.5 * height / math.tan(math.radians(fovy_deg) / 2)
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2)

    @classmethod
    def load(cls, path: Path) -> Lens:
        """Read {"fx", "fy", "cx", "cy", "distortion"} from JSON. Raises CameraError."""
        table = read_table(path)
        numbers = [_number(table.get(key), f"{path}: {key}") for key in ("fx", "fy", "cx", "cy")]
        if min(numbers[:2]) <= 0:
            raise CameraError(f"{path}: focal lengths must be positive")
        distortion = table.get("distortion", [0.0] * 5)
        if not isinstance(distortion, list) or len(distortion) != 5:
            raise CameraError(f"{path}: distortion needs k1, k2, p1, p2, k3")
        fx, fy, cx, cy = numbers
        return cls(fx, fy, cx, cy, tuple(_number(d, f"{path}: distortion") for d in distortion))

    @property
    def matrix(self) -> Float64:
        """(3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class Tag:
    """One tag in the world.

    Attributes:
        size_m: length of its black square's side.
        tag_to_world: (4, 4); x to the right of the tag, y up, z out of it towards who looks at it.
    """

    size_m: float
    tag_to_world: Float64

    @property
    def corners_m(self) -> Float64:
        """(4, 3) in the world: top left, top right, bottom right, bottom left."""
        h = self.size_m / 2
        local = np.array([[-h, h, 0, 1], [h, h, 0, 1], [h, -h, 0, 1], [-h, -h, 0, 1]])
        return np.ascontiguousarray((local @ self.tag_to_world.T)[:, :3])


def load_tags(path: Path) -> dict[int, Tag]:
    """Read tags by number from JSON: {"tags": [{"id", "size_m", "position_m", "rpy_rad"}]}. Raises CameraError.

    `rpy_rad` turns about the world's x, then y, then z; zero lies flat on the table, its picture upright towards +y.
    """
    entries = read_table(path).get("tags")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_TAGS:
        raise CameraError(f"{path} needs a list of 1 to {MAX_TAGS} tags")
    tags: dict[int, Tag] = {}
    for number, entry in enumerate(entries):
        where = f"{path}: tag {number}"
        if not isinstance(entry, dict) or set(entry) - {"id", "size_m", "position_m", "rpy_rad"}:
            raise CameraError(f"{where}: keys are id, size_m, position_m, rpy_rad")
        id_ = entry.get("id")
        if type(id_) is not int or not 0 <= id_ < MAX_TAGS or id_ in tags:
            raise CameraError(f"{where}: id {id_!r} must be 0 to {MAX_TAGS - 1}, and only once")
        size = _number(entry.get("size_m"), f"{where}: size_m")
        if not 0.001 <= size <= 10:
            raise CameraError(f"{where}: size_m {size:g} is outside 0.001 to 10")
        place, turn = (
            _vector(entry.get(key, [0, 0, 0]), f"{where}: {key}") for key in ("position_m", "rpy_rad")
        )
        tags[id_] = Tag(size, pose(place, rotation_rpy(turn)))
    return tags


def pose(position_m: Float64, rotation: Float64) -> Float64:
    """Return the pose (4, 4) of a position (3,) and a rotation (3, 3)."""
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = rotation, position_m
    return out


def inverse(transform: Float64) -> Float64:
    """Return the inverse pose (4, 4)."""
    turned = transform[:3, :3].T
    return pose(-turned @ transform[:3, 3], turned)


def read_table(path: Path) -> Mapping[str, Any]:
    """Return a JSON object of at most a megabyte. Raises CameraError."""
    table = read_json(path, MAX_FILE_BYTES, error=CameraError)
    if not isinstance(table, dict):
        raise CameraError(f"{path} does not contain a JSON object")
    return table


def _vector(value: Any, where: str) -> Float64:
    if not isinstance(value, list) or len(value) != 3:
        raise CameraError(f"{where} needs three numbers")
    return np.array([_number(x, where) for x in value])


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e9:
        raise CameraError(f"{where}: {value!r} is not a usable number")
    return float(value)
