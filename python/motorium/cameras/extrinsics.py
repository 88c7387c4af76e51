"""`motorium cameras calibrate`: from pictures of tags to a file with the camera's pose in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..deprecated import dict_access
from ..errors import CameraError
from ..files import write_json
from ..foreign import check_regular
from ..types import UInt8
from .apriltags import Extrinsics, averaged, detect, solve
from .opencv import import_cv2
from .poses import Lens, load_tags
from .rig import CameraRig
from .setup import CameraSetup, setup_path

FORMAT, VERSION = "motorium-extrinsics", 1
FRAMES = 10
MAX_PICTURE_BYTES = 64 << 20


@dict_access
@dataclass(frozen=True)
class CameraPlace:
    """Where a camera stands in the world, as it is kept.

    Attributes:
        robot, role: whose camera, and which.
        width, height: of its pictures, pixels.
        lens: what the place was solved with.
        extrinsics: the place, and how well it is known.
    """

    robot: str
    role: str
    width: int
    height: int
    lens: Lens
    extrinsics: Extrinsics

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: the content of the file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "robot": self.robot,
            "role": self.role,
            "width": self.width,
            "height": self.height,
            "lens": asdict(self.lens),
            **self.extrinsics.as_dict(),
        }


def extrinsics_path(robot: str, role: str) -> Path:
    """Return the file of a camera's pose, beside its binding."""
    return setup_path(robot).with_name(f"{robot}.{role}.extrinsics.json")


def pictures(robot: str, role: str, files: Sequence[Path]) -> list[UInt8]:
    """Return the given image files, or ten frames of the bound camera. Raises CameraError."""
    if files:
        return [_read(path) for path in files]
    binding = CameraSetup.load(robot).cameras.get(role)
    if binding is None:
        raise CameraError(f"no camera is bound as {role!r} for {robot}: bind it first, or give --image")
    with CameraRig(CameraSetup(robot, {role: binding})) as rig:
        frames = [rig.first_frames()[role]]
        while len(frames) < FRAMES:
            frames.append(rig.cameras[role].read_newer(frames[-1].seq))
    return [frame.image for frame in frames]


def calibrate(
    robot: str, role: str, images: Sequence[UInt8], tags_file: Path, lens: Lens | float
) -> CameraPlace:
    """Solve, keep the result, and return it.

    Args:
        robot: whose camera, and role: which.
        role: of the camera.
        images: of a camera that stands still, of one size.
        tags_file: the layout, see `poses.load_tags`.
        lens: a Lens, or the vertical field of view in degrees.

    Raises:
        CameraError: as `apriltags.solve`; pictures of different sizes; a bad layout.
    """
    tags = load_tags(tags_file)
    sizes = {image.shape for image in images}
    if len(sizes) != 1:
        raise CameraError(f"{len(images)} pictures of {len(sizes)} sizes")
    height, width = images[0].shape[:2]
    optics = lens if isinstance(lens, Lens) else Lens.from_fovy(width, height, lens)
    corners, count = averaged(detect(image) for image in images)
    found = replace(solve(corners, tags, optics), frames=count)
    place = CameraPlace(robot, role, width, height, optics, found)
    write_json(extrinsics_path(robot, role), place.as_dict())
    return place


def _read(path: Path) -> UInt8:
    cv2 = import_cv2()
    image = cv2.imread(str(check_regular(path, MAX_PICTURE_BYTES, error=CameraError)), cv2.IMREAD_COLOR)
    if image is None:
        raise CameraError(f"{path} is not a picture that OpenCV can read")
    rgb: UInt8 = image[:, :, ::-1].copy()
    return rgb
