"""Hand motion as MANO parameters: the importer, which trusts nothing in the file.

MANO (Romero, Tzionas and Black, "Embodied hands", 2017): shape beta (10 numbers), pose theta (15 joints, axis-angle).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import read_arrays
from ..errors import MotoriumError
from .rotations import Float64, to_axis_angle, to_matrix

SIDES = ("right", "left")
BETAS, THETAS = 10, 45
MAX_FRAMES = 1_000_000
MAX_BYTES = 1 << 30
MAX_BETA = 10.0
MAX_JOINT_RAD = 6.3
MAX_DISTANCE_M = 100.0
ORTHONORMAL = 1e-3


@dataclass(frozen=True)
class HandTrack:
    """One hand over time, in the world frame.

    Attributes:
        side: "right" or "left".
        t_s: (N,) seconds, rising.
        beta: (10,) shape.
        theta: (N, 45) axis-angle of 15 joints, each in its parent.
        wrist_position_m: (N, 3).
        wrist_rotation: (N, 3) axis-angle.
        confidence: (N,) 0 to 1.
    """

    side: str
    t_s: Float64
    beta: Float64
    theta: Float64
    wrist_position_m: Float64
    wrist_rotation: Float64
    confidence: Float64

    def __len__(self) -> int:
        return len(self.t_s)

    def part(self, rows: slice) -> HandTrack:
        """Return the frames `rows` as a track of their own."""
        moving = {
            name: getattr(self, name)[rows]
            for name in ("t_s", "theta", "wrist_position_m", "wrist_rotation", "confidence")
        }
        return HandTrack(self.side, beta=self.beta, **moving)


@dataclass(frozen=True)
class HandFile:
    """The content of an .npz file of hands.

    Attributes:
        hands: by side, in the world frame where the file says how to get there, else in the frame it has.
        frame: what the file calls that frame: "world", "camera", or None when it does not say.
        camera_to_world: (N, 4, 4) where the file has it.
    """

    hands: dict[str, HandTrack]
    frame: str | None
    camera_to_world: Float64 | None


def load_hands(path: str | Path) -> dict[str, HandTrack]:
    """Read the hands of an .npz file, by side, in the world frame; see `load_hand_file`. Raises MotoriumError."""
    return load_hand_file(path).hands


def load_hand_file(path: str | Path) -> HandFile:
    """Read the hands of an .npz file, in the world frame where the file says how.

    Arrays, N frames each: `t_s` (N,) or `fps`; for `right` and/or `left`: `<side>_theta` (N, 45) or (N, 15, 3),
    `<side>_wrist_position_m` (N, 3), `<side>_wrist_rotation` (N, 3) axis-angle, and, where known, `<side>_beta` (10,)
    or (N, 10), of which the median is taken, and `<side>_confidence` (N,). With `camera_to_world` (4, 4) or (N, 4, 4)
    the wrists are in the camera's frame. Without it they are in the frame that the text `frame` names: "world" (x
    ahead, y left, z up) or "camera" (x right, y down, z ahead).

    Raises:
        MotoriumError: unreadable, a missing or misshapen array, a number that is not finite or beyond what hands do.
    """
    file = Path(path)
    arrays = read_arrays(file, max_bytes=MAX_BYTES)
    sides = [side for side in SIDES if f"{side}_theta" in arrays]
    if not sides:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise MotoriumError(f"{file} has neither right_theta nor left_theta; it has {there}")
    count = len(np.atleast_1d(arrays[f"{sides[0]}_theta"]))
    if not 2 <= count <= MAX_FRAMES:
        raise MotoriumError(f"{file} has {count} frames; it must have 2 to {MAX_FRAMES}")
    t_s = _times(arrays, count, file)
    camera = _camera(arrays, count, file)
    hands = {side: _track(arrays, side, t_s, camera, file) for side in sides}
    return HandFile(hands, _frame(arrays, file), camera if "camera_to_world" in arrays else None)


def _frame(arrays: Mapping[str, NDArray[Any]], file: Path) -> str | None:
    said = arrays.get("frame")
    if said is None:
        return None
    text = str(said.reshape(-1)[0]) if said.size == 1 else ""
    if text not in ("world", "camera"):
        raise MotoriumError(f"{file}: frame is {text[:40]!r}; valid choices: world, camera")
    return text


def _track(
    arrays: Mapping[str, NDArray[Any]], side: str, t_s: Float64, camera: Float64, file: Path
) -> HandTrack:
    count = len(t_s)
    theta = arrays[f"{side}_theta"]
    if theta.shape == (count, THETAS // 3, 3):
        theta = theta.reshape(count, THETAS)
    theta = _checked(theta, (count, THETAS), MAX_JOINT_RAD, f"{file}: {side}_theta")
    place = _array(arrays, f"{side}_wrist_position_m", (count, 3), MAX_DISTANCE_M, file)
    turn = to_matrix(_array(arrays, f"{side}_wrist_rotation", (count, 3), MAX_JOINT_RAD, file))
    beta = arrays.get(f"{side}_beta", np.zeros(BETAS))
    if beta.shape == (count, BETAS) and count != BETAS:
        beta = np.median(_checked(beta, (count, BETAS), MAX_BETA, f"{file}: {side}_beta"), axis=0)
    confidence = arrays.get(f"{side}_confidence", np.ones(count))
    return HandTrack(
        side,
        t_s,
        _checked(beta, (BETAS,), MAX_BETA, f"{file}: {side}_beta"),
        theta,
        (camera[:, :3, :3] @ place[:, :, None])[:, :, 0] + camera[:, :3, 3],
        to_axis_angle(camera[:, :3, :3] @ turn),
        np.clip(_checked(confidence, (count,), 1e6, f"{file}: {side}_confidence"), 0.0, 1.0),
    )


def _times(arrays: Mapping[str, NDArray[Any]], count: int, file: Path) -> Float64:
    if "t_s" in arrays:
        t_s = _array(arrays, "t_s", (count,), 1e12, file)
        if not (np.diff(t_s) > 0).all():
            raise MotoriumError(f"{file}: t_s does not rise")
        return t_s
    fps = arrays.get("fps")
    if fps is None or fps.size != 1 or fps.dtype.kind not in "iuf" or not 1 <= float(fps.reshape(())) <= 1000:
        raise MotoriumError(f"{file} needs t_s (N,), or fps from 1 to 1000")
    return np.arange(count) / float(fps.reshape(()))


def _camera(arrays: Mapping[str, NDArray[Any]], count: int, file: Path) -> Float64:
    """(N, 4, 4), rigid."""
    given = arrays.get("camera_to_world", np.eye(4))
    if given.shape == (4, 4):
        given = np.broadcast_to(given, (count, 4, 4))
    camera = _checked(given, (count, 4, 4), MAX_DISTANCE_M, f"{file}: camera_to_world")
    turned = camera[:, :3, :3]
    off = np.abs(turned @ turned.swapaxes(1, 2) - np.eye(3)).max()
    if off > ORTHONORMAL or (np.linalg.det(turned) < 0).any():
        raise MotoriumError(f"{file}: camera_to_world is not a rotation (off by {off:.2g})")
    if np.abs(camera[:, 3] - np.array([0, 0, 0, 1])).max() > ORTHONORMAL:
        raise MotoriumError(f"{file}: the last row of camera_to_world must be 0 0 0 1")
    return camera


def _array(
    arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...], most: float, file: Path
) -> Float64:
    if name not in arrays:
        raise MotoriumError(f"{file} has no array {name!r}; it has {', '.join(sorted(arrays))}")
    return _checked(arrays[name], shape, most, f"{file}: {name}")


def _checked(array: NDArray[Any], shape: tuple[int, ...], most: float, where: str) -> Float64:
    if array.shape != shape or array.dtype.kind not in "iuf":
        raise MotoriumError(f"{where} is {array.dtype} {array.shape}, not numbers {shape}")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise MotoriumError(f"{where} has numbers that are not finite")
    if values.size and np.abs(values).max() > most:
        raise MotoriumError(f"{where} reaches {np.abs(values).max():.3g}; at most {most:g} is plausible")
    return values
