"""Corrupt what a policy gets in an episode: other light, a covered patch, a moved camera, grey pictures, wrong words.

What is done to an episode is drawn from the seed of its scene alone, so that every policy meets the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MotoriumError
from ..sim.scene import COLOURS
from ..sim.tasks import instruction
from ..sim.world import World
from ..types import UInt8

CORRUPTIONS = ("light", "occlusion", "camera", "grey", "words")
LIGHT_GAIN = 0.4
"""Brightness is multiplied by 1 plus or minus up to this; training varies it by 0.15."""
LIGHT_OFFSET = 0.15
"""And moved by up to this share of the whole range; training: 0.06."""
LIGHT_TINT = 0.12
"""Each colour channel is multiplied by 1 plus or minus up to this beside; training: about 0.03."""
PATCH = 0.3
"""Side of the covered square, as a share of the picture's: a tenth of its area."""
CAMERA_SHIFT_M = 0.03
"""The camera stands elsewhere by up to this along each axis."""
CAMERA_AIM_M = 0.02
"""And looks at a point that is elsewhere by up to this along each axis, on the table."""
MOVED_CAMERA = "front"
GREY = 128
_DRAWS = 21
"""Beside the seed, so that these draws are none of the scene's, the latency's or the policy's."""


def check_corruptions(kinds: Sequence[str]) -> None:
    """Raise MotoriumError unless every name is one of CORRUPTIONS."""
    for kind in kinds:
        if kind not in CORRUPTIONS:
            raise MotoriumError(f"no corruption {kind!r:.40}; corruptions: {', '.join(CORRUPTIONS)}")


@dataclass(frozen=True)
class Corruption:
    """What is done in one episode.

    Attributes:
        kinds: some of CORRUPTIONS.
        gain: (3,) factors of the colour channels.
        offset: added to every value, in 0..255.
        patches: by camera, the corner of the covered square as shares of height and width, and its (3,) colour.
        told: the instruction that the policy gets; None: that of the scene.
    """

    kinds: tuple[str, ...]
    gain: NDArray[np.float64]
    offset: float
    patches: dict[str, tuple[float, float, UInt8]]
    told: str | None

    def picture(self, role: str, image: UInt8) -> UInt8:
        """Return what a camera's (H, W, 3) uint8 picture becomes, a new array."""
        out = np.array(image)
        if "light" in self.kinds:
            out = np.clip(np.rint(out * self.gain + self.offset), 0, 255).astype(np.uint8)
        if "occlusion" in self.kinds:
            down, across, colour = self.patches[role]
            high, wide = (round(PATCH * side) for side in out.shape[:2])
            top, left = round(down * (out.shape[0] - high)), round(across * (out.shape[1] - wide))
            out[top : top + high, left : left + wide] = colour
        if "grey" in self.kinds:
            out[:] = GREY
        return out


def corrupt(world: World, kinds: Sequence[str]) -> Corruption:
    """Draw what is done in the episode that `world` was just reset to, and move its camera where that is asked.

    Raises SimulationError when there is no camera of that role to move.
    """
    rng = np.random.default_rng([world.scene.seed, _DRAWS])
    gain = 1 + rng.uniform(-LIGHT_GAIN, LIGHT_GAIN) + rng.uniform(-LIGHT_TINT, LIGHT_TINT, 3)
    offset = 255 * float(rng.uniform(-LIGHT_OFFSET, LIGHT_OFFSET))
    shift, aim = rng.uniform(-1, 1, 3) * CAMERA_SHIFT_M, rng.uniform(-1, 1, 3) * CAMERA_AIM_M
    other = _other_colour(world, float(rng.uniform()))
    patches = {}
    for camera in world.spec.cameras:
        down, across = rng.uniform(0, 1, 2)
        patches[camera.role] = (float(down), float(across), rng.integers(0, 256, 3, dtype=np.uint8))
    if "camera" in kinds:
        world.move_camera(MOVED_CAMERA, shift.tolist(), [*aim[:2].tolist(), 0.0])
    told = instruction(other) if "words" in kinds else None
    return Corruption(tuple(kinds), gain, offset, patches, told)


def _other_colour(world: World, drawn: float) -> str:
    """Return the colour of another cube on the table; where the target stands alone, of one that is not there."""
    others = [colour for colour in world.scene.colours if colour != world.scene.target]
    others = others or [colour for colour in COLOURS if colour != world.scene.target]
    return others[int(drawn * len(others))]
