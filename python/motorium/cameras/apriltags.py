"""Find a camera's pose from AprilTags (36h11) at known positions. Needs the extra `cameras`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CameraError
from ..types import UInt8
from .opencv import import_cv2
from .poses import Float64, Lens, Tag, inverse, pose

MAX_RMS_PX = 2.0
"""Beyond this something that was told is wrong: a size, a place, the lens."""
AMBIGUOUS = 2.0
"""A pose whose mirror image fits less than this much worse cannot be told from it."""
DISTINCT_RAD, DISTINCT_M = 0.05, 0.01
CORNER_PX = 0.25
"""Standard deviation of a detected corner, at least: measured on rendered tags."""
MAX_STD_DEG = 2.0
"""A direction that is known less well than this (35 mm at 1 m) is of no use."""


@dataclass(frozen=True)
class Extrinsics:
    """A solved camera.

    Attributes:
        camera_to_world: (4, 4); OpenCV's camera frame: x right, y down, z ahead.
        rms_px: root mean square distance of the corners from where the solution has them.
        per_tag_px: the same for each tag.
        std_m: standard deviation of its place, from the geometry of the corners.
        std_deg: of its direction.
        ambiguity: error of the best quite different pose over that of the solution; large is good.
        frames: pictures that were averaged.
    """

    camera_to_world: Float64
    rms_px: float
    per_tag_px: Mapping[int, float]
    std_m: float
    std_deg: float
    ambiguity: float
    frames: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "camera_to_world": [[round(float(x), 9) for x in row] for row in self.camera_to_world],
            "rms_px": round(self.rms_px, 4),
            "per_tag_px": {str(id_): round(px, 4) for id_, px in self.per_tag_px.items()},
            "std_mm": round(1e3 * self.std_m, 2),
            "std_deg": round(self.std_deg, 3),
            "ambiguity": round(min(self.ambiguity, 1e6), 2),
            "frames": self.frames,
        }


def detect(image: UInt8) -> dict[int, Float64]:
    """Find tags: number -> (4, 2) corners in pixels, clockwise from the top left of the tag's picture.

    A number seen twice is left out: nobody knows which is which.
    """
    cv2 = import_cv2()
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.cornerRefinementWinSize = 4
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    detector = cv2.aruco.ArucoDetector(dictionary, parameters)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    corners, ids, _ = detector.detectMarkers(grey)
    numbers = [] if ids is None else [int(i) for i in np.ravel(ids)]
    return {
        number: np.asarray(quad, dtype=np.float64).reshape(4, 2)
        for number, quad in zip(numbers, corners, strict=True)
        if numbers.count(number) == 1
    }


def averaged(sightings: Iterable[Mapping[int, Float64]]) -> tuple[dict[int, Float64], int]:
    """Return median corners over pictures of a still camera, for tags seen in at least half of them."""
    seen = list(sightings)
    numbers = {number for one in seen for number in one}
    kept = {}
    for number in sorted(numbers):
        quads = [one[number] for one in seen if number in one]
        if 2 * len(quads) >= len(seen):
            kept[number] = np.median(quads, axis=0)
    return kept, len(seen)


def solve(corners: Mapping[int, Float64], tags: Mapping[int, Tag], lens: Lens) -> Extrinsics:
    """Solve for the pose of the camera.

    Each tag alone has two poses that look much alike (Collins and Bartoli, "Infinitesimal plane-based pose estimation",
    2014). All of them are tried on all tags, the best is refined on all corners (Levenberg-Marquardt).

    Args:
        corners: tag number -> (4, 2) pixels, from `detect`.
        tags: those whose place is known; others in the picture are ignored.
        lens: of the camera.

    Raises:
        CameraError: no known tag is seen, the corners contradict the layout, or the pose is ambiguous.
    """
    known = {number: quad for number, quad in corners.items() if number in tags}
    if not known:
        raise CameraError(
            f"none of the tags {', '.join(map(str, sorted(tags)))} is in the picture (seen: "
            f"{', '.join(map(str, sorted(corners))) or 'none'}): light, focus, and a white border around each tag?"
        )
    guesses = [guess for number, quad in known.items() for guess in _poses_of(quad, tags[number], lens)]
    scored = sorted(((_rms(guess, known, tags, lens), i) for i, guess in enumerate(guesses)))
    best = _refined(guesses[scored[0][1]], known, tags, lens)
    rms = _rms(best, known, tags, lens)
    per_tag = {number: _rms(best, {number: quad}, tags, lens) for number, quad in known.items()}
    if rms > MAX_RMS_PX:
        worst = max(per_tag, key=lambda number: per_tag[number])
        raise CameraError(
            f"the tags contradict each other: {rms:.1f} px on average, tag {worst} is off by {per_tag[worst]:.1f} px; "
            f"check its size and position, and the lens"
        )
    others = [_refined(guesses[i], known, tags, lens) for _, i in scored[1:]]
    distinct = [_rms(other, known, tags, lens) for other in others if _differs(other, best)]
    ambiguity = min(distinct, default=float("inf")) / max(rms, 0.02)
    if ambiguity < AMBIGUOUS:
        raise CameraError(
            f"two poses fit almost equally well ({rms:.2f} and {min(distinct):.2f} px): the tag is small, or seen "
            "from directly above; move it closer, tilt the camera, or use several tags"
        )
    std_m, std_deg = _deviations(best, known, tags, lens, max(rms, CORNER_PX))
    if std_deg > MAX_STD_DEG:
        raise CameraError(
            f"the pose is known to {std_deg:.1f} degrees and {1e3 * std_m:.0f} mm only: the tags are small in the "
            "picture; move the camera closer, or use larger or several tags"
        )
    return Extrinsics(inverse(best), rms, per_tag, std_m, std_deg, ambiguity)


def _poses_of(quad: Float64, tag: Tag, lens: Lens) -> list[Float64]:
    """World to camera, both solutions of one tag."""
    cv2 = import_cv2()
    local = Tag(tag.size_m, np.eye(4)).corners_m
    count, turns, places, _ = cv2.solvePnPGeneric(
        local, quad, lens.matrix, np.array(lens.distortion), flags=cv2.SOLVEPNP_IPPE_SQUARE
    )
    world_to_tag = inverse(tag.tag_to_world)
    solutions = (
        pose(place.ravel(), cv2.Rodrigues(turn)[0]) for turn, place in zip(turns, places, strict=True)
    )
    return [tag_to_camera @ world_to_tag for tag_to_camera in solutions] if count else []


def _refined(guess: Float64, known: Mapping[int, Float64], tags: Mapping[int, Tag], lens: Lens) -> Float64:
    cv2 = import_cv2()
    points = np.concatenate([tags[number].corners_m for number in known])
    pixels = np.concatenate(list(known.values()))
    turn, _ = cv2.Rodrigues(guess[:3, :3])
    turn, place = cv2.solvePnPRefineLM(
        points, pixels, lens.matrix, np.array(lens.distortion), turn, guess[:3, 3].reshape(3, 1).copy()
    )
    return pose(place.ravel(), cv2.Rodrigues(turn)[0])


def _rms(
    world_to_camera: Float64, known: Mapping[int, Float64], tags: Mapping[int, Tag], lens: Lens
) -> float:
    cv2 = import_cv2()
    turn, _ = cv2.Rodrigues(world_to_camera[:3, :3])
    total, count = 0.0, 0
    for number, quad in known.items():
        points = tags[number].corners_m
        ahead = points @ world_to_camera[2, :3] + world_to_camera[2, 3]
        if (ahead <= 0).any():
            return float("inf")  # behind the camera
        seen, _ = cv2.projectPoints(
            points, turn, world_to_camera[:3, 3], lens.matrix, np.array(lens.distortion)
        )
        total += float(((seen.reshape(-1, 2) - quad) ** 2).sum())
        count += len(quad)
    return float(np.sqrt(total / count))


def _deviations(
    world_to_camera: Float64,
    known: Mapping[int, Float64],
    tags: Mapping[int, Tag],
    lens: Lens,
    corner_px: float,
) -> tuple[float, float]:
    """Return the standard deviation of the camera's place (m) and direction (degrees) when corners have `corner_px`."""
    cv2 = import_cv2()
    points = np.concatenate([tags[number].corners_m for number in known])
    turn, _ = cv2.Rodrigues(world_to_camera[:3, :3])
    place = world_to_camera[:3, 3]
    _, jacobian = cv2.projectPoints(points, turn, place, lens.matrix, np.array(lens.distortion))
    covariance = corner_px**2 * np.linalg.pinv(jacobian[:, :6].T @ jacobian[:, :6])

    def eye(parameters: Float64) -> Float64:
        return np.asarray(-cv2.Rodrigues(parameters[:3])[0].T @ parameters[3:])

    now = np.concatenate([turn.ravel(), place])
    slope = np.stack([(eye(now + step) - eye(now - step)) / 2e-6 for step in 1e-6 * np.eye(6)], axis=1)
    std_m = float(np.sqrt(np.trace(slope @ covariance @ slope.T)))
    return std_m, float(np.degrees(np.sqrt(np.trace(covariance[:3, :3]))))


def _differs(a: Float64, b: Float64) -> bool:
    cosine = np.clip((np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2, -1, 1)
    return bool(np.arccos(cosine) > DISTINCT_RAD or np.linalg.norm(a[:3, 3] - b[:3, 3]) > DISTINCT_M)
